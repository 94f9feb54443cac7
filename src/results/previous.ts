import { copyFile, mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

/** Below a results folder: what was there before it was replaced by a newer run's. */
const folderName = '.previous';

/** Whether a file is one of predictions, whose former version is worth keeping. */
export function isArray(path: string): boolean {
  return /\.np[yz]$/.test(path);
}

/** Keeps the local copies of these files, which are about to be replaced; paths are relative to the folder. */
export async function keepPrevious(folder: string, paths: readonly string[]): Promise<void> {
  for (const path of paths.filter(isArray)) {
    const from = join(folder, path);
    if (!(await isFile(from))) continue;
    const to = join(folder, folderName, path);
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, to);
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
