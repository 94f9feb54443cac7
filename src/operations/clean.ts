import { posix, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { operation } from './operation.ts';
import { bounded, bytes, columns, count } from './text.ts';

export const clean = operation({
  name: 'clean',
  audience: 'people',
  title: 'Clean up old artifacts',
  description:
    'Shows which logs of old runs, which results of older seeds, and which older versions of large files that were sent could go from the pod, and how much they take; with `yes`, or a yes on the terminal, it deletes them. What runs, pipelines that are not at their end, and the newest of each are never touched.',
  effect: 'destroy',
  input: z.object({
    keep: z.int().min(1).max(10_000).default(5).describe('How many runs, and how many seeds of each model, are kept.'),
    yes: z.boolean().default(false).describe('Delete what is shown, without asking.'),
    folder: z.string().min(1).default('results').describe('Local folder in which to look whether it was fetched.'),
  }),
  output: z.object({
    pod: z.string(),
    keep: z.int(),
    items: z.array(
      z.object({
        path: z.string().describe('Below the remote root.'),
        bytes: z.int(),
        isHere: z
          .boolean()
          .describe('The same bytes lie in the local folder; of a run, those of its log. Of the cache: it holds only what was sent.'),
      }),
    ),
    bytes: z.int(),
    deleted: z.boolean(),
    shown: z.boolean().describe('The items were shown already, when it was asked.'),
  }),
  localPaths: ['folder'],
  examples: [
    ['rpo clean', 'what could go, and how much'],
    ['rpo clean --keep 3 --yes', 'all but the newest three'],
  ],
  async handle(context, { keep, yes, folder }, { signal, progress }) {
    const orchestrator = await context.orchestrator();
    progress({ message: 'looking for what is old' });
    const [logs, artifacts, cache] = await Promise.all([
      orchestrator.results.oldRuns(keep, signal),
      orchestrator.results.oldResults(keep, signal),
      orchestrator.results.uploadCache(signal),
    ]);
    const local = resolve(context.projectRoot, folder);
    const here = await orchestrator.results.fetchedTo(
      local,
      [...logs.map(({ path, bytes: size }) => ({ path: `${path}/output.log`, bytes: size })), ...artifacts],
      signal,
    );
    const old = [...logs, ...artifacts].map(({ path, bytes: size }) => ({
      path,
      bytes: size,
      isHere: here.has(path) || here.has(`${path}/output.log`),
    }));
    const items = cache.bytes === 0 ? old : [...old, { ...cache, isHere: true }];
    const found = { pod: orchestrator.pod.name, keep, items, bytes: items.reduce((sum, item) => sum + item.bytes, 0) };
    if (items.length === 0) return { ...found, deleted: false, shown: true };
    if (!yes && context.confirm) {
      const deleted = await context.confirm(`Delete ${amount(found)} from ${found.pod}?`, itemLines(items).join('\n'));
      if (deleted) await remove(orchestrator, items, signal);
      return { ...found, deleted, shown: true };
    }
    if (yes) await remove(orchestrator, items, signal);
    return { ...found, deleted: yes, shown: false };
  },
  render({ pod, keep, items, bytes: total, deleted, shown }) {
    if (items.length === 0) return `There is nothing on ${pod} beyond the newest ${keep}.`;
    const rows = shown ? [] : itemLines(items);
    const what = amount({ items, bytes: total });
    const end = deleted
      ? `Deleted from ${pod}: ${what}.`
      : `${what} could go from ${pod}. \`rpo clean --keep ${keep} --yes\` deletes them.`;
    return [...rows, end].join('\n');
  },
});

interface Item {
  readonly path: string;
  readonly bytes: number;
  readonly isHere: boolean;
}

function itemLines(items: readonly Item[]): string[] {
  return bounded(columns(items.map((item) => [`  ${item.path}`, bytes(item.bytes), item.isHere ? '' : 'not fetched yet'])), 40, 'item');
}

function amount({ items, bytes: total }: { readonly items: readonly unknown[]; readonly bytes: number }): string {
  return `${count(items.length, 'item')}, ${bytes(total)}`;
}

/** One trip, however many: the paths go over stdin, each to its NUL, since a name may hold a newline. */
async function remove(orchestrator: Orchestrator, items: readonly { readonly path: string }[], signal: AbortSignal): Promise<void> {
  const paths = items.map(({ path }) => posix.join(orchestrator.remoteRoot, path) + '\0').join('');
  const { exitCode, stderr } = await orchestrator.pod.exec('xargs -0 -r rm -rf --', {
    stdin: paths,
    timeoutMs: 300_000,
    signal,
  });
  if (exitCode !== 0)
    throw new UserError(
      'remote-failed',
      `Not everything could be deleted: ${stderr.trim().split('\n')[0] ?? ''}. Look with \`rpo clean\`.`,
    );
}
