import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { isUserError, messageOf } from '../core/errors.ts';
import { npyLength } from './npy.ts';

/** The end of central directory record (PKZIP APPNOTE 4.3.16) and the longest comment that may follow it. */
const zipEndBytes = 22 + 0xffff;
/** A .npy header has 10,000 bytes at most; one of safetensors grows with its tensors. */
const npyHeadBytes = 16 * 1024;
const maxSafetensorsHeadBytes = 100 * 1024 * 1024;

/**
 * Why a file of a known format is not whole: cut off, or still being written. Null when it is whole, or of a format that
 * does not tell. Only the parts that say how long it has to be are read.
 */
export async function notWhole(path: string): Promise<string | null> {
  const extension = /\.(npy|npz|zip|keras|pt|pth|ckpt|safetensors)$/.exec(path)?.[1];
  if (extension === undefined) return null;
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size === 0) return 'it is empty';
    const read = async (position: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(length, size - position)), 0, null, position);
      return buffer.subarray(0, bytesRead);
    };
    const head = await read(0, npyHeadBytes);
    if (extension === 'npy') return differs(size, npyLength(head, basename(path)));
    if (extension === 'safetensors') return await safetensors(head, size, read);
    const isZip = head[0] === 0x50 && head[1] === 0x4b;
    // torch.save() wrote plain pickles before 1.6, and others do still; these do not say where they end.
    if (!isZip) return ['npz', 'zip', 'keras'].includes(extension) ? 'it does not begin as a zip does' : null;
    return zipEnds(await read(Math.max(0, size - zipEndBytes), zipEndBytes)) ? null : 'the directory at its end is missing';
  } catch (error) {
    // An array of objects is no damage, but its header does not tell how long it has to be.
    if (isUserError(error) && error.reason !== 'transfer-corrupt') return null;
    return messageOf(error).replace(/\.$/, '');
  } finally {
    await file.close();
  }
}

function differs(size: number, expected: number): string | null {
  return size === expected ? null : `it has ${size} bytes and says it has ${expected}`;
}

/** Eight bytes say how long the JSON head is, and the head where each tensor ends. */
async function safetensors(
  head: Buffer,
  size: number,
  read: (position: number, length: number) => Promise<Buffer>,
): Promise<string | null> {
  if (head.length < 8) return 'it is cut off in its head';
  const length = Number(head.readBigUInt64LE(0));
  if (length > maxSafetensorsHeadBytes || 8 + length > size) return 'it is cut off in its head';
  const entries = JSON.parse((await read(8, length)).toString('utf8')) as Readonly<
    Record<string, { readonly data_offsets?: readonly number[] }>
  >;
  const ends = Object.entries(entries).flatMap(([name, tensor]) => (name === '__metadata__' ? [] : [Number(tensor.data_offsets?.[1])]));
  return differs(size, 8 + length + Math.max(0, ...ends));
}

/** Whether the end record is there and its comment ends where the file does. */
function zipEnds(tail: Buffer): boolean {
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) === 0x06054b50 && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return true;
  }
  return false;
}
