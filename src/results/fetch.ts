import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfCancelled } from '../core/errors.ts';
import { isPart } from '../core/partialFile.ts';
import { PathMap } from '../core/pathMap.ts';
import type { GotFile, Pod, RemoteFile, TransferProgress } from '../pod/pod.ts';
import { baseOf, matcher } from '../project/globs.ts';
import { leavesOut } from '../project/ignoreRules.ts';
import { replace, sha256Of } from './previous.ts';
import { notWhole } from './whole.ts';

/** What is to be fetched. */
export interface FetchOptions {
  /** Absolute folder on the pod that the patterns start at. */
  readonly remoteRoot: string;
  /** Relative POSIX paths and globs, placeholders filled in; a folder means all below it. */
  readonly patterns: readonly string[];
  /** Left out; gitignore syntax, relative to remoteRoot. */
  readonly exclude?: readonly string[];
  /** That remoteRoot is not there is an error rather than nothing to fetch. */
  readonly mustExist?: boolean;
  /** A file that its own format calls cut off is told and not put in place: it is still being written, or never was finished. */
  readonly wholeOnly?: boolean;
  /** Of what the patterns match, what is wanted; default: all of it. */
  readonly only?: (path: string) => boolean;
  /**
   * Something on the pod may be writing to these files. With `wholeOnly`, one whose size or time changes while it is fetched,
   * within two seconds at least, is told as not whole: most formats do not say where they end.
   */
  readonly isBusy?: boolean;
  /** Files keep their folders below this one. */
  readonly localFolder: string;
  /** Asked for each local file before anything is fetched; throws what is to be told instead. */
  readonly mayWriteLocal?: ((localPath: string) => Promise<void>) | undefined;
  readonly signal?: AbortSignal;
  /** Over the files that are really fetched. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** One file that is here now as it is on the pod. */
export interface FetchedFile {
  /** Relative POSIX path, the same below remoteRoot and localFolder. */
  readonly path: string;
  readonly localPath: string;
  readonly bytes: number;
  readonly sha256: string;
  /** When it was last written, milliseconds since 1970 by the pod's clock. */
  readonly mtimeMs: number;
  /** False when it was here already with the same bytes. */
  readonly changed: boolean;
}

export interface FetchReport {
  /** Absolute local folder. */
  readonly folder: string;
  /** Sorted by path. */
  readonly files: readonly FetchedFile[];
  /** The patterns that matched nothing on the pod. */
  readonly missing: readonly string[];
  /** Files on the pod that are not whole, and why; not here therefore. */
  readonly incomplete: readonly { readonly path: string; readonly why: string }[];
  readonly milliseconds: number;
}

/** How long a file of a run that goes on has to stay as it is. */
const settleMs = 2_000;

/**
 * Fetches what matches the patterns. A file that is here with the same size and SHA-256 is not fetched again; each fetched
 * one is verified and put in place in one step. That a pattern matches nothing is told, not thrown.
 *
 * @throws UserError 'remote-missing' when remoteRoot must exist; what listing, hashing and fetching on the pod throw; 'cancelled'.
 */
export async function fetchResults(pod: Pod, options: FetchOptions): Promise<FetchReport> {
  const { remoteRoot, patterns, signal } = options;
  const begun = performance.now();
  const folder = resolve(options.localFolder);
  const here = new PathMap(folder, remoteRoot, process.platform === 'win32' ? 'win32' : 'posix');

  const listed = await listBelow(pod, options);
  const leftOut = leavesOut(options.exclude ?? []);
  const wanted = new Map<string, RemoteFile>();
  const missing: string[] = [];
  for (const pattern of patterns) {
    const matches = matcher(pattern);
    const hits = listed.filter((file) => matches(file.path) && !leftOut(file.path) && options.only?.(file.path) !== false);
    if (hits.length === 0) missing.push(pattern);
    for (const hit of hits) wanted.set(hit.path, hit);
  }

  const paths = [...wanted.keys()].sort((a, b) => (a < b ? -1 : 1));
  const unchanged = await sameHere(pod, here, [...wanted.values()], signal);
  const fetch = paths.filter((path) => !unchanged.has(path));
  for (const path of fetch) await options.mayWriteLocal?.(join(folder, path));
  throwIfCancelled(signal, 'The download');
  const settled = options.isBusy && fetch.length > 0 ? sleep(settleMs, undefined, { signal }) : null;
  // An abort is told by whoever waits for it below, or by the transfer.
  settled?.catch(() => undefined);
  // Below the target, so that putting in place is a renaming; of its own, since two may fetch at once.
  const incoming = join(folder, `.incoming-${randomBytes(6).toString('hex')}`);
  const into = options.wholeOnly ? incoming : folder;
  let got: readonly GotFile[] = [];
  let incomplete: FetchReport['incomplete'] = [];
  if (options.wholeOnly && fetch.length > 0) await takeUp(incoming);
  try {
    if (fetch.length > 0) got = await pod.getFiles(remoteRoot, fetch, into, { signal, onProgress: options.onProgress });
    if (settled !== null) {
      await settled.catch(() => throwIfCancelled(signal, 'The download'));
      const changed = changedSince(wanted, await listBelow(pod, options));
      incomplete = got.flatMap(({ remotePath }) => {
        const path = posix.relative(remoteRoot, remotePath);
        return changed.has(path) ? [{ path, why: 'a run is still writing it' }] : [];
      });
    }
    if (options.wholeOnly) {
      const still = got.filter(({ remotePath }) => !incomplete.some(({ path }) => path === posix.relative(remoteRoot, remotePath)));
      incomplete = [...incomplete, ...(await putInPlace(still, here))];
    }
  } catch (error) {
    await putAside(incoming);
    throw error;
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
  const gotByPath = new Map(got.map((file) => [posix.relative(remoteRoot, file.remotePath), file]));
  const files = paths.flatMap((path): FetchedFile[] => {
    const file = gotByPath.get(path);
    const localPath = here.join(path);
    const mtimeMs = wanted.get(path)?.mtimeMs ?? 0;
    if (incomplete.some((one) => one.path === path)) return [];
    if (file !== undefined)
      return [{ path, localPath: localPath ?? file.localPath, bytes: file.bytes, sha256: file.sha256, mtimeMs, changed: true }];
    const sha256 = unchanged.get(path);
    if (localPath === null || sha256 === undefined) return [];
    return [{ path, localPath, bytes: wanted.get(path)?.bytes ?? 0, sha256, mtimeMs, changed: false }];
  });
  return { folder, files, missing, incomplete, milliseconds: Math.round(performance.now() - begun) };
}

/** Beside where files arrive: what is half there of large ones, for the next attempt to go on with. */
function asideOf(incoming: string): string {
  return join(dirname(incoming), '.incoming-parts');
}

/** Takes over what an attempt that broke off has left. Renaming gives it to one of two that ask at once. */
async function takeUp(incoming: string): Promise<void> {
  await rename(asideOf(incoming), incoming).catch(() => {});
}

async function putAside(incoming: string): Promise<void> {
  const left = await readdir(incoming, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = left.filter((entry) => entry.isFile());
  for (const { name, parentPath } of files) if (!isPart(name)) await rm(join(parentPath, name), { force: true });
  if (files.some(({ name }) => isPart(name))) await rename(incoming, asideOf(incoming)).catch(() => {});
}

/** Moves what is whole from where it arrived to where it belongs. @returns what is not */
async function putInPlace(got: readonly GotFile[], here: PathMap): Promise<FetchReport['incomplete']> {
  const incomplete: { path: string; why: string }[] = [];
  for (const { remotePath, localPath: arrived, sha256 } of got) {
    const path = posix.relative(here.remoteRoot, remotePath);
    const why = await notWhole(arrived);
    const target = here.join(path);
    if (why !== null || target === null) {
      incomplete.push({ path, why: why ?? 'its name leads out of the folder' });
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    await replace(here.localRoot, path, arrived, sha256);
  }
  return incomplete;
}

/** The paths that are another size or time now, or gone. */
function changedSince(before: ReadonlyMap<string, RemoteFile>, listed: readonly RemoteFile[]): ReadonlySet<string> {
  const now = new Map(listed.map((file) => [file.path, file]));
  const isSame = (file: RemoteFile) => now.get(file.path)?.bytes === file.bytes && now.get(file.path)?.mtimeMs === file.mtimeMs;
  return new Set([...before.values()].filter((file) => !isSame(file)).map(({ path }) => path));
}

/** The files of every folder that a pattern starts in; no folder is listed twice, nor within another. */
async function listBelow(pod: Pod, { remoteRoot, patterns, mustExist, signal }: FetchOptions): Promise<readonly RemoteFile[]> {
  const bases = [...new Set(patterns.map(baseOf))];
  const tops = bases.filter((base) => !bases.some((other) => other !== base && (other === '' || base.startsWith(other + '/'))));
  const lists = await Promise.all(
    tops.map(async (base) => {
      const found = await pod.listFiles(posix.join(remoteRoot, base), { signal, mustExist: mustExist && base === '' });
      return found.map((file) => (base === '' ? file : { ...file, path: `${base}/${file.path}` }));
    }),
  );
  return lists.flat();
}

/** Which of these files of the pod are in a local folder with the same bytes. */
export async function fetchedTo(
  pod: Pod,
  remoteRoot: string,
  localFolder: string,
  files: readonly Pick<RemoteFile, 'path' | 'bytes'>[],
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const here = new PathMap(localFolder, remoteRoot, process.platform === 'win32' ? 'win32' : 'posix');
  return new Set((await sameHere(pod, here, files, signal)).keys());
}

/** The hashes of the paths whose local copy has the pod's bytes: sizes first, which are free, then hashes of what is left. */
async function sameHere(
  pod: Pod,
  here: PathMap,
  files: readonly Pick<RemoteFile, 'path' | 'bytes'>[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const candidates: { readonly path: string; readonly localPath: string }[] = [];
  for (const file of files) {
    const localPath = here.join(file.path);
    const local = localPath === null ? null : await stat(localPath).catch(() => null);
    if (localPath !== null && local?.isFile() === true && local.size === file.bytes) candidates.push({ path: file.path, localPath });
  }
  if (candidates.length === 0) return new Map();
  const remotePath = (path: string) => posix.join(here.remoteRoot, path);
  const remote = await pod.hashFiles(
    candidates.map(({ path }) => remotePath(path)),
    { signal },
  );
  const same = new Map<string, string>();
  for (const { path, localPath } of candidates) {
    throwIfCancelled(signal, 'The download');
    const hash = remote.get(remotePath(path));
    if (typeof hash === 'string' && hash === (await sha256Of(localPath))) same.set(path, hash);
  }
  return same;
}
