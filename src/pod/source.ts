import { createHash } from 'node:crypto';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { mapAbreast } from '../core/abreast.ts';
import { throwIfCancelled, UserError } from '../core/errors.ts';
import type { FileToPut } from './pod.ts';
import type { PlannedFile } from './putScript.ts';
import { largeBytes } from './segments.ts';

const chunkBytes = 256 * 1024;

/** A thousand small files are mostly waiting for the disk's queue. */
const filesAbreast = 16;

/** Of small files (a chunk long) that one set keeps in memory. */
const mostKeptBytes = 32 * 1024 * 1024;

/** A file to put, after it was read once: what it holds is now a fact. */
export interface Source extends PlannedFile {
  readonly from: FileToPut['source'];
  readonly bytes: number;
  /** Of the local file; tells a change from a bad line when the hashes differ. */
  readonly mtimeMs?: number;
}

/**
 * Checks the paths and reads every source once, for its hash and size. Small ones are kept: they need not be read again.
 *
 * @param onLarge called once when one of them turns out to be large, while it is still being read
 */
export async function inspect(
  files: readonly FileToPut[],
  signal: AbortSignal | undefined,
  onLarge?: () => void,
): Promise<readonly Source[]> {
  let isTold = false;
  const seen = new Set<string>();
  for (const file of files) {
    const remotePath = checkedPath(file.remotePath);
    if (seen.has(remotePath)) throw new UserError('bad-argument', `${remotePath} is named twice in one set of files. Name it once.`);
    seen.add(remotePath);
  }
  let keptBytes = 0;
  return mapAbreast(files, filesAbreast, async (file) => {
    throwIfCancelled(signal, 'The upload');
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    let bytes = 0;
    const mtimeMs = await mtimeOf(file.source);
    for await (const chunk of contentOf(file.source)) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes <= chunkBytes) kept.push(chunk);
      if (bytes <= largeBytes || isTold) continue;
      isTold = true;
      onLarge?.();
    }
    const keep = bytes <= chunkBytes && keptBytes + bytes <= mostKeptBytes;
    if (keep) keptBytes += bytes;
    const expected = file.expected === undefined ? [] : Array.isArray(file.expected) ? file.expected : [file.expected];
    return {
      from: keep ? { content: Buffer.concat(kept) } : file.source,
      remotePath: checkedPath(file.remotePath),
      bytes,
      mtimeMs: keep ? undefined : mtimeMs,
      sha256: hash.digest('hex'),
      mode: ((file.mode ?? 0o644) & 0o7777).toString(8),
      modeAsked: file.mode !== undefined,
      ours: file.ours ?? '',
      expected: expected.map((one: string | null) => one?.toLowerCase() ?? '-'),
    };
  });
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

async function* contentOf(source: FileToPut['source']): AsyncGenerator<Buffer> {
  if ('content' in source) {
    const { buffer, byteOffset, byteLength } = source.content;
    for (let at = 0; at < byteLength; at += chunkBytes) yield Buffer.from(buffer, byteOffset + at, Math.min(chunkBytes, byteLength - at));
    return;
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(source.localPath);
    const facts = await handle.stat();
    if (!facts.isFile())
      throw new UserError('local-missing', `${source.localPath} is not a file. Name a file, or upload the folder as a folder.`);
    // One byte more than a small file has shows its end in the same read.
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

export function sourceFailure(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new UserError('local-missing', `${path} is not there. Check the path, and save the file first.`, { cause: error });
  return new UserError('local-failed', `${path} cannot be read: ${code === 'EACCES' ? 'permission denied' : message}.`, { cause: error });
}

/** The content a second time, as long as it was, making sure that it still is what was hashed. */
export async function* sameContent(source: Source, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
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
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export async function openSource(source: Source): Promise<RandomAccess> {
  const { from } = source;
  if ('content' in from)
    return { read: (offset, length) => Promise.resolve(from.content.subarray(offset, offset + length)), close: () => Promise.resolve() };
  const handle = await open(from.localPath).catch((error: unknown) => Promise.reject(sourceFailure(from.localPath, error)));
  return {
    async read(offset, length) {
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.allocUnsafe(length), position: offset });
      if (bytesRead < length) throw changedMeanwhile(source);
      return buffer;
    },
    close: () => handle.close(),
  };
}

/** Whether the local file was written to since it was inspected. */
export async function hasChanged(source: Source): Promise<boolean> {
  return (await mtimeOf(source.from)) !== source.mtimeMs;
}

async function mtimeOf(from: FileToPut['source']): Promise<number | undefined> {
  if ('content' in from) return undefined;
  return stat(from.localPath).then(
    (facts) => facts.mtimeMs,
    (error: unknown) => Promise.reject(sourceFailure(from.localPath, error)),
  );
}

export function changedMeanwhile(source: Source): UserError {
  const name = 'localPath' in source.from ? source.from.localPath : source.remotePath;
  return new UserError('local-failed', `${name} was changed while it was being sent. Nothing was replaced on the pod; deploy it again.`);
}
