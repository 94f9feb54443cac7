import { posix } from 'node:path';
import { isUserError, throwIfCancelled, UserError } from '../core/errors.ts';
import type { PathMap } from '../core/pathMap.ts';
import type { FileToPut, Pod, PutFile, PutOptions, TransferOptions } from '../pod/pod.ts';
import { cacheFolder } from './cacheSize.ts';
import { Comparison, type DeployHashes } from './comparison.ts';
import { Deployed } from './deployed.ts';
import { checkSize, type SizeLimits } from './guard.ts';
import type { Ledger, LedgerEntries, LedgerEntry } from './ledger.ts';
import { fileAt, isThere, type LocalFile, look, placesOf } from './places.ts';

export interface DeployOptions extends TransferOptions {
  /** Replace a copy that changed on the pod since we last deployed it. */
  readonly force?: boolean;
  readonly limits?: SizeLimits;
  /** These are known to differ from the pod's; not to be asked once more. */
  readonly areChanged?: boolean;
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

/** More is not sent before the pod has said what it has: it may be in vain. */
const mostBytesAtOnce = 256 * 1024;
const mostAtOnce = 50;

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
  private readonly deployed: Deployed;
  private readonly comparison: Comparison;

  constructor(
    private readonly pod: Pod,
    private readonly map: PathMap,
    private readonly ledger: Ledger,
    hashes: DeployHashes,
    private readonly may: MaySend = {},
  ) {
    this.deployed = new Deployed(map, ledger, hashes.pod);
    this.comparison = new Comparison(pod, ledger, hashes, this.deployed);
  }

  /**
   * @param paths local files, absolute or below the project
   * @throws UserError 'local-missing', 'outside-project', 'remote-changed' (details.files: paths below the project), and what Pod.putFiles throws
   */
  async deploy(paths: readonly string[], options: DeployOptions = {}): Promise<DeployReport> {
    const startedAt = Date.now();
    const files = await look(placesOf(this.map, paths));
    checkSize(files, options.limits);
    const known = await this.ledger.read();
    const same = options.areChanged ? new Map<string, string>() : await this.comparison.sameAlready(files, known, options.signal);
    const plan = this.plan(
      files.filter(({ path }) => !same.has(path)),
      known,
      options,
    );
    throwIfCancelled(options.signal, 'The deploy');
    const { keepStrangers, onInspected } = plan;
    const putOptions = { signal: options.signal, onProgress: options.onProgress, keepStrangers, cache: this.cache, onInspected };
    await this.ask(plan.files);
    const put = await this.told(this.pod.putFiles(plan.files, putOptions), 'replaced');
    return this.report(files, same, put, plan, startedAt);
  }

  /**
   * Deploys those of these files that the pod lacks or has otherwise: in one round trip where few changed here and the pod has
   * of all of them what was last deployed, in two otherwise. All or none; an empty report when the pod is up to date.
   *
   * @param paths local files, absolute or below the project
   * @throws UserError as deploy()
   */
  async deployChanged(paths: readonly string[], options: DeployOptions = {}): Promise<DeployReport> {
    const startedAt = Date.now();
    const { signal, onProgress } = options;
    const planFew = async (differing: readonly LocalFile[], known: LedgerEntries) => {
      const bytes = differing.reduce((sum, file) => sum + file.bytes, 0);
      if (differing.length === 0 || differing.length > mostAtOnce || bytes > mostBytesAtOnce) return undefined;
      checkSize(differing, options.limits);
      const plan = this.plan(differing, known, options);
      await this.ask(plan.files);
      throwIfCancelled(signal, 'The deploy');
      return { ...plan, differing };
    };
    const { paths: changed, done } = await this.told(this.comparison.changed(placesOf(this.map, paths), signal, planFew), 'replaced');
    if (done) {
      const { put, plan } = done;
      const bytes = put.reduce((sum, file) => sum + file.bytes, 0);
      onProgress?.({ bytesDone: bytes, bytesTotal: bytes });
      const [report] = await Promise.all([this.report(plan.differing, new Map(), put, plan, startedAt), this.comparison.save()]);
      return report;
    }
    if (changed.length === 0) return { files: [], milliseconds: Date.now() - startedAt };
    return { ...(await this.deploy(changed, { ...options, areChanged: true })), milliseconds: Date.now() - startedAt };
  }

  /** Which of these files (below the project) the pod lacks, or has with other bytes or another mode; one round trip. */
  async changed(paths: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.comparison.changed(placesOf(this.map, paths), signal)).paths;
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
    await this.deployed.remember(withMode.filter((_, index) => isOwn(index)));
    await this.deployed.remember(
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
      return [{ ...fileAt({ path, localPath, remotePath }, localPath), executable: (mode & 0o100) !== 0 }];
    });
    const same =
      asked.length === files.length ? await this.comparison.sameAlready(asked, known, options.signal) : new Map<string, string>();
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
    return { folder: posix.join(this.map.remoteRoot, cacheFolder), pathsOf: (sha256) => this.deployed.pathsOf(sha256) };
  }

  /**
   * Remembers the files that were fetched to their own places in the project: a later deploy replaces copies that are known.
   * Of a large one from anywhere it is remembered that the pod has it, should it be sent to another place there.
   */
  async fetched(files: Parameters<Deployed['fetched']>[0]): Promise<void> {
    await this.deployed.fetched(files);
  }

  /** SHA-256 of everything last deployed from here, by path below the project. */
  async deployedSources(): Promise<Readonly<Record<string, string>>> {
    return this.deployed.sources();
  }

  private async ask(files: readonly FileToPut[]): Promise<void> {
    for (const { source, remotePath } of files) {
      this.may.mayWrite?.(remotePath, this.map.relativeOfRemote(remotePath));
      if ('localPath' in source) await this.may.mayReadLocal?.(source.localPath);
    }
  }

  /** How these files are put so that nothing of anybody else's is lost. */
  private plan(files: readonly LocalFile[], known: LedgerEntries, { force }: DeployOptions) {
    const folder = posix.join(this.map.remoteRoot, '.runpod/replaced', stampOf(new Date()));
    return {
      files: files.map(({ path, localPath, remotePath, executable }): FileToPut => {
        const ours = oursOf(known[path]);
        // Gone is no conflict: a restarted pod has lost its container disk.
        const expected = known[path] === undefined || force ? {} : { expected: [...ours, null] };
        return { source: { localPath }, remotePath, mode: executable ? 0o755 : 0o644, ours, ...expected };
      }),
      keepStrangers: { root: this.map.remoteRoot, folder },
      onInspected: (hashes: ReadonlyMap<string, string>) => this.deployed.begin(hashes),
    };
  }

  /** Remembers what was put, and tells of it. */
  private async report(
    files: readonly LocalFile[],
    same: ReadonlyMap<string, string>,
    put: readonly PutFile[],
    { keepStrangers: { folder } }: { readonly keepStrangers: { readonly folder: string } },
    startedAt: number,
  ): Promise<DeployReport> {
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
}

/** SHA-256 of every copy that may be there because we put it there. */
function oursOf(last: LedgerEntry | undefined): readonly string[] {
  return last === undefined ? [] : [last.sha256, ...(last.pending ?? [])];
}

/** Sorts by time and is a file name everywhere: `20261124-153012-042`. */
function stampOf(time: Date): string {
  return time.toISOString().replace(/[-:Z]/g, '').replace(/[T.]/g, '-');
}
