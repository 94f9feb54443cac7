import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withLock } from '../project/fileLock.ts';

/** Below a results folder: what was there before it was replaced by a newer run's. */
const folderName = '.previous';

/** Whether a file is one of predictions, whose former version is worth keeping. */
export function isArray(path: string): boolean {
  return /\.np[yz]$/.test(path);
}

/**
 * Puts a file that has arrived in its place, in one step. Of predictions, the copy that was there is kept as the run
 * before's, unless it has the same bytes: two may fetch the same file at once, and the second then finds the first one's.
 *
 * @param path below the folder; that folder of it is there
 * @param sha256 of what has arrived
 */
export async function replace(folder: string, path: string, arrived: string, sha256: string): Promise<void> {
  const target = join(folder, path);
  if (!isArray(path) || !(await isFile(target))) return rename(arrived, target);
  await withLock(join(folder, folderName, '.lock'), async () => {
    if ((await sha256Of(target)) !== sha256) {
      const kept = join(folder, folderName, path);
      await mkdir(dirname(kept), { recursive: true });
      await copyFile(target, kept);
    }
    await rename(arrived, target);
  });
}

/** Null when the file cannot be read: then it counts as another one, and whatever is wrong there is told by what comes next. */
export async function sha256Of(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
    return hash.digest('hex');
  } catch {
    return null;
  }
}

/** The version of the run before of a fetched file; null when there is none. */
export async function previousOf(file: string): Promise<string | null> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, folderName, relative(folder, file));
    if (basename(folder) !== folderName && (await isFile(candidate))) return candidate;
    if (dirname(folder) === folder) return null;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
