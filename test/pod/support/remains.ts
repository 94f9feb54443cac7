import { readdir } from 'node:fs/promises';

/** What transfers have made for themselves below a folder and not cleared away yet, by paths relative to it. */
export async function remainsIn(folder: string, own = /(^|\/)\.[^/]*rpo-/): Promise<readonly string[]> {
  try {
    return (await readdir(folder, { recursive: true })).filter((path) => own.test(path));
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw error;
    // A folder that goes while it is looked at: clearing away is still under way.
    return path === undefined || path === folder ? [] : [path];
  }
}
