import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../core/errors.ts';

/** Who holds the lock says so again and again, so one this old was left by a process that died. */
const staleMs = 10_000;
const sayingMs = 2_000;

/**
 * Runs `work` while no other process runs under the same lock file.
 *
 * @param work Gets a question: is the lock still ours? To be asked before anything is replaced, since a process that
 *   slept for long (a closed laptop) may have lost it.
 * @param options.patienceMs how long to wait for the lock; default 20,000
 * @throws UserError 'local-failed' when the lock cannot be had.
 */
export async function withLock<T>(
  lockFile: string,
  work: (isOurs: () => Promise<boolean>) => Promise<T>,
  { patienceMs = 20_000 }: { readonly patienceMs?: number } = {},
): Promise<T> {
  const token = `${process.pid}-${randomBytes(8).toString('hex')}`;
  await mkdir(dirname(lockFile), { recursive: true, mode: 0o700 });
  const giveUp = Date.now() + patienceMs;
  while (!(await take(lockFile, token))) {
    await breakStale(lockFile, token);
    if (Date.now() > giveUp)
      throw new UserError('local-failed', `Another program keeps ${lockFile} locked. Close it, or delete that file, and try again.`);
    await sleep(5 + Math.random() * 20);
  }
  const isOurs = async () => (await readFile(lockFile, 'utf8').catch(() => '')) === token;
  const saying = setInterval(() => {
    void isOurs().then(async (ours) => (ours ? utimes(lockFile, new Date(), new Date()).catch(() => undefined) : undefined));
  }, sayingMs);
  try {
    return await work(isOurs);
  } finally {
    clearInterval(saying);
    if (await isOurs()) await rm(lockFile, { force: true });
  }
}

async function take(lockFile: string, token: string): Promise<boolean> {
  try {
    await writeFile(lockFile, token, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Windows says EPERM or EACCES while the file is being deleted.
    if (code === 'EEXIST' || (process.platform === 'win32' && (code === 'EPERM' || code === 'EACCES'))) return false;
    throw error;
  }
}

/** Moved aside before it is deleted, so that of several who found it stale only one takes it away. */
async function breakStale(lockFile: string, token: string): Promise<void> {
  const found = await stat(lockFile).catch(() => null);
  if (found === null || Date.now() - found.mtimeMs < staleMs) return;
  const aside = `${lockFile}.${token}`;
  await rename(lockFile, aside).catch(() => undefined);
  // Other programs that lock the same file may do so by a folder.
  await rm(aside, { force: true, recursive: true });
}
