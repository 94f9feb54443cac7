import { createHash, hash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { Turns } from '../pod/turns.ts';
import type { HashMemory } from '../pod/pod.ts';
import type { LocalFile } from './places.ts';

/** A write within the clock's step of the one before it leaves size and times as they were; so the hash of a young file is not kept. */
const oldEnoughMs = 2000;

/** Longer ones are not read in one piece. */
const smallBytes = 256 * 1024;

/**
 * SHA-256 of each of these local files, lower-case hex. One that was not touched since it was last hashed (size, times, inode)
 * is not read again. They were looked at a moment ago.
 *
 * @throws UserError 'local-failed' for one that cannot be read, 'cancelled'
 */
export async function hashLocal(files: readonly LocalFile[], memory: HashMemory, signal?: AbortSignal): Promise<readonly string[]> {
  const turns = new Turns();
  const hashes: string[] = [];
  for (const file of files) {
    const before = memory.get(file.localPath);
    if (before?.stamp === file.stamp) {
      hashes.push(before.sha256);
      continue;
    }
    await turns.next();
    throwIfCancelled(signal, 'Comparing with the pod');
    try {
      hashes.push(await hashOne(file, memory));
    } catch (error) {
      throw new UserError('local-failed', `${file.localPath} cannot be read: ${messageOf(error)}. Nothing was deployed; try again.`, {
        cause: error,
      });
    }
  }
  return hashes;
}

async function hashOne({ localPath, bytes, stamp, touchedMs }: LocalFile, memory: HashMemory): Promise<string> {
  const sha256 = bytes <= smallBytes ? hash('sha256', readFileSync(localPath)) : await hashStream(localPath);
  if (Date.now() - touchedMs > oldEnoughMs) memory.set(localPath, { stamp, sha256 });
  return sha256;
}

async function hashStream(path: string): Promise<string> {
  const hasher = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: smallBytes }), hasher);
  return hasher.digest('hex');
}
