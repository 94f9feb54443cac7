import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';

/**
 * Works in a small or read-only file system of its own; skips the test where this machine lets us mount none.
 *
 * @param options of mount, for tmpfs: `size=20m`, `ro`
 */
export async function mounted(test: Mocha.Context, folder: string, options: string, work: () => Promise<void>): Promise<void> {
  await mkdir(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    test.skip();
  }
  try {
    await work();
  } finally {
    execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
  }
}
