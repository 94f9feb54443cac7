import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** Folders of a project that say what runs on this machine, and the file that says what agents may do. */
const kept = ['.git', '.vscode', 'runpod.json'];

/** Where a local path really is: links followed as far as it exists. */
async function real(path: string): Promise<string> {
  const found = await realpath(path).catch(() => null);
  if (found !== null) return found;
  const parent = dirname(path);
  return parent === path ? path : join(await real(parent), basename(path));
}

/** Relative POSIX path of one below a folder, '' for the folder itself; null elsewhere. */
async function below(folder: string, realPath: string): Promise<string | null> {
  const found = relative(await real(resolve(folder)), realPath);
  return found === '..' || found.startsWith(`..${sep}`) || isAbsolute(found) ? null : found.split(sep).join('/');
}

/** Why an agent may not write to a local path, whatever it asks for there; null: it may. */
export async function unwritable(path: string, project: string, home: string): Promise<string | null> {
  const target = await real(resolve(path));
  if ((await below(home, target)) !== null) return 'there is what the person at this machine keeps, limits of agents among it';
  const inside = await below(project, target);
  if (inside === null) return 'it is outside of the project';
  // Not every file system tells upper case from lower case.
  const parts = inside.toLowerCase().split('/');
  const found = kept.find((name) => name === parts[0]) ?? parts.find((part) => part === '.git');
  return found === undefined ? null : `${found} says what is run or allowed here`;
}

/** Where a local file is that an agent wants to send: in the project, among what the person keeps, or elsewhere with its real path. */
export async function placeOf(path: string, project: string, home: string): Promise<'project' | 'home' | { readonly elsewhere: string }> {
  const source = await real(resolve(path));
  if ((await below(home, source)) !== null) return 'home';
  if ((await below(project, source)) !== null) return 'project';
  return { elsewhere: source.split(sep).join('/') };
}
