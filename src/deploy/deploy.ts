import { lstat, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { mapAbreast } from '../core/abreast.ts';
import { isUserError, throwIfCancelled, UserError } from '../core/errors.ts';
import type { PathMap } from '../core/pathMap.ts';
import type { FileToPut, Pod, PutFile, PutOptions, TransferOptions } from '../pod/pod.ts';
import { checkSize, type SizeLimits } from './guard.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { hashLocal } from './localHash.ts';

/** Asking the disk about a thousand files is mostly waiting. */
const filesAbreast = 16;

export interface DeployOptions extends TransferOptions {
  /** Replace a copy that changed on the pod since we last deployed it. */
  readonly force?: boolean;
  readonly limits?: SizeLimits;
}

export interface DeployedFile {
  /** Below the project, POSIX separators. */
  readonly path: string;
  readonly remotePath: string;
  readonly bytes: number;
  readonly sha256: string;
  /** False when the pod had these very bytes already. */
  readonly changed: boolean;
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

interface LocalFile {
  readonly path: string;
  readonly localPath: string;
  readonly remotePath: string;
  readonly bytes: number;
  readonly executable: boolean;
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
    const puts = files.map((file): FileToPut => {
      const ours = known[file.path]?.sha256;
      return {
        source: { localPath: file.localPath },
        remotePath: file.remotePath,
        mode: file.executable ? 0o755 : 0o644,
        ours,
        // Gone is no conflict: a restarted pod has lost its container disk.
        ...(ours === undefined || options.force ? {} : { expected: [ours, null] }),
      };
    });
    throwIfCancelled(options.signal, 'The deploy');
    const folder = posix.join(this.map.remoteRoot, '.runpod/replaced', stampOf(new Date()));
    const put = await this.put(puts, { ...options, keepStrangers: { root: this.map.remoteRoot, folder } });
    const byRemote = new Map(put.map((file) => [file.remotePath, file]));
    const deployed = files.map((file): DeployedFile => {
      const done = byRemote.get(file.remotePath);
      if (!done) throw new UserError('remote-failed', `The pod did not confirm ${file.path}. Deploy it again.`);
      return { path: file.path, remotePath: file.remotePath, bytes: done.bytes, sha256: done.sha256, changed: done.changed };
    });
    await this.remember(deployed);
    const replaced = deployed.flatMap(({ path, remotePath }) => (byRemote.get(remotePath)?.replacedStranger ? [path] : []));
    return {
      files: deployed,
      ...(replaced.length === 0 ? {} : { replaced: { folder, files: replaced } }),
      milliseconds: Date.now() - startedAt,
    };
  }

  /** Which of these files (below the project) the pod lacks or has with other bytes; one round trip. */
  async changed(paths: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    const files = await this.resolve(paths);
    // Both sides hash at the same time.
    const [remote, local] = await Promise.all([
      this.pod.hashFiles(
        files.map((file) => file.remotePath),
        { signal },
      ),
      mapAbreast(files, filesAbreast, (file) => {
        throwIfCancelled(signal, 'Comparing with the pod');
        return hashLocal(file.localPath);
      }),
    ]);
    const known = await this.ledger.read();
    const changed: string[] = [];
    for (const [index, file] of files.entries()) {
      const there = remote.get(file.remotePath) ?? null;
      const here = local[index];
      const last = known[file.path];
      // Fetched from there and not touched since: whatever differs now is the pod's own newer output.
      const isFetched = last?.by === 'download' && last.sha256 === here;
      if (there !== here && !isFetched) changed.push(file.path);
    }
    return changed;
  }

  /**
   * Puts any files anywhere on the pod, whatever is there, and remembers those that a deploy may meet again.
   *
   * @throws UserError what Pod.putFiles throws
   */
  async upload(files: readonly FileToPut[], options: TransferOptions = {}): Promise<readonly PutFile[]> {
    const put = await this.pod.putFiles(files, options);
    const isOwn = (index: number) => {
      const source = files[index]?.source;
      const target = files[index]?.remotePath ?? '';
      return source !== undefined && 'localPath' in source && source.localPath === this.map.toLocal(target);
    };
    await this.remember(put.filter((_, index) => isOwn(index)));
    await this.remember(
      put.filter((_, index) => !isOwn(index)),
      'upload',
    );
    return put;
  }

  /** Remembers the files that were fetched to their own places in the project: a later deploy replaces copies that are known. */
  async fetched(files: readonly { readonly remotePath: string; readonly localPath: string; readonly sha256: string }[]): Promise<void> {
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

  /** What lies outside the remote root has no place in the ledger. */
  private async remember(
    files: readonly { readonly remotePath: string; readonly sha256: string }[],
    by?: LedgerEntry['by'],
  ): Promise<void> {
    const hashes = files.flatMap(({ remotePath, sha256 }) => {
      const path = this.map.relativeOfRemote(remotePath);
      return path === null ? [] : [[path, sha256] as const];
    });
    await this.ledger.add(new Map(hashes), new Date(), by);
  }

  private async put(puts: readonly FileToPut[], { signal, onProgress, keepStrangers }: PutOptions) {
    try {
      return await this.pod.putFiles(puts, { signal, onProgress, keepStrangers });
    } catch (error) {
      if (!isUserError(error, 'remote-changed')) throw error;
      const remotePaths = Array.isArray(error.details['files']) ? (error.details['files'] as string[]) : [];
      const names = remotePaths.map((path) => this.map.relativeOfRemote(path) ?? path);
      const [first = 'A file'] = names;
      const what = names.length > 1 ? `${first} and ${names.length - 1} more` : first;
      throw new UserError(
        'remote-changed',
        `${what} changed on ${this.pod.name} since it was last deployed from here. Nothing was replaced. Compare it with \`rpo exec 'cat ${posix.join(this.map.remoteRoot, first)}'\`, or deploy again with --force to replace the pod's copy (it is kept in .runpod/replaced there).`,
        { cause: error, details: { files: names } },
      );
    }
  }

  /** Checks every path before anything is sent; directories are for whoever chooses the files. */
  private async resolve(paths: readonly string[]): Promise<readonly LocalFile[]> {
    const files = new Map((await mapAbreast(paths, filesAbreast, (path) => this.look(path))).map((file) => [file.path, file]));
    if (files.size === 0) throw new UserError('bad-argument', 'There is nothing to deploy: no file was named.');
    return [...files.values()];
  }

  private async look(path: string): Promise<LocalFile> {
    const relative = this.map.relativeOfLocal(path);
    const remotePath = this.map.toRemote(path);
    if (relative === null || remotePath === null || relative === '') {
      throw new UserError(
        'outside-project',
        `${path} is not below the project folder ${this.map.localRoot}, so it has no place on the pod. Deploy it with an explicit target: \`rpo upload ${path} REMOTE\`.`,
      );
    }
    const localPath = this.map.join(relative) ?? path;
    const info = await stat(localPath).catch(async (error: NodeJS.ErrnoException) => {
      const link = await lstat(localPath).catch(() => null);
      const why = link?.isSymbolicLink()
        ? 'is a link to a file that is not there'
        : error.code === 'ENOENT'
          ? 'does not exist'
          : `cannot be read (${error.code ?? error.message})`;
      throw new UserError('local-missing', `${relative} ${why}. Nothing was deployed.`, { cause: error });
    });
    if (!info.isFile()) throw new UserError('local-missing', `${relative} is not a file. Nothing was deployed.`);
    return {
      path: relative,
      localPath,
      remotePath,
      bytes: info.size,
      executable: process.platform !== 'win32' && (info.mode & 0o100) !== 0,
    };
  }
}

/** Sorts by time and is a file name everywhere: `20261124-153012-042`. */
function stampOf(time: Date): string {
  return time.toISOString().replace(/[-:Z]/g, '').replace(/[T.]/g, '-');
}
