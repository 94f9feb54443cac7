import { Buffer } from 'node:buffer';

/**
 * The little of tar that a deploy needs: regular files with names of any length, in the GNU flavour of ustar, which GNU
 * tar, busybox and bsdtar all read (busybox does not read the names in PAX headers that common libraries write).
 * Format: https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
const block = 512;
/** The name's field, which comes first, and all that is used of the fields. */
const nameBytes = 100;
const headerBytes = 265;

/** The header of one regular file, with a long-name member before it when the name needs one. */
export function tarHeader(name: string, bytes: number, mtimeS: number, mode = 0o644): Buffer {
  const encoded = Buffer.from(name);
  if (encoded.length < nameBytes) return header(encoded, bytes, mtimeS, mode, '0');
  const longName = Buffer.concat([encoded, Buffer.alloc(1)]);
  return Buffer.concat([
    header(Buffer.from('././@LongLink'), longName.length, 0, 0o644, 'L'),
    longName,
    tarPadding(longName.length),
    header(encoded.subarray(0, nameBytes - 1), bytes, mtimeS, mode, '0'),
  ]);
}

const zeros = Buffer.alloc(block);

/** What fills a member up to the next block. */
export function tarPadding(bytes: number): Buffer {
  return zeros.subarray(0, (block - (bytes % block)) % block);
}

/** Two empty blocks end an archive. */
export const tarEnd = Buffer.alloc(2 * block);

function header(name: Buffer, bytes: number, mtimeS: number, mode: number, type: '0' | 'L'): Buffer {
  const out = Buffer.allocUnsafe(block).fill(0); // from Node's pool: thousands of them of their own keep the collector busy
  name.copy(out, 0);
  out.write(`${mode.toString(8).padStart(7, '0')}\0`, 100, 'latin1');
  out.write('0000000\0', 108, 'latin1');
  out.write('0000000\0', 116, 'latin1');
  writeNumber(out, 124, bytes);
  writeNumber(out, 136, Math.floor(mtimeS));
  out.write('        ', 148, 'latin1'); // the checksum counts itself as blanks
  out.write(type, 156, 'latin1');
  out.write('ustar  \0', 257, 'latin1');
  let sum = 0;
  for (let at = 0; at < name.length; at++) sum += out[at] ?? 0;
  for (let at = nameBytes; at < headerBytes; at++) sum += out[at] ?? 0; // behind that are zeros
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** Twelve bytes of octal, or from 8 GiB on GNU's base-256 with the top bit set. */
function writeNumber(out: Buffer, offset: number, value: number): void {
  if (value < 8 ** 11) {
    out.write(`${value.toString(8).padStart(11, '0')}\0`, offset, 'latin1');
    return;
  }
  out.writeUInt8(0x80, offset);
  out.writeBigUInt64BE(BigInt(value), offset + 4);
}
