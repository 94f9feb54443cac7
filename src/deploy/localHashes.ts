import { createHash, hash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { Turns } from '../pod/turns.ts';
import type { HashMemory } from '../pod/pod.ts';

/** A write within the clock's step of the one before it leaves size and times as they were; so the hash of a young file is not kept. */
const oldEnoughMs = 2000;

/** Longer ones are not read in one piece. */
const smallBytes = 256 * 1024;

/**
 * SHA-256 of each of these local files, lower-case hex. One that was not touched since it was last hashed (size, times, inode)
 * is not read again.
 *
 * @throws UserError 'local-failed' for one that cannot be read, 'cancelled'
 */
export async function hashLocal(paths: readonly string[], memory: HashMemory, signal?: AbortSignal): Promise<readonly string[]> {
  const turns = new Turns();
  const hashes: string[] = [];
  for (const path of paths) {
    await turns.next();
    throwIfCancelled(signal, 'Comparing with the pod');
    try {
      hashes.push(await hashOne(path, memory));
    } catch (error) {
      throw new UserError('local-failed', `${path} cannot be read: ${messageOf(error)}. Nothing was deployed; try again.`, {
        cause: error,
      });
    }
  }
  return hashes;
}

async function hashOne(path: string, memory: HashMemory): Promise<string> {
  const facts = statSync(path, { bigint: true });
  const stamp = [facts.size, facts.mtimeNs, facts.ctimeNs, facts.ino].join(' ');
  const before = memory.get(path);
  if (before?.stamp === stamp) return before.sha256;
  const sha256 = facts.size <= smallBytes ? hash('sha256', readFileSync(path)) : await hashStream(path);
  const touchedMs = Number(facts.mtimeMs > facts.ctimeMs ? facts.mtimeMs : facts.ctimeMs);
  if (Date.now() - touchedMs > oldEnoughMs) memory.set(path, { stamp, sha256 });
  return sha256;
}

async function hashStream(path: string): Promise<string> {
  const hasher = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: smallBytes }), hasher);
  return hasher.digest('hex');
}
