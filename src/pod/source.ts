import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { throwIfCancelled, UserError } from '../core/errors.ts';
import { Turns } from './turns.ts';
import type { FileToPut } from './pod.ts';
import type { PlannedFile } from './putScript.ts';
import { largeBytes } from './segments.ts';

const chunkBytes = 256 * 1024;

const slabBytes = 1024 * 1024;

/** Of small files (a chunk long) that one set keeps in memory. */
const mostKeptBytes = 32 * 1024 * 1024;

/** A file to put as far as it is known before it was read. */
export interface LookedAt extends Omit<PlannedFile, 'sha256'> {
  readonly from: FileToPut['source'];
  /** Of the local file, its time and inode: tells a change from a bad line when the hashes differ. */
  readonly version?: string;
}

/** A file to put, after it was read once: what it holds is now a fact. */
export interface Source extends LookedAt, PlannedFile {}

/**
 * Checks the paths and reads every source once, for its hash and size. Small ones are kept: they need not be read again.
 *
 * @param onLarge called for each that is large, before it is read
 * @throws UserError 'bad-argument', 'local-missing', 'local-failed', 'cancelled'
 */
export async function inspect(
  files: readonly FileToPut[],
  signal: AbortSignal | undefined,
  onLarge?: (file: LookedAt) => void,
): Promise<readonly Source[]> {
  const seen = new Set<string>();
  for (const file of files) {
    const remotePath = checkedPath(file.remotePath);
    if (seen.has(remotePath)) throw new UserError('bad-argument', `${remotePath} is named twice in one set of files. Name it once.`);
    seen.add(remotePath);
  }
  let keptBytes = 0;
  const slab = new Slab();
  const turns = new Turns();
  const sources: Source[] = [];
  for (const file of files) {
    await turns.next();
    throwIfCancelled(signal, 'The upload');
    const small = 'localPath' in file.source ? readSmall(file.source.localPath, slab) : undefined;
    if (small && keptBytes + small.length <= mostKeptBytes) {
      keptBytes += small.length;
      sources.push({ ...planned(file), from: { content: small }, bytes: small.length, sha256: hash('sha256', small) });
    } else sources.push(await inspectLarge(file, signal, onLarge));
  }
  return sources;
}

function planned({ remotePath, mode, expected, ours }: FileToPut): Pick<Source, 'remotePath' | 'mode' | 'modeAsked' | 'ours' | 'expected'> {
  const allowed = expected === undefined ? [] : Array.isArray(expected) ? expected : [expected];
  return {
    remotePath: checkedPath(remotePath),
    mode: ((mode ?? 0o644) & 0o7777).toString(8),
    modeAsked: mode !== undefined,
    ours: ours ?? [],
    expected: allowed.map((one: string | null) => one?.toLowerCase() ?? '-'),
  };
}

/** @returns undefined for one longer than a chunk. */
function readSmall(path: string, slab: Slab): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    // Not to wait for ever for the other end of a pipe.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw notAFile(path);
    if (facts.size > chunkBytes) return undefined;
    // One byte more than it has shows its end in the same read.
    const buffer = slab.take(facts.size + 1);
    let bytes = 0;
    for (let read = -1; read !== 0 && bytes < buffer.length; bytes += read)
      read = readSync(descriptor, buffer, bytes, buffer.length - bytes, null);
    return bytes < buffer.length ? buffer.subarray(0, bytes) : undefined;
  } catch (error) {
    throw sourceFailure(path, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Memory for many small buffers that live as long as each other: a thousand allocations of their own keep the collector busy. */
class Slab {
  private rest = Buffer.alloc(0);

  take(bytes: number): Buffer {
    if (bytes > this.rest.length) this.rest = Buffer.allocUnsafeSlow(Math.max(bytes, slabBytes));
    const taken = this.rest.subarray(0, bytes);
    this.rest = this.rest.subarray(bytes);
    return taken;
  }
}

async function inspectLarge(
  file: FileToPut,
  signal: AbortSignal | undefined,
  onLarge: ((file: LookedAt) => void) | undefined,
): Promise<Source> {
  const looked: LookedAt = { ...planned(file), from: file.source, ...(await factsOf(file.source)) };
  const isLarge = looked.bytes > largeBytes;
  if (isLarge) onLarge?.(looked);
  // A large one may be on its way already as long as it was: what is appended to it meanwhile is not part of it.
  const mostBytes = isLarge ? looked.bytes : Infinity;
  const read = async () => {
    const hasher = createHash('sha256');
    let bytes = 0;
    for await (const chunk of contentOf(file.source)) {
      throwIfCancelled(signal, 'The upload');
      const part = chunk.subarray(0, mostBytes - bytes);
      hasher.update(part);
      bytes += part.length;
      if (bytes === mostBytes) break;
    }
    return { bytes, sha256: hasher.digest('hex') };
  };
  const source = { ...looked, ...(await read()) };
  // Written over meanwhile, it was read and perhaps sent with a part of the old and a part of the new. What was only appended to reads the same again.
  if (isLarge && (await hasChanged(source)) && (await read()).sha256 !== source.sha256) throw changedMeanwhile(source);
  return source;
}

/** @throws UserError 'bad-argument' for a path that cannot be a file's. */
export function checkedPath(remotePath: string): string {
  const path = posix.normalize(remotePath);
  if (!posix.isAbsolute(path) || path.endsWith('/') || path.includes('\0')) {
    throw new UserError(
      'bad-argument',
      `${JSON.stringify(remotePath)} is not an absolute path of a file on the pod. Write one like /workspace/project/train.py.`,
    );
  }
  return path;
}

/** A chunk of a large file is good until the next is asked for: they share their memory. */
async function* contentOf(source: FileToPut['source']): AsyncGenerator<Buffer> {
  if ('content' in source) {
    const content = bufferOf(source.content);
    for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
    return;
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(source.localPath);
    const facts = await handle.stat();
    if (!facts.isFile()) throw notAFile(source.localPath);
    if (facts.size > largeBytes) {
      yield* readAhead(handle);
      return;
    }
    // One byte more than it has shows its end in the same read.
    const length = Math.min(chunkBytes, facts.size + 1);
    for (let bytes = 0; ;) {
      const { bytesRead, buffer } = await handle.read({ buffer: Buffer.allocUnsafe(length) });
      bytes += bytesRead;
      if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
      if (bytesRead === 0 || (bytesRead < length && bytes >= facts.size)) return;
    }
  } catch (error) {
    throw sourceFailure(source.localPath, error);
  } finally {
    await handle?.close();
  }
}

/** The same memory. */
export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The next piece is read while one is in use: a loop that is busy sending hears late that a read is done, and of a short one often. */
async function* readAhead(handle: FileHandle): AsyncGenerator<Buffer> {
  let free = Buffer.allocUnsafeSlow(slabBytes);
  let reading = handle.read({ buffer: Buffer.allocUnsafeSlow(slabBytes) });
  try {
    for (;;) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) return;
      reading = handle.read({ buffer: free });
      reading.catch(() => {}); // told when it is waited for
      free = buffer;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await reading.catch(() => {}); // the file is not closed under it
  }
}

function notAFile(path: string): UserError {
  return new UserError('local-missing', `${path} is not a file. Name a file, or upload the folder as a folder.`);
}

export function sourceFailure(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new UserError('local-missing', `${path} is not there. Check the path, and save the file first.`, { cause: error });
  return new UserError('local-failed', `${path} cannot be read: ${code === 'EACCES' ? 'permission denied' : message}.`, { cause: error });
}

/** The content a second time, as long as it was, making sure that it still is what was hashed. What was kept in memory is. */
export async function* sameContent(source: Source, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  if ('content' in source.from) {
    yield* contentOf(source.from);
    return onBytes(source.bytes);
  }
  const hash = createHash('sha256');
  let left = source.bytes;
  for await (const chunk of contentOf(source.from)) {
    const part = chunk.subarray(0, left); // what was appended since is not part of this set
    left -= part.length;
    hash.update(part);
    yield part;
    onBytes(part.length);
    if (left === 0) break;
  }
  if (left > 0 || hash.digest('hex') !== source.sha256) throw changedMeanwhile(source);
}

/** Reads pieces of a source in any order. */
export interface RandomAccess {
  /** @throws UserError 'local-failed' when the source became shorter. */
  read(offset: number, into: Buffer): Promise<void>;
  close(): Promise<void>;
}

export async function openSource(source: LookedAt): Promise<RandomAccess> {
  const { from } = source;
  if ('content' in from) {
    const content = bufferOf(from.content);
    return {
      read: (offset, into) => Promise.resolve(void content.copy(into, 0, offset)),
      close: () => Promise.resolve(),
    };
  }
  const handle = await open(from.localPath).catch((error: unknown) => Promise.reject(sourceFailure(from.localPath, error)));
  return {
    async read(offset, into) {
      const { bytesRead } = await handle.read({ buffer: into, position: offset });
      if (bytesRead < into.length) throw changedMeanwhile(source);
    },
    close: () => handle.close(),
  };
}

/** Whether the local file was written to or replaced since it was inspected. */
export async function hasChanged(source: Source): Promise<boolean> {
  return source.version !== undefined && (await factsOf(source.from)).version !== source.version;
}

async function factsOf(from: FileToPut['source']): Promise<Pick<LookedAt, 'bytes' | 'version'>> {
  if ('content' in from) return { bytes: from.content.length };
  return stat(from.localPath).then(
    ({ size, mtimeMs, ino }) => ({ bytes: size, version: `${mtimeMs}.${ino}` }),
    (error: unknown) => Promise.reject(sourceFailure(from.localPath, error)),
  );
}

export function changedMeanwhile(source: LookedAt): UserError {
  const name = 'localPath' in source.from ? source.from.localPath : source.remotePath;
  return new UserError('local-failed', `${name} was changed while it was being sent. Nothing was replaced on the pod; deploy it again.`);
}
