import { createHash, randomBytes } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { throwIfCancelled, UserError } from '../core/errors.ts';
import type { ChannelPool } from './channelPool.ts';
import { exec } from './exec.ts';
import type { FileToPut, PutFile, TransferOptions } from './pod.ts';
import { putScript, stagedPath, type Payload, type PlannedFile } from './putScript.ts';
import { remoteFailure } from './remoteFailure.ts';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';

const chunkBytes = 256 * 1024;

/** A file to put, after it was read once: what it holds is now a fact. */
interface Source extends PlannedFile {
  readonly from: FileToPut['source'];
  readonly bytes: number;
}

/** `Pod.putFiles` over exec alone. */
export async function putFiles(pool: ChannelPool, files: readonly FileToPut[], options: TransferOptions = {}): Promise<readonly PutFile[]> {
  throwIfCancelled(options.signal, 'The upload');
  if (files.length === 0) return [];
  const sources = await inspect(files, options.signal);
  const token = randomBytes(6).toString('hex');
  const payload: Payload = sources.length === 1 ? 'raw' : 'tar';
  const progress = meter(sources, options);
  const result = await exec(pool, putScript(sources, token, payload), {
    stdin: payload === 'raw' ? rawStream(sources, progress) : tarStream(sources, token, progress),
    signal: options.signal,
  });
  const answer = /^rpo (\w+) ?(.*)$/m.exec(result.stdout);
  const words = (answer?.[2] ?? '').split(' ').filter(Boolean);
  switch (answer?.[1]) {
    case 'ok': {
      const same = new Set(words.map(Number));
      progress.finish();
      return sources.map(({ remotePath, sha256, bytes }, index) => ({ remotePath, sha256, bytes, changed: !same.has(index) }));
    }
    case 'refused': {
      const paths = words.map((index) => sources[Number(index)]?.remotePath ?? '?');
      throw new UserError(
        'remote-changed',
        `${paths.length === 1 ? `${paths[0]} was changed on the pod` : `${paths.length} files were changed on the pod (${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : ''})`} since they were last deployed. ` +
          'Nothing was written. Fetch and merge that work, or deploy again with --force to overwrite it.',
        { details: { files: paths } },
      );
    }
    case 'lacks':
      throw new UserError(
        'unsupported',
        words[0] === 'tar'
          ? 'The pod has no `tar`. Install it there (apt-get install tar).'
          : 'The pod has none of sha256sum, shasum, openssl and python3. Install coreutils there.',
      );
    default:
      throw failure(words[0], result.stderr, sources);
  }
}

function failure(step: string | undefined, stderr: string, sources: readonly Source[]): UserError {
  const what = sources.length === 1 ? `Writing ${sources[0]?.remotePath}` : `Writing ${sources.length} files`;
  const details = { files: sources.map(({ remotePath }) => remotePath), step };
  if (step === 'verify' && !/No space left/i.test(stderr)) {
    return new UserError('transfer-corrupt', `${what} failed: what arrived is not what was sent. Nothing was replaced; try again.`, {
      details,
    });
  }
  if (step === 'directory')
    return new UserError('remote-failed', `${what} failed: on the pod there is a folder of that name. Remove or rename it there.`, {
      details,
    });
  return remoteFailure(what, stderr, details);
}

/** Checks the paths and reads every source once, for its hash and size. */
async function inspect(files: readonly FileToPut[], signal: AbortSignal | undefined): Promise<readonly Source[]> {
  const seen = new Set<string>();
  const sources: Source[] = [];
  for (const file of files) {
    const remotePath = checkedPath(file.remotePath);
    if (seen.has(remotePath)) throw new UserError('bad-argument', `${remotePath} is named twice in one set of files. Name it once.`);
    seen.add(remotePath);
    throwIfCancelled(signal, 'The upload');
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of contentOf(file.source)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    const expected = file.expected === undefined ? [] : Array.isArray(file.expected) ? file.expected : [file.expected];
    sources.push({
      from: file.source,
      remotePath,
      bytes,
      sha256: hash.digest('hex'),
      mode: ((file.mode ?? 0o644) & 0o7777).toString(8),
      modeAsked: file.mode !== undefined,
      expected: expected.map((one: string | null) => one?.toLowerCase() ?? '-'),
    });
  }
  return sources;
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
    if (!(await handle.stat()).isFile())
      throw new UserError('local-missing', `${source.localPath} is not a file. Name a file, or upload the folder as a folder.`);
    for (;;) {
      const { bytesRead, buffer } = await handle.read({ buffer: Buffer.allocUnsafe(chunkBytes) });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw localFailure(source.localPath, error);
  } finally {
    await handle?.close();
  }
}

function localFailure(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new UserError('local-missing', `${path} is not there. Check the path, and save the file first.`, { cause: error });
  return new UserError('local-failed', `${path} cannot be read: ${code === 'EACCES' ? 'permission denied' : message}.`, { cause: error });
}

interface Meter {
  add(bytes: number): void;
  finish(): void;
}

function meter(sources: readonly Source[], { onProgress }: TransferOptions): Meter {
  const bytesTotal = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  let bytesDone = 0;
  return {
    add: (bytes) => onProgress?.({ bytesDone: (bytesDone += bytes), bytesTotal }),
    finish: () => bytesDone < bytesTotal && onProgress?.({ bytesDone: bytesTotal, bytesTotal }),
  };
}

async function* rawStream(sources: readonly Source[], progress: Meter): AsyncGenerator<Buffer> {
  for (const source of sources) yield* sameContent(source, progress);
}

async function* tarStream(sources: readonly Source[], token: string, progress: Meter): AsyncGenerator<Buffer> {
  const mtimeS = Date.now() / 1000;
  for (const source of sources) {
    yield tarHeader(stagedPath(source.remotePath, token).slice(1), source.bytes, mtimeS);
    yield* sameContent(source, progress);
    yield tarPadding(source.bytes);
  }
  yield tarEnd;
}

/** The content a second time, as long as it was, making sure that it still is what was hashed. */
async function* sameContent(source: Source, progress: Meter): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let left = source.bytes;
  for await (const chunk of contentOf(source.from)) {
    const part = chunk.subarray(0, left); // what was appended since is not part of this set
    left -= part.length;
    hash.update(part);
    yield part;
    progress.add(part.length);
    if (left === 0) break;
  }
  if (left > 0 || hash.digest('hex') !== source.sha256) {
    const name = 'localPath' in source.from ? source.from.localPath : source.remotePath;
    throw new UserError('local-failed', `${name} was changed while it was being sent. Nothing was replaced on the pod; deploy it again.`);
  }
}
