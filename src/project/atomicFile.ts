import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a whole file so that a reader sees the old one or the new one and nothing between, also after a crash.
 * A symbolic link stays one: what it points at is replaced. Folders above are made, for the owner alone.
 *
 * @param options.mode Permission bits of the file; default 0o600.
 * @param options.durable Wait until the disk has it; default true. Without, a crash of the machine may leave it empty.
 * @param options.stillWanted Asked last, when the new file lies complete beside the old one; false: nothing is replaced.
 * @returns Whether the file was replaced.
 * @throws What node:fs throws.
 */
export async function writeAtomic(
  file: string,
  content: string | Uint8Array,
  options: { readonly mode?: number; readonly durable?: boolean; readonly stillWanted?: () => Promise<boolean> } = {},
): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const target = await realpath(file).catch(() => file);
  const temporary = `${target}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', options.mode ?? 0o600);
    try {
      await handle.writeFile(content);
      if (options.durable !== false) await handle.sync();
    } finally {
      await handle.close();
    }
    if (options.stillWanted !== undefined && !(await options.stillWanted())) return false;
    await rename(temporary, target);
    return true;
  } finally {
    await rm(temporary, { force: true });
  }
}
