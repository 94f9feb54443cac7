import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** What this process hashed already. */
const known = new Map<string, { readonly stamp: string; readonly sha256: string }>();

/** A write within the clock's step of the one before it leaves size and time as they were; so the hash of a young file is not kept. */
const oldEnoughMs = 2000;

/** Longer ones are not read in one piece. */
const smallBytes = 1024 * 1024;

/** SHA-256 of a local file, lower-case hex. One that was not touched since the last time (size, time, inode) is not read again. */
export async function hashLocal(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true });
  const stamp = [facts.size, facts.mtimeNs, facts.ino].join(' ');
  const before = known.get(path);
  if (before?.stamp === stamp) return before.sha256;
  const hash = createHash('sha256');
  if (facts.size <= smallBytes) hash.update(await readFile(path));
  else await pipeline(createReadStream(path), hash);
  const sha256 = hash.digest('hex');
  if (Date.now() - Number(facts.mtimeMs) > oldEnoughMs) known.set(path, { stamp, sha256 });
  return sha256;
}
