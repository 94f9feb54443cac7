import { lstatSync, type Stats, statSync } from 'node:fs';
import { posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isUserError, throwIfCancelled, UserError } from '../core/errors.ts';
import type { PathMap } from '../core/pathMap.ts';
import { leastCachedBytes } from '../pod/artifactCache.ts';
import { Turns } from '../pod/turns.ts';
import type { FileToPut, Pod, PutFile, PutOptions, TransferOptions } from '../pod/pod.ts';
import { cacheFolder } from './cacheSize.ts';
import { checkSize, type SizeLimits } from './guard.ts';
import type { Ledger, LedgerEntries, LedgerEntry } from './ledger.ts';
import { hashLocal } from './localHashes.ts';
import type { RememberedHashes } from './rememberedHashes.ts';

/** From here on it pays to ask first which files of a set the pod has, rather than to send all of them. */
const worthAsking = 256 * 1024;

/** So many paths are tried that may have the bytes of a large file. */
const mostPlaces = 4;

export interface DeployOptions extends TransferOptions {
  /** Replace a copy that changed on the pod since we last deployed it. */
  readonly force?: boolean;
  readonly limits?: SizeLimits;
  /** These are known to differ from the pod's; not to be asked once more. */
  readonly areChanged?: boolean;
}

/** Hashes that are remembered from one comparison to the next. */
export interface DeployHashes {
  readonly local: RememberedHashes;
  readonly pod: RememberedHashes;
}

export interface DeployedFile {
  /** Below the project, POSIX separators. */
  readonly path: string;
  readonly remotePath: string;
  readonly bytes: number;
  readonly sha256: string;
  /** False when the pod had these very bytes already. */
  readonly changed: boolean;
  /** The pod had the bytes under another name: it took them from there, and they were not sent. */
  readonly reused?: boolean;
}

export interface DeployReport {
  readonly files: readonly DeployedFile[];
  /** Copies on the pod that were replaced and had not been put there from here; left out when there were none. */
  readonly replaced?: {
    /** Where they are kept on the pod, with the same paths. Old ones are removed in time. */
    readonly folder: string;
    /** Below the project. */
    readonly files: readonly string[];
  };
  readonly milliseconds: number;
}

interface Place {
  /** Below the project, POSIX separators. */
  readonly path: string;
  readonly localPath: string;
  readonly remotePath: string;
}

interface LocalFile extends Place {
  readonly bytes: number;
  readonly executable: boolean;
}

/** Asked before anything is sent or deleted; each throws what is to be told instead. */
export interface MaySend {
  /** With the path below the remote root, if it is there. */
  readonly mayWrite?: (remotePath: string, below: string | null) => void;
  readonly mayReadLocal?: (localPath: string) => Promise<void>;
}

/**
 * Puts chosen files of the project on the pod, all or none, and remembers what was put. A file that changed on the pod
 * since we last deployed it is not overwritten unless forced; any that we had not put there is kept on the pod.
 */
export class Deployer {
  constructor(
    private readonly pod: Pod,
    private readonly map: PathMap,
    private readonly ledger: Ledger,
    private readonly hashes: DeployHashes,
    private readonly may: MaySend = {},
  ) {}

  /**
   * @param paths local files, absolute or below the project
   * @throws UserError 'local-missing', 'outside-project', 'remote-changed' (details.files: paths below the project), and what Pod.putFiles throws
   */
  async deploy(paths: readonly string[], options: DeployOptions = {}): Promise<DeployReport> {
    const startedAt = Date.now();
    const files = await this.resolve(paths);
    checkSize(files, options.limits);
    const known = await this.ledger.read();
    const same = options.areChanged ? new Map<string, string>() : await this.sameAlready(files, known, options.signal);
    const puts = files
      .filter(({ path }) => !same.has(path))
      .map((file): FileToPut => {
        const last = known[file.path];
        return {
          source: { localPath: file.localPath },
          remotePath: file.remotePath,
          mode: file.executable ? 0o755 : 0o644,
          ours: oursOf(last),
          // Gone is no conflict: a restarted pod has lost its container disk.
          ...(last === undefined || options.force ? {} : { expected: [...oursOf(last), null] }),
        };
      });
    throwIfCancelled(options.signal, 'The deploy');
    const folder = posix.join(this.map.remoteRoot, '.runpod/replaced', stampOf(new Date()));
    const put = await this.put(puts, { ...options, keepStrangers: { root: this.map.remoteRoot, folder } });
    const byRemote = new Map(put.map((file) => [file.remotePath, file]));
    const deployed = files.map(({ path, remotePath, bytes }): DeployedFile => {
      const sha256 = same.get(path);
      if (sha256 !== undefined) return { path, remotePath, bytes, sha256, changed: false };
      const done = byRemote.get(remotePath);
      if (!done) throw new UserError('remote-failed', `The pod did not confirm ${path}. Deploy it again.`);
      return { path, remotePath, bytes: done.bytes, sha256: done.sha256, changed: done.changed, reused: done.reused };
    });
    const executables = new Set(files.filter(({ executable }) => executable).map(({ path }) => path));
    const entries = deployed.map(({ path, sha256 }) => [path, { sha256, executable: executables.has(path) }] as const);
    await this.ledger.add(new Map(entries), new Date());
    const replaced = deployed.flatMap(({ path, remotePath }) => (byRemote.get(remotePath)?.replacedStranger ? [path] : []));
    return {
      files: deployed,
      ...(replaced.length === 0 ? {} : { replaced: { folder, files: replaced } }),
      milliseconds: Date.now() - startedAt,
    };
  }

  /** Which of these files (below the project) the pod lacks, or has with other bytes or another mode; one round trip. */
  async changed(paths: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    const places = this.placesOf(paths);
    // The question is on its way before anything is looked at here.
    const lookHere = async () => {
      await setImmediate();
      const files = await look(places);
      return { files, here: await this.hashesHere(files, signal) };
    };
    const [there, { files, here }, known] = await Promise.all([this.hashesThere(places, signal), lookHere(), this.ledger.read()]);
    const same = sameOf(files, there, here, known);
    // Both sides became the same by other ways, a `git pull` on each say: that copy is no stranger from now on.
    for (const by of [undefined, 'upload', 'download'] as const)
      await this.remember(
        files.flatMap(({ path, remotePath, executable }) => {
          const sha256 = same.get(path);
          const last = known[path];
          return sha256 === undefined || last === undefined || last.by !== by || last.sha256 === sha256
            ? []
            : [{ remotePath, sha256, executable }];
        }),
        by,
      );
    // Fetched from there and not touched since: whatever differs now is the pod's own newer output.
    const isFetched = ({ path }: LocalFile) => known[path]?.by === 'download' && known[path].sha256 === here.get(path);
    return files.flatMap((file) => (same.has(file.path) || isFetched(file) ? [] : [file.path]));
  }

  /**
   * Deletes on the pod what was deployed from here and is no file of the project any more, unless it changed there meanwhile.
   *
   * @param present the files of the project, below it
   * @returns what was deleted, below the project
   * @throws UserError 'remote-changed' (details.files: paths below the project; nothing is deleted), and what Pod.removeFiles throws
   */
  async removeGone(present: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    const gone = await this.gone(present);
    for (const { path, remotePath } of gone) this.may.mayWrite?.(remotePath, path);
    const removed = new Set(await this.told(this.pod.removeFiles(gone, { signal }), 'deleted'));
    await this.ledger.remove(gone.map(({ path }) => path));
    return gone.flatMap(({ path, remotePath }) => (removed.has(remotePath) ? [path] : []));
  }

  /** Makes folders on the pod that hold nothing here, absolute paths there. */
  async makeFolders(remotePaths: readonly string[], signal?: AbortSignal): Promise<void> {
    for (const remotePath of remotePaths) this.may.mayWrite?.(remotePath, this.map.relativeOfRemote(remotePath));
    await this.pod.makeFolders(remotePaths, { signal });
  }

  /** What removeGone() would delete, if the pod still has it. */
  async gone(
    present: readonly string[],
  ): Promise<readonly { readonly path: string; readonly remotePath: string; readonly expected: string }[]> {
    const here = new Set(present);
    return Object.entries(await this.ledger.read()).flatMap(([path, { sha256, by }]) => {
      const remotePath = this.map.toRemote(path);
      // One that is here but excluded now was not deleted by anybody.
      const isGone = by === undefined && remotePath !== null && !here.has(path) && !isThere(this.map.join(path) ?? path);
      return isGone ? [{ path, remotePath, expected: sha256 }] : [];
    });
  }

  /** The files, with their SHA-256, that the pod has as they are here, where so many are sent that it pays to ask. */
  private async sameAlready(files: readonly LocalFile[], known: LedgerEntries, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const deployedBefore = files.filter(({ path }) => known[path] !== undefined).length;
    if (files.length === 1 || bytes < worthAsking || 2 * deployedBefore < files.length) return new Map();
    const [there, here] = await Promise.all([this.hashesThere(files, signal), this.hashesHere(files, signal)]);
    return sameOf(files, there, here, known);
  }

  private async hashesThere(places: readonly Place[], signal?: AbortSignal): Promise<ReadonlyMap<string, string | null>> {
    const { pod } = this.hashes;
    await pod.load();
    const hashes = await this.pod.hashFiles(
      places.map(({ remotePath }) => remotePath),
      { signal, memory: pod },
    );
    await pod.save();
    return hashes;
  }

  /** By path below the project. */
  private async hashesHere(files: readonly LocalFile[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { local } = this.hashes;
    await local.load();
    const hashes = await hashLocal(
      files.map(({ localPath }) => localPath),
      local,
      signal,
    );
    await local.save();
    return new Map(files.map(({ path }, index) => [path, hashes[index] ?? '']));
  }

  /**
   * Puts any files anywhere on the pod, whatever is there, and remembers those that a deploy may meet again.
   *
   * @throws UserError what Pod.putFiles throws
   */
  async upload(files: readonly FileToPut[], options: TransferOptions = {}): Promise<readonly PutFile[]> {
    await this.ask(files);
    const put = await this.putWhatDiffers(files, options);
    const isOwn = (index: number) => {
      const source = files[index]?.source;
      const target = files[index]?.remotePath ?? '';
      return source !== undefined && 'localPath' in source && source.localPath === this.map.toLocal(target);
    };
    const modes = new Map(files.map(({ remotePath, mode = 0o644 }) => [remotePath, mode]));
    const withMode = put.map((file) => ({ ...file, executable: ((modes.get(file.remotePath) ?? 0) & 0o100) !== 0 }));
    await this.remember(withMode.filter((_, index) => isOwn(index)));
    await this.remember(
      withMode.filter((_, index) => !isOwn(index)),
      'upload',
    );
    return put;
  }

  /** As Pod.putFiles. Of a folder that was uploaded before, what the pod has as it is here is not sent again. */
  private async putWhatDiffers(files: readonly FileToPut[], options: TransferOptions): Promise<readonly PutFile[]> {
    const known = await this.ledger.read();
    const asked = files.flatMap(({ source, remotePath, mode = 0o644 }): LocalFile[] => {
      const path = this.map.relativeOfRemote(remotePath);
      if (path === null || !('localPath' in source)) return [];
      const { localPath } = source;
      return [{ path, localPath, remotePath, bytes: factsOf(localPath, localPath).size, executable: (mode & 0o100) !== 0 }];
    });
    const same = asked.length === files.length ? await this.sameAlready(asked, known, options.signal) : new Map<string, string>();
    const isScratch = files.every(({ remotePath }) => remotePath.startsWith(posix.join(this.map.remoteRoot, '.runpod/')));
    const putOptions = isScratch ? options : { ...options, cache: this.cache };
    if (same.size === 0) return this.pod.putFiles(files, putOptions);
    const had = new Map(
      asked.flatMap(({ path, remotePath, bytes }): [string, PutFile][] => {
        const sha256 = same.get(path);
        return sha256 === undefined
          ? []
          : [[remotePath, { remotePath, sha256, bytes, changed: false, replacedStranger: false, reused: false }]];
      }),
    );
    const put = await this.pod.putFiles(
      files.filter(({ remotePath }) => !had.has(remotePath)),
      putOptions,
    );
    const sent = new Map(put.map((file) => [file.remotePath, file]));
    return files.flatMap(({ remotePath }) => had.get(remotePath) ?? sent.get(remotePath) ?? []);
  }

  private get cache(): NonNullable<PutOptions['cache']> {
    return { folder: posix.join(this.map.remoteRoot, cacheFolder), pathsOf: async (sha256) => this.pathsOf(sha256) };
  }

  private async pathsOf(sha256: string): Promise<readonly string[]> {
    await this.hashes.pod.load();
    const known = Object.entries(await this.ledger.read());
    const deployed = known.flatMap(([path, entry]) => (entry.sha256 === sha256 ? (this.map.toRemote(path) ?? []) : []));
    return [...new Set([...this.hashes.pod.pathsOf(sha256), ...deployed])].slice(-mostPlaces);
  }

  /**
   * Remembers the files that were fetched to their own places in the project: a later deploy replaces copies that are known.
   * Of a large one from anywhere it is remembered that the pod has it, should it be sent to another place there.
   */
  async fetched(
    files: readonly { readonly remotePath: string; readonly localPath: string; readonly sha256: string; readonly bytes: number }[],
  ): Promise<void> {
    const large = files.filter(({ bytes }) => bytes >= leastCachedBytes);
    if (large.length > 0) {
      const { pod } = this.hashes;
      await pod.load();
      // Its stamp is not known, so it will be read again when it is compared.
      for (const { remotePath, sha256 } of large) if (pod.get(remotePath)?.sha256 !== sha256) pod.set(remotePath, { stamp: '', sha256 });
      await pod.save();
    }
    const inPlace = files.filter(({ remotePath, localPath }) => localPath === this.map.toLocal(remotePath));
    if (inPlace.length === 0) return;
    const known = await this.ledger.read();
    const isSource = ({ remotePath }: (typeof inPlace)[number]) => {
      const last = known[this.map.relativeOfRemote(remotePath) ?? ''];
      return last !== undefined && last.by === undefined;
    };
    await this.remember(inPlace.filter(isSource));
    await this.remember(
      inPlace.filter((file) => !isSource(file)),
      'download',
    );
  }

  /** SHA-256 of everything last deployed from here, by path below the project. */
  async deployedSources(): Promise<Readonly<Record<string, string>>> {
    const entries = Object.entries(await this.ledger.read()).filter(([, { by }]) => by === undefined);
    return Object.fromEntries(entries.map(([path, { sha256 }]) => [path, sha256]));
  }

  private async ask(files: readonly FileToPut[]): Promise<void> {
    for (const { source, remotePath } of files) {
      this.may.mayWrite?.(remotePath, this.map.relativeOfRemote(remotePath));
      if ('localPath' in source) await this.may.mayReadLocal?.(source.localPath);
    }
  }

  /** What lies outside the remote root has no place in the ledger. */
  private async remember(
    files: readonly { readonly remotePath: string; readonly sha256: string; readonly executable?: boolean }[],
    by?: LedgerEntry['by'],
  ): Promise<void> {
    const entries = files.flatMap(({ remotePath, sha256, executable }) => {
      const path = this.map.relativeOfRemote(remotePath);
      return path === null ? [] : [[path, { sha256, executable }] as const];
    });
    await this.ledger.add(new Map(entries), new Date(), by);
  }

  private async put(puts: readonly FileToPut[], { signal, onProgress, keepStrangers }: PutOptions) {
    await this.ask(puts);
    return this.told(
      this.pod.putFiles(puts, { signal, onProgress, keepStrangers, cache: this.cache, onInspected: (hashes) => this.begin(hashes) }),
      'replaced',
    );
  }

  /** Written while the files are on their way, so that it takes no time. Without it, too, a deploy is right; only its answer must not be lost. */
  private async begin(hashes: ReadonlyMap<string, string>): Promise<void> {
    const below = [...hashes].flatMap(([remotePath, sha256]) => {
      const path = this.map.relativeOfRemote(remotePath);
      return path === null ? [] : [[path, sha256] as const];
    });
    await this.ledger.begin(new Map(below)).catch(() => {});
  }

  /** The same, with a refusal told in the project's own paths. */
  private async told<T>(work: Promise<T>, done: 'replaced' | 'deleted'): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!isUserError(error, 'remote-changed')) throw error;
      const remotePaths = Array.isArray(error.details['files']) ? (error.details['files'] as string[]) : [];
      const names = remotePaths.map((path) => this.map.relativeOfRemote(path) ?? path);
      const [first = 'A file'] = names;
      const what = names.length > 1 ? `${first} and ${names.length - 1} more` : first;
      const next =
        done === 'replaced'
          ? ", or deploy again with --force to replace the pod's copy (it is kept in .runpod/replaced there)"
          : ', or delete it there by hand';
      throw new UserError(
        'remote-changed',
        `${what} changed on ${this.pod.name} since it was last deployed from here. Nothing was ${done}. Compare it with \`rpo exec 'cat ${posix.join(this.map.remoteRoot, first)}'\`${next}.`,
        { cause: error, details: { files: names } },
      );
    }
  }

  /** Checks every path before anything is sent; directories are for whoever chooses the files. */
  private resolve(paths: readonly string[]): Promise<readonly LocalFile[]> {
    return look(this.placesOf(paths));
  }

  /** @throws UserError 'outside-project', 'bad-argument' */
  private placesOf(paths: readonly string[]): readonly Place[] {
    const places = new Map<string, Place>();
    for (const path of paths) {
      const relative = this.map.relativeOfLocal(path);
      if (relative === null || relative === '') {
        throw new UserError(
          'outside-project',
          `${path} is not below the project folder ${this.map.localRoot}, so it has no place on the pod. Deploy it with an explicit target: \`rpo upload ${path} REMOTE\`.`,
        );
      }
      const localPath = this.map.join(relative) ?? path;
      places.set(relative, { path: relative, localPath, remotePath: posix.join(this.map.remoteRoot, relative) });
    }
    if (places.size === 0) throw new UserError('bad-argument', 'There is nothing to deploy: no file was named.');
    return [...places.values()];
  }
}

/** @throws UserError 'local-missing' */
async function look(places: readonly Place[]): Promise<readonly LocalFile[]> {
  const turns = new Turns();
  const files: LocalFile[] = [];
  for (const place of places) {
    await turns.next();
    const info = factsOf(place.localPath, place.path);
    if (!info.isFile())
      throw new UserError(
        'local-missing',
        `${place.path} is not a file, so nothing was deployed. Name the files in it, or a preset of runpod.json.`,
      );
    files.push({ ...place, bytes: info.size, executable: process.platform !== 'win32' && (info.mode & 0o100) !== 0 });
  }
  return files;
}

/** Those of the files that the pod has with these bytes and this mode, with their SHA-256. */
function sameOf(
  files: readonly LocalFile[],
  there: ReadonlyMap<string, string | null>,
  here: ReadonlyMap<string, string>,
  known: LedgerEntries,
): ReadonlyMap<string, string> {
  return new Map(
    files.flatMap(({ path, remotePath, executable }): [string, string][] => {
      const sha256 = here.get(path);
      // The pod tells bytes; the mode is known of what was put there from here.
      const hasMode = (known[path]?.executable ?? false) === executable;
      return sha256 !== undefined && there.get(remotePath) === sha256 && hasMode ? [[path, sha256]] : [];
    }),
  );
}

/** SHA-256 of every copy that may be there because we put it there. */
function oursOf(last: LedgerEntry | undefined): readonly string[] {
  return last === undefined ? [] : [last.sha256, ...(last.pending ?? [])];
}

/** @throws UserError 'local-missing' */
function factsOf(localPath: string, name: string): Stats {
  try {
    return statSync(localPath);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = isThere(localPath)
      ? 'is a link to a file that is not there'
      : code === 'ENOENT'
        ? 'does not exist'
        : `cannot be read (${code ?? message})`;
    throw new UserError('local-missing', `${name} ${why}, so nothing was deployed. Check the path.`, { cause: error });
  }
}

/** Also for a link that leads nowhere. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Sorts by time and is a file name everywhere: `20261124-153012-042`. */
function stampOf(time: Date): string {
  return time.toISOString().replace(/[-:Z]/g, '').replace(/[T.]/g, '-');
}
