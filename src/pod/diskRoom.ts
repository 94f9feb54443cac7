import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { Part } from './uploadPart.ts';

/** Script: defines `has_room FOLDER KB`, true when df says that so much is free there; the folder need not be there yet. One process, since many sessions ask at once. */
export const defineHasRoom = `
has_room() {
  k=$2; v=$1; while [ ! -d "$v" ]; do v=\${v%/*}; v=\${v:-/}; done
  set -- $(df -Pk -- "$v" 2>/dev/null); v=; for w do case $w in [0-9]*%) break;; esac; v=$w; done
  [ "$v" -ge $k ] 2>/dev/null
}
`;

/** Script: says how much room there is where each of the files is going, as `rpo-room INDEX <last line of df -Pk>`. */
export function askRoom(parts: readonly Part[]): string {
  return `
room() { v=$2; while [ ! -d "$v" ]; do v=\${v%/*}; v=\${v:-/}; done; printf 'rpo-room %s %s\\n' "$1" "$(df -Pk -- "$v" 2>/dev/null | tail -n 1)"; }
${parts.map((part) => `room ${part.index} ${quote(posix.dirname(part.partPath))}`).join('\n')}
`;
}

/**
 * Adds up what is still to be written on each file system. An answer that cannot be read is no reason to stop: some
 * network volumes tell tales, and the writing itself fails cleanly.
 *
 * @throws UserError 'remote-full'
 */
export function checkRoom(said: string, parts: readonly Part[]): void {
  const systems = new Map<string, { needed: number; free: number }>();
  for (const [, index, line = ''] of said.matchAll(/^rpo-room (\d+) (.*)$/gm)) {
    const part = parts.find((one) => one.index === Number(index));
    // POSIX df -P: name, 1024-blocks, used, available, capacity, mount point; names may hold blanks.
    const free = /\s\d+\s+\d+\s+(-?\d+)\s+\d+%/.exec(line)?.[1];
    if (!part || free === undefined) continue;
    const system = systems.get(line) ?? { needed: 0, free: Math.max(0, Number(free)) * 1024 };
    system.needed += part.bytesLeft;
    systems.set(line, system);
  }
  for (const { needed, free } of systems.values()) {
    if (needed <= free) continue;
    throw new UserError(
      'remote-full',
      `The pod has no room for this: ${megabytes(needed)} are to be written and ${megabytes(free)} are free. Nothing was written. Delete checkpoints or caches there (\`du -xsh /workspace/*\`), or give the pod a larger volume.`,
      { details: { neededBytes: needed, freeBytes: free } },
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
