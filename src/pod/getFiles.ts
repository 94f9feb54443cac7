import { dirname, posix, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { chunks } from '../core/chunks.ts';
import { isUserError, throwIfCancelled, UserError } from '../core/errors.ts';
import { quote, quoteAll } from '../core/shell.ts';
import type { ByteReader } from './byteReader.ts';
import type { ChannelPool } from './channelPool.ts';
import { downloadLarge, type Incoming } from './downloadLarge.ts';
import { IncomingFile, LocalTarget } from './localFile.ts';
import type { GotFile, TransferOptions, TransferProgress } from './pod.ts';
import { defineSums, prologue } from './remoteShell.ts';
import { readAnswer } from './readAnswer.ts';
import { blockBytes, largeBytes, stripesFor } from './segments.ts';
import { Turns } from './turns.ts';

const groupSize = 200;

const smallBytes = 256 * 1024;
const attempts = 3;

/**
 * `Pod.getFile`: as many bytes as the file had when it was looked at, so that one still being appended to (a log) gives a
 * consistent beginning. The pod hashes the same bytes at the same time. A small file comes with the answer, a large one
 * over several sessions while the pod hashes.
 */
export async function getFile(pool: ChannelPool, remotePath: string, localPath: string, options: TransferOptions = {}): Promise<GotFile> {
  const target = new LocalTarget(dirname(resolve(localPath)));
  return target.during(async () => {
    await target.makeFolderFor(resolve(localPath));
    pool.park(stripesFor(pool.roundTripMs) + 1); // it may be large, and sessions take several round trips to open
    return getWhole(pool, remotePath, localPath, options);
  });
}

async function getWhole(pool: ChannelPool, remotePath: string, localPath: string, options: TransferOptions): Promise<GotFile> {
  let furthest = 0;
  const onProgress = (progress: TransferProgress) => {
    if (progress.bytesDone < furthest) return; // what is fetched once more is no news
    furthest = progress.bytesDone;
    options.onProgress?.(progress);
  };
  for (let attempt = 1; attempt <= attempts; attempt++) {
    throwIfCancelled(options.signal, 'The download');
    const before = furthest;
    try {
      const got = await getOnce(pool, remotePath, localPath, { ...options, onProgress });
      if (got) return got;
    } catch (error) {
      // A large file goes on where it was, as long as each attempt gets further.
      if (!isUserError(error, 'connection-lost') || furthest <= Math.max(before, blockBytes)) throw error;
      attempt--;
    }
  }
  throw new UserError(
    'transfer-corrupt',
    `${remotePath} was being changed while it was read, ${attempts} times in a row. Fetch it when what writes it has finished.`,
    { details: { path: remotePath } },
  );
}

/** @returns undefined when the file was changed while it was read. */
async function getOnce(pool: ChannelPool, remotePath: string, localPath: string, options: TransferOptions): Promise<GotFile | undefined> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let large: Promise<Incoming | undefined> | undefined;
  let small: Incoming | undefined;
  try {
    const { value, stderr } = await readAnswer(pool, getScript(remotePath), { signal: options.signal }, async (reader) => {
      const [, kind, size, version = ''] = /^rpo (\w+) ?(\d*) ?(\S*)$/.exec((await reader.line()) ?? '') ?? [];
      const bytes = Number(size);
      if (kind === 'size') return (small = await takeSmall(reader, localPath, bytes, options));
      if (kind === 'lacks') throw lacksSums();
      if (kind !== 'large') throw missing(kind, remotePath);
      large = downloadLarge(pool, { remotePath, bytes, version }, localPath, { ...options, signal });
      large.catch(() => {}); // awaited below; the pod goes on hashing meanwhile
      return undefined;
    });
    return await settle(value ?? (await large), stderr, remotePath, localPath);
  } catch (error) {
    stop.abort();
    await large?.catch(() => {});
    await small?.discard(); // it had come, and the word on its hash had not
    throw error;
  }
}

async function takeSmall(
  reader: ByteReader,
  localPath: string,
  bytesTotal: number,
  options: TransferOptions,
): Promise<Incoming | undefined> {
  const file = new IncomingFile(localPath);
  let bytesDone = 0;
  try {
    await file.write(reader.bytes(bytesTotal), (more) => options.onProgress?.({ bytesDone: (bytesDone += more), bytesTotal }));
  } catch (error) {
    await file.discard();
    throw error;
  }
  if (file.bytes === bytesTotal)
    return { sha256: file.sha256, bytes: file.bytes, commit: () => file.commit(), discard: () => file.discard() };
  await file.discard();
  return undefined;
}

/** Puts a file in place when it is what the pod says it should be. */
async function settle(incoming: Incoming | undefined, stderr: string, remotePath: string, localPath: string): Promise<GotFile | undefined> {
  if (!incoming) return undefined;
  const expected = stderr.match(/^[0-9a-f]{64}$/gm)?.at(-1);
  try {
    if (expected !== incoming.sha256) {
      await incoming.discard();
      return undefined;
    }
    await incoming.commit();
  } catch (error) {
    await incoming.discard();
    throw error;
  }
  return { remotePath, localPath, sha256: incoming.sha256, bytes: incoming.bytes };
}

function lacksSums(): UserError {
  return new UserError(
    'unsupported',
    'The pod has none of sha256sum, shasum, openssl and python3, so nothing fetched from there can be verified. Install coreutils there.',
  );
}

function missing(kind: string | undefined, remotePath: string): UserError {
  const details = { path: remotePath };
  if (kind === 'folder')
    return new UserError('remote-missing', `${remotePath} is not a file but a folder or something else. Download it as a folder.`, {
      details,
    });
  if (kind === 'denied')
    return new UserError('remote-denied', `${remotePath} may not be read on the pod. Check its owner and mode.`, { details });
  if (kind === 'missing')
    return new UserError('remote-missing', `${remotePath} is not on the pod. Check the path (\`ls ${posix.dirname(remotePath)}\` there).`, {
      details,
    });
  return new UserError('remote-failed', `${remotePath} cannot be read: the pod gave no answer that makes sense. Try again.`, { details });
}

/** Hash on stderr, all else on stdout: `rpo size BYTES` and the bytes, or `rpo large BYTES VERSION` without them. */
function getScript(remotePath: string): string {
  return `${prologue}${defineSums}
f=${quote(remotePath)}
[ -e "$f" ] || { echo rpo missing; exit 0; }
[ -f "$f" ] || { echo rpo folder; exit 0; }
[ -r "$f" ] || { echo rpo denied; exit 0; }
have_sums || { echo rpo lacks; exit 0; }
s=$(size_of "$f"); s=$((s))
# Read directly, without a pipe, unless it has grown meanwhile.
sum_begin() { v=$(sumin <"$f"); [ "$(($(size_of "$f")))" = $s ] || v=$(head -c $s <"$f" | sumin); printf '%s\\n' "$v"; }
if [ $s -gt ${largeBytes} ]; then echo rpo large $s $(stat -L -c %Y.%i -- "$f" 2>/dev/null); else echo rpo size $s; fi
if [ $s -gt ${largeBytes} ]; then sum_begin >&2 & else head -c $s <"$f" | sumin >&2 & fi
[ $s -gt ${largeBytes} ] || head -c $s <"$f"
wait
`;
}

/** `Pod.getFiles`: one request for all the small ones. */
export async function getFiles(
  pool: ChannelPool,
  remoteFolder: string,
  relativePaths: readonly string[],
  localFolder: string,
  options: TransferOptions = {},
): Promise<readonly GotFile[]> {
  throwIfCancelled(options.signal, 'The download');
  const target = new LocalTarget(resolve(localFolder));
  const wanted = [...new Set(relativePaths)].map((path) => ({ path, localPath: target.pathOf(path) }));
  if (wanted.length === 0) return [];
  return target.during(async () => {
    // The pod has the first bytes ready meanwhile.
    const folders = makeFolders(target, wanted);
    folders.catch(() => {}); // awaited before anything is written
    let before = 0;
    const onProgress = ({ bytesDone, bytesTotal }: TransferProgress) =>
      options.onProgress?.({ bytesDone: before + bytesDone, bytesTotal: before + bytesTotal });
    const { got, alone } = await getLanes(pool, remoteFolder, lanesOf(pool, wanted), { ...options, onProgress }, folders).finally(
      () => folders.catch(() => {}), // or some are made after those that are not needed were removed
    );
    for (const { bytes } of got.values()) before += bytes;
    for (const { path, localPath } of alone) {
      const file = await getFile(pool, posix.join(remoteFolder, path), localPath, { ...options, onProgress });
      got.set(path, file);
      before += file.bytes;
    }
    return wanted.flatMap(({ path }) => got.get(path) ?? []);
  });
}

async function makeFolders(target: LocalTarget, wanted: readonly Wanted[]): Promise<void> {
  await setImmediate(); // the request goes first
  const seen = new Set<string>();
  for (const { localPath } of wanted) {
    const folder = dirname(localPath);
    if (seen.has(folder)) continue;
    seen.add(folder);
    await target.makeFolderFor(localPath);
  }
}

/** Files of one session; fewer are there before another one has begun. */
const leastInLane = 100;
/** Over a shorter way one session carries all that both ends can do. */
const leastRoundTripMs = 5;

/** One channel carries its window of 2 MB a round trip, so many files come over several sessions, as far as some wait already. */
function lanesOf(pool: ChannelPool, wanted: readonly Wanted[]): readonly (readonly Wanted[])[] {
  const isFar = pool.roundTripMs >= leastRoundTripMs;
  const count = isFar ? Math.max(1, Math.min(pool.readyCount, Math.floor(wanted.length / leastInLane))) : 1;
  return chunks(wanted, Math.ceil(wanted.length / count));
}

async function getLanes(
  pool: ChannelPool,
  remoteFolder: string,
  lanes: readonly (readonly Wanted[])[],
  options: TransferOptions,
  folders: Promise<void>,
): Promise<Fetched> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const progress = lanes.map(() => ({ bytesDone: 0, bytesTotal: 0 }));
  let failed: { readonly error: unknown } | undefined;
  const sets = await Promise.all(
    lanes.map((lane, index) => {
      const onProgress = (one: TransferProgress) => {
        progress[index] = one;
        options.onProgress?.({
          bytesDone: sum(progress.map(({ bytesDone }) => bytesDone)),
          bytesTotal: sum(progress.map(({ bytesTotal }) => bytesTotal)),
        });
      };
      return getSet(pool, remoteFolder, lane, { ...options, signal, onProgress }, folders).catch((error: unknown) => {
        failed ??= { error }; // the first failure is the reason; the others end because of it
        stop.abort();
        return { got: new Map<string, GotFile>(), alone: [] };
      });
    }),
  );
  if (failed) throw failed.error;
  return { got: new Map(sets.flatMap(({ got }) => [...got])), alone: sets.flatMap(({ alone }) => alone) };
}

interface Wanted {
  readonly path: string;
  readonly localPath: string;
}

/** Files that came, by path, and those that are to be fetched one by one: large ones, and some that changed while they were read. */
interface Fetched {
  readonly got: Map<string, GotFile>;
  readonly alone: readonly Wanted[];
}

/** @param folders settles when there are folders for all of them */
async function getSet(
  pool: ChannelPool,
  remoteFolder: string,
  wanted: readonly Wanted[],
  options: TransferOptions,
  folders: Promise<void>,
): Promise<Fetched> {
  const got = new Map<string, GotFile>();
  const alone: Wanted[] = [];
  const incoming: { readonly file: Wanted; readonly data: IncomingFile }[] = [];
  let bytesDone = 0;
  const groups = chunks(wanted, groupSize);
  const turns = new Turns();
  const memory = Buffer.allocUnsafeSlow(smallBytes); // for one file after the other
  try {
    const { stderr } = await readAnswer(pool, groupScript(remoteFolder, groups), { signal: options.signal }, async (reader) => {
      for (const group of groups) {
        const sizes = await readSizes(reader, group.length);
        await folders;
        if (!sizes) {
          alone.push(...group);
          continue;
        }
        for (const [index, file] of group.entries()) {
          const bytes = sizes[index] ?? 0;
          if (bytes > largeBytes) {
            if (alone.length === 0) pool.park(stripesFor(pool.roundTripMs) + 1);
            alone.push(file);
            continue;
          }
          const data = new IncomingFile(file.localPath);
          incoming.push({ file, data });
          const onBytes = (more: number) =>
            options.onProgress?.({ bytesDone: (bytesDone += more), bytesTotal: Math.max(bytesDone, sum(sizes)) });
          if (bytes > smallBytes) await data.write(reader.bytes(bytes), onBytes);
          else {
            const content = memory.subarray(0, bytes);
            const come = await reader.fill(content, () => {});
            throwIfCancelled(options.signal, 'The download'); // or an empty file is made of each that is left
            data.writeWhole(content.subarray(0, come), onBytes);
          }
          await turns.next();
        }
      }
    });
    const sums = stderr.match(/^[0-9a-f]{64}$/gm) ?? [];
    for (const [index, { file, data }] of incoming.entries()) {
      await turns.next();
      if (sums[index] !== data.sha256) {
        alone.push(file);
        continue;
      }
      await data.commit();
      got.set(file.path, {
        remotePath: posix.join(remoteFolder, file.path),
        localPath: file.localPath,
        sha256: data.sha256,
        bytes: data.bytes,
      });
    }
  } finally {
    await Promise.all([...incoming].filter(({ file }) => !got.has(file.path)).map(({ data }) => data.discard()));
  }
  return { got, alone };
}

/**
 * For each group a line `rpo sizes N…` and then the small files' bytes without anything between; their hashes go to stderr
 * in the same order. A file that grows or shrinks meanwhile shifts what follows, which the hashes show.
 */
function groupScript(remoteFolder: string, groups: readonly (readonly { readonly path: string }[])[]): string {
  return `${prologue}${defineSums}
cd -- ${quote(remoteFolder)} || exit 0
have_sums || { echo rpo lacks; exit 0; }
send() {
  z=$(stat -L -c %s -- "$@" 2>/dev/null) || { for v do [ -f "$v" ] && [ -r "$v" ] || { echo rpo sizes; return; }; done; z=$(for v do size_of "$v"; done); }
  echo rpo sizes $z
  for v in $z; do f=$1; shift; [ $v -gt ${largeBytes} ] || set -- "$@" "$f"; done
  [ $# = 0 ] || { cat -- "$@" & sums "$@" >&2; wait; }
}
${groups.map((group) => `send ${quoteAll(group.map(({ path }) => `./${path}`))}`).join('\n')}
`;
}

async function readSizes(reader: ByteReader, count: number): Promise<readonly number[] | undefined> {
  const line = await reader.line(64 * 1024);
  if (line === 'rpo lacks') throw lacksSums();
  if (!line || !/^rpo sizes( \d+)+$/.test(line)) return undefined;
  const sizes = line.split(' ').slice(2).map(Number);
  return sizes.length === count ? sizes : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
