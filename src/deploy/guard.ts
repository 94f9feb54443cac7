import { UserError } from '../core/errors.ts';

/** Bytes; what a deploy may send without being asked twice. */
export interface SizeLimits {
  readonly fileBytes: number;
  readonly setBytes: number;
}

/** Source code is small; what is larger is a checkpoint, a data set or a .git folder sent by mistake. */
export const defaultLimits: SizeLimits = { fileBytes: 100 * 1024 * 1024, setBytes: 1024 * 1024 * 1024 };

/**
 * Refuses a set that is larger than source code would be, and names the culprits.
 *
 * @throws UserError 'bad-argument'
 */
export function checkSize(files: readonly { readonly path: string; readonly bytes: number }[], limits: SizeLimits = defaultLimits): void {
  const large = files.filter((file) => file.bytes > limits.fileBytes);
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  if (large.length === 0 && total <= limits.setBytes) return;
  const culprits = [...(large.length > 0 ? large : files)].sort((a, b) => b.bytes - a.bytes).slice(0, 5);
  const list = culprits.map((file) => `${file.path} (${formatBytes(file.bytes)})`).join(', ');
  const what =
    large.length > 0
      ? `${large.length === 1 ? 'A file is' : `${large.length} files are`} larger than ${formatBytes(limits.fileBytes)}: ${list}.`
      : `The set is ${formatBytes(total)}, more than ${formatBytes(limits.setBytes)}; the largest are ${list}.`;
  throw new UserError(
    'bad-argument',
    `${what} Nothing was sent. Add what does not belong on the pod to "exclude" in runpod.json, or send it on purpose with \`rpo upload LOCAL REMOTE\`.`,
  );
}

/** `1.5 MB`; decimal units, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
