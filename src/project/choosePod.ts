import { UserError } from '../core/errors.ts';
import type { Home } from './home.ts';
import type { PodEntry } from './schema.ts';

/**
 * The pod that is meant: the named one, else the selected one, else the only one.
 *
 * @throws UserError 'not-configured' when there is none to choose, 'bad-argument' for a name that is not there
 */
export async function choosePod(home: Home, wanted: string | undefined): Promise<{ readonly name: string; readonly entry: PodEntry }> {
  const { pods, selected } = await home.readPods();
  const names = Object.keys(pods);
  if (names.length === 0) {
    throw new UserError(
      'not-configured',
      'No pod is set up yet. Add one with `rpo pods add "ssh root@HOST -p PORT -i KEY"` (the line that RunPod shows under Connect, "SSH over exposed TCP"), or "RunPod: Add Pod" in the editor; `rpo demo` needs none.',
    );
  }
  const name = wanted ?? selected ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) {
    throw new UserError(
      'not-configured',
      `Several pods are set up (${names.join(', ')}) and none is selected. Choose one with \`rpo pods select NAME\` or --pod NAME.`,
    );
  }
  const entry = Object.hasOwn(pods, name) ? pods[name] : undefined;
  if (!entry) {
    throw new UserError(
      'bad-argument',
      `There is no pod ${JSON.stringify(name)}; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}. \`rpo pods\` lists them.`,
    );
  }
  return { name, entry };
}
