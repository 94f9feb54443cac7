import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Programs of this machine under names of the caller's choice, and nothing else in PATH. */
export async function pathOf(folder: string, programs: Readonly<Record<string, string>>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, target] of Object.entries(programs)) await symlink(target, join(folder, name));
}
// The system's own: a person's PATH may hold wrappers that need a shell and a home.
export const which = (name: string) =>
  execFileSync('sh', ['-c', `command -v ${name}`], {
    encoding: 'utf8',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' },
  }).trim();
/** What every pod has. */
export const common = [
  'sh',
  'dd',
  'cat',
  'sed',
  'mkdir',
  'mv',
  'rm',
  'rmdir',
  'chmod',
  'ln',
  'cp',
  'head',
  'tail',
  'tr',
  'stat',
  'find',
  'df',
  'sleep',
  'wc',
  'env',
  'ls',
];
