import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { isUserError, messageOf, UserError } from '../core/errors.ts';
import { isRunpodProxy, proxyAdvice } from '../core/runpodProxy.ts';
import { writeAtomic } from './atomicFile.ts';
import { type PlacedMessage, readConfig } from './configFile.ts';
import { withLock } from './fileLock.ts';
import { removeValue, setValue } from './jsonText.ts';
import { type PodEntry, type PodsFile, podsSchema } from './schema.ts';
import { didYouMean } from './suggest.ts';

/**
 * The person's own folder, shared by editor, terminal and agents: `RPO_HOME`, or `~/.runpod` (RunPod's tools keep their
 * files there too; nothing of theirs is touched).
 */
export class Home {
  readonly folder: string;
  /** The person's pods: name -> where it is. */
  readonly podsFile: string;
  /** Host keys of pods, OpenSSH format; ours to write. */
  readonly knownHostsFile: string;
  /** What we remember between sessions (what was deployed, ...). Losing it costs time, never data. */
  readonly stateFolder: string;

  constructor(folder: string = process.env['RPO_HOME'] || join(homedir(), '.runpod')) {
    this.folder = folder;
    this.podsFile = join(folder, 'pods.json');
    this.knownHostsFile = join(folder, 'known_hosts');
    this.stateFolder = join(folder, 'rpo');
  }

  /**
   * The pods; none when there is no file.
   *
   * @throws UserError 'bad-config' with every bad value, file and line; 'local-failed' when it cannot be read.
   */
  async readPods(): Promise<PodsFile> {
    const text = await this.readText();
    return text === null ? { pods: {} } : this.parse(text);
  }

  /**
   * The named pod, or the selected one, or the only one.
   *
   * @throws UserError 'bad-argument' for a name that is not there, 'not-configured' when there is none to choose.
   */
  async pod(name?: string): Promise<{ readonly name: string; readonly entry: PodEntry }> {
    const { pods, selected } = await this.readPods();
    const names = Object.keys(pods);
    const wanted = name ?? selected ?? (names.length === 1 ? names[0] : undefined);
    if (wanted === undefined) {
      if (names.length === 0) throw this.noPod();
      throw new UserError(
        'not-configured',
        `Several pods are set up (${names.join(', ')}) and none is selected. Choose one with \`rpo pods select NAME\` or --pod NAME.`,
        { details: { names } },
      );
    }
    return { name: wanted, entry: this.entryOf(pods, wanted) };
  }

  /** What to say where a pod is needed and there is none. */
  noPod(): UserError {
    return new UserError(
      'not-configured',
      `No pod is set up yet in ${this.podsFile}. Add one with \`rpo pods add "ssh root@HOST -p PORT -i KEY"\` (the line that RunPod shows under Connect, "SSH over exposed TCP"), or try \`rpo demo\`, which needs none.`,
      { details: { missing: 'pod' } },
    );
  }

  /**
   * Adds a pod. The first one is selected, later ones when asked to be.
   *
   * @throws UserError 'bad-argument' for a name that is taken (unless `replace`) or no name, an entry that is none;
   *   'bad-config' when pods.json is broken, which then stays as it is; 'local-failed' when it cannot be written.
   */
  async addPod(name: string, entry: PodEntry, options: { readonly select?: boolean; readonly replace?: boolean } = {}): Promise<void> {
    checkName(name);
    await this.edit((pods, text) => {
      if (Object.hasOwn(pods.pods, name) && options.replace !== true) {
        throw new UserError(
          'bad-argument',
          `There is a pod "${name}" in ${this.podsFile} already. Choose another name, or replace it: \`rpo pods add\` takes --name and --replace.`,
        );
      }
      const select = options.select === true || (pods.selected === undefined && Object.keys(pods.pods).length === 0);
      const added = setValue(text, ['pods', name], entry);
      return {
        text: select ? setValue(added, ['selected'], name) : added,
        expected: { ...pods, pods: { ...pods.pods, [name]: entry }, ...(select ? { selected: name } : {}) },
      };
    });
  }

  /** @throws UserError 'bad-argument' for a name that is not there, and as addPod(). Nothing is done to the pod itself. */
  async removePod(name: string): Promise<void> {
    await this.edit((pods, text) => {
      this.entryOf(pods.pods, name);
      const { [name]: _removed, ...others } = pods.pods;
      const { selected, ...rest } = pods;
      const wasSelected = selected === name;
      return {
        text: wasSelected ? removeValue(removeValue(text, ['pods', name]), ['selected']) : removeValue(text, ['pods', name]),
        expected: { ...rest, ...(wasSelected || selected === undefined ? {} : { selected }), pods: others },
      };
    });
  }

  /** Makes a pod the one that is used when none is named. @throws as removePod(). */
  async selectPod(name: string): Promise<void> {
    await this.edit((pods, text) => {
      this.entryOf(pods.pods, name);
      return { text: setValue(text, ['selected'], name), expected: { ...pods, selected: name } };
    });
  }

  /** One change of pods.json at a time over all processes; written only when the new text says exactly what was meant. */
  private async edit(change: (pods: PodsFile, text: string) => { readonly text: string; readonly expected: PodsFile }): Promise<void> {
    try {
      for (;;) {
        const done = await withLock(`${this.podsFile}.lock`, async (isOurs) => {
          const old = (await this.readText()) ?? '{\n  "pods": {}\n}\n';
          const { text, expected } = change(this.parse(old), old);
          if (!isDeepStrictEqual(this.parse(text), this.parse(JSON.stringify(expected)))) {
            throw new UserError(
              'local-failed',
              `${this.podsFile} could not be changed without harm to what is in it; it is as it was. Make the change by hand.`,
            );
          }
          return text === old || (await writeAtomic(this.podsFile, text, { stillWanted: isOurs }));
        });
        if (done) return;
      }
    } catch (error) {
      if (isUserError(error)) throw error;
      throw new UserError(
        'local-failed',
        `${this.podsFile} cannot be written: ${messageOf(error)}. Check the permissions of ${this.folder}.`,
        { cause: error },
      );
    }
  }

  private entryOf(pods: PodsFile['pods'], name: string): PodEntry {
    const entry = Object.hasOwn(pods, name) ? pods[name] : undefined;
    if (entry !== undefined) return entry;
    const names = Object.keys(pods);
    throw new UserError('bad-argument', `There is no pod "${name}" in ${this.podsFile}. ${didYouMean(name, names, 'pods')}`, {
      details: { names },
    });
  }

  private parse(text: string): PodsFile {
    return readConfig(text, this.podsFile, podsSchema, checkPods);
  }

  private async readText(): Promise<string | null> {
    try {
      return await readFile(this.podsFile, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new UserError('local-failed', `${this.podsFile} cannot be read: ${messageOf(error)}. Check its permissions.`, { cause: error });
    }
  }
}

function checkPods({ pods, selected }: PodsFile): PlacedMessage[] {
  const proxies = Object.entries(pods).filter(([, entry]) => 'host' in entry && isRunpodProxy(entry.host));
  const unusable = proxies.map(([name]) => ({ path: ['pods', name, 'host'], message: proxyAdvice }));
  if (selected === undefined || Object.hasOwn(pods, selected)) return unusable;
  return [
    ...unusable,
    { path: ['selected'], message: `there is no pod "${selected}". ${didYouMean(selected, Object.keys(pods), 'pods')}` },
  ];
}

function checkName(name: string): void {
  if (
    name.trim() === name &&
    name !== '' &&
    name !== '__proto__' &&
    !name.startsWith('-') &&
    name.length <= 100 &&
    !/[\u0000-\u001f\u007f]/.test(name)
  )
    return;
  throw new UserError('bad-argument', `${JSON.stringify(name)} cannot be the name of a pod; use letters, digits, "-" and "_".`);
}
