import { UserError } from '../core/errors.ts';

/**
 * NumPy's .npy format, versions 1 to 3 (numpy/lib/format.py), read strictly: a file is an array whole and sound, or it is
 * refused with a sentence.
 *
 * Not by a library: npyjs 1.2 takes truncated and oversized data without a word when it is a multiple of the item's size,
 * never compares it with the shape, leaves Fortran order to the caller, knows no big-endian numbers, mangles `<U` beyond
 * the basic plane and overflows the stack on long ones, and brings a fetch polyfill; numpy-parser 1.2 knows only plain
 * numbers. (npyjs writes arrays for the tests of this reader.)
 */
export interface NpyArray {
  /** [] for a single number. */
  readonly shape: readonly number[];
  /** As the file says, e.g. `<f8`, `|b1`, `<U5`. */
  readonly dtype: string;
  readonly kind: 'bool' | 'int' | 'float' | 'string';
  /** In C order (last axis fastest) whatever the file's order was; booleans are 0 and 1, half floats are widened. */
  readonly values: NpyValues;
}

export type NpyValues =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array
  | readonly string[];

/** Arrays beyond this are data sets, not what a run left to be looked at. */
const maxBytes = 1024 ** 3;
/** A text is an object of its own, and takes ten times what it takes in the file. */
const maxTexts = 5_000_000;
/** numpy itself refuses longer headers unless told otherwise (max_header_size). */
const maxHeaderBytes = 10_000;
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * @param name What the file is called in sentences about it.
 * @throws UserError 'transfer-corrupt' for a file that is empty, cut off, too long or damaged; 'bad-argument' for one that
 *   is no .npy file, or an array of something else than numbers, booleans and strings (objects are never unpickled).
 */
export function parseNpy(bytes: Uint8Array, name: string): NpyArray {
  const { descr, fortran, shape, type, count, dataStart, dataBytes: expected } = readLayout(bytes, name);
  if (expected > maxBytes)
    throw new UserError(
      'bad-argument',
      `${name} holds ${Math.round(expected / 1024 ** 2)} MB; arrays up to ${maxBytes / 1024 ** 2} MB are read. Look at it on the pod.`,
    );
  const actual = bytes.length - dataStart;
  if (actual < expected)
    throw damaged(name, `it is cut off: its shape (${shape.join(', ')}) of ${descr} needs ${expected} bytes and it has ${actual}`);
  if (actual > expected)
    throw damaged(name, `${actual - expected} bytes follow after the end of its shape (${shape.join(', ')}) of ${descr}`);
  if (type.kind === 'string' && count > maxTexts)
    throw new UserError('bad-argument', `${name} holds ${count} texts; up to ${maxTexts} are read. Look at it on the pod.`);
  // A copy starts at an even address, which typed arrays need, and is ours to turn around. (A Buffer's slice() is no copy.)
  const rest = bytes.subarray(dataStart);
  const data = type.swap || rest.byteOffset % 8 !== 0 ? new Uint8Array(rest) : rest;
  if (type.swap) swapUnits(data, type.unitBytes);
  const values = type.decode(data.buffer, data.byteOffset, count);
  return { shape, dtype: descr, kind: type.kind, values: fortran && shape.length > 1 ? toCOrder(values, shape) : values };
}

/**
 * How long a .npy file has to be, in bytes.
 *
 * @param head Its beginning, at least as far as its header goes.
 * @throws UserError as parseNpy() does for a header
 */
export function npyLength(head: Uint8Array, name: string): number {
  const { dataStart, dataBytes } = readLayout(head, name);
  return dataStart + dataBytes;
}

function readLayout(bytes: Uint8Array, name: string) {
  const { header, dataStart } = readHeader(bytes, name);
  const { descr, fortran, shape } = parseHeader(header, name);
  const type = typeOf(descr, name);
  const count = shape.reduce((product, length) => product * length, 1);
  const dataBytes = count * type.itemBytes;
  if (!Number.isSafeInteger(dataBytes)) throw damaged(name, `its shape (${shape.join(', ')}) is beyond measure`);
  return { descr, fortran, shape, type, count, dataStart, dataBytes };
}

function readHeader(bytes: Uint8Array, name: string): { readonly header: string; readonly dataStart: number } {
  if (bytes.length === 0) throw damaged(name, 'it is empty');
  if (magic.some((byte, index) => index < bytes.length && bytes[index] !== byte))
    throw new UserError('bad-argument', `${name} is not a .npy file. Give a file that numpy.save() wrote.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 1;
  if (major < 1 || major > 3) throw damaged(name, `it says it is of version ${major} of the format, which there is not`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw damaged(name, 'it is cut off in its header');
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes) throw damaged(name, `its header has ${length} bytes; at most ${maxHeaderBytes} are read`);
  if (bytes.length < start + length) throw damaged(name, 'it is cut off in its header');
  const text = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(start, start + length));
  return { header: text, dataStart: start + length };
}

/** A Python dict with just the keys 'descr', 'fortran_order' and 'shape', each once; anything else is refused. */
function parseHeader(
  header: string,
  name: string,
): { readonly descr: string; readonly fortran: boolean; readonly shape: readonly number[] } {
  const body = /^\s*\{([\s\S]*)\}\s*$/.exec(header)?.[1];
  const entry = /\s*(['"])(\w+)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([\dL,\s]*)\)|(\[[\s\S]*))\s*(,|$)/y;
  const found = new Map<string, RegExpExecArray>();
  for (let end = 0; body !== undefined && body.slice(end).trim() !== ''; end = entry.lastIndex) {
    const match = entry.exec(body);
    const key = match?.[2];
    if (match === null || key === undefined || found.has(key)) throw damaged(name, 'its header is not one that numpy writes');
    // A record dtype is a list and holds commas of its own; nothing after it needs to be known.
    if (key === 'descr' && match[7] !== undefined)
      throw new UserError(
        'bad-argument',
        `${name} holds records with named fields. Save the one column that is meant as an array of its own.`,
      );
    found.set(key, match);
  }
  const descr = found.get('descr')?.[4];
  const order = found.get('fortran_order')?.[5];
  const tuple = found.get('shape')?.[6];
  if (
    found.size !== 3 ||
    descr === undefined ||
    order === undefined ||
    tuple === undefined ||
    !/^\s*(\d+L?\s*,\s*)*(\d+L?\s*)?$/.test(tuple) ||
    /^\s*\d+L?\s*$/.test(tuple)
  )
    throw damaged(name, 'its header is not one that numpy writes');
  const shape = tuple.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part.trim().replace(/L$/, ''))]));
  if (shape.length > 64 || !shape.every((length) => Number.isSafeInteger(length))) throw damaged(name, 'its shape is beyond measure');
  return { descr, fortran: order === 'True', shape };
}

interface ItemType {
  readonly kind: NpyArray['kind'];
  readonly itemBytes: number;
  /** What a byte order is the order of: the item, or one character of a string. */
  readonly unitBytes: number;
  readonly swap: boolean;
  readonly decode: (buffer: ArrayBufferLike, start: number, count: number) => NpyValues;
}

const numeric: Readonly<Record<string, Pick<ItemType, 'kind' | 'decode'>>> = {
  b1: { kind: 'bool', decode: (buffer, start, count) => new Uint8Array(buffer, start, count).map((byte) => (byte === 0 ? 0 : 1)) },
  i1: { kind: 'int', decode: (buffer, start, count) => new Int8Array(buffer, start, count) },
  u1: { kind: 'int', decode: (buffer, start, count) => new Uint8Array(buffer, start, count) },
  i2: { kind: 'int', decode: (buffer, start, count) => new Int16Array(buffer, start, count) },
  u2: { kind: 'int', decode: (buffer, start, count) => new Uint16Array(buffer, start, count) },
  i4: { kind: 'int', decode: (buffer, start, count) => new Int32Array(buffer, start, count) },
  u4: { kind: 'int', decode: (buffer, start, count) => new Uint32Array(buffer, start, count) },
  i8: { kind: 'int', decode: (buffer, start, count) => new BigInt64Array(buffer, start, count) },
  u8: { kind: 'int', decode: (buffer, start, count) => new BigUint64Array(buffer, start, count) },
  f2: { kind: 'float', decode: (buffer, start, count) => Float32Array.from(new Uint16Array(buffer, start, count), halfFloat) },
  f4: { kind: 'float', decode: (buffer, start, count) => new Float32Array(buffer, start, count) },
  f8: { kind: 'float', decode: (buffer, start, count) => new Float64Array(buffer, start, count) },
};

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function typeOf(descr: string, name: string): ItemType {
  const match = /^([<>|=]?)([A-Za-z])(\d*)(?:\[\w+\])?$/.exec(descr);
  const [, order = '', letter = '', digits = ''] = match ?? [];
  const swap = (order === '>' && hostIsLittleEndian) || (order === '<' && !hostIsLittleEndian);
  const size = Number(digits);
  const number = Object.hasOwn(numeric, letter + digits) ? numeric[letter + digits] : undefined;
  if (number !== undefined) return { ...number, itemBytes: size, unitBytes: size, swap };
  // Lengths beyond this only make sense in a file that wants to exhaust the reader.
  if ((letter === 'U' || letter === 'S') && size >= 1 && size <= 1_000_000) {
    const unitBytes = letter === 'U' ? 4 : 1;
    const decode: ItemType['decode'] = (buffer, start, count) =>
      decodeStrings(new Uint8Array(buffer, start, count * size * unitBytes), count, size, letter === 'U', name);
    return { kind: 'string', itemBytes: size * unitBytes, unitBytes, swap: swap && letter === 'U', decode };
  }
  const what: Readonly<Record<string, string>> = {
    O: 'Python objects, which are pickled; opening a pickle can run any code, so it is not done',
    c: 'complex numbers',
    V: 'raw bytes (as bfloat16 is saved)',
    M: 'dates',
    m: 'time spans',
    f: 'floats of a size that only some machines have',
  };
  if (match === null) throw damaged(name, `its dtype ${JSON.stringify(descr)} is not one that numpy writes`);
  throw new UserError(
    'bad-argument',
    `${name} holds ${what[letter] ?? `values of dtype ${descr}`}. Save it as an array of numbers, for example with .astype("float32").`,
  );
}

function decodeStrings(bytes: Uint8Array, count: number, length: number, wide: boolean, name: string): string[] {
  const unit = wide ? 4 : 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, item) => {
    let text = '';
    let nulls = '';
    for (let at = item * length; at < (item + 1) * length; at++) {
      const code = wide ? view.getUint32(at * unit, hostIsLittleEndian) : view.getUint8(at);
      if (code > 0x10ffff) throw damaged(name, 'it holds text that is none');
      if (code === 0) {
        nulls += '\0'; // padding at the end, part of the text before something else
        continue;
      }
      text += nulls + String.fromCodePoint(code);
      nulls = '';
    }
    return text;
  });
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function swapUnits(data: Uint8Array, unitBytes: number): void {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (unitBytes === 2) buffer.swap16();
  else if (unitBytes === 4) buffer.swap32();
  else if (unitBytes === 8) buffer.swap64();
}

function toCOrder(values: NpyValues, shape: readonly number[]): NpyValues {
  if (Array.isArray(values)) {
    const turned = new Array<string>(values.length);
    inFortranOrder(shape, values.length, (at, from) => (turned[at] = (values as readonly string[])[from] ?? ''));
    return turned;
  }
  const typed = values as Float64Array; // any of them: the loop only moves items
  const turned = typed.slice();
  inFortranOrder(shape, typed.length, (at, from) => (turned[at] = typed[from] ?? 0));
  return turned;
}

/** Tells for each item in C order where it lies in Fortran order (first axis fastest). */
function inFortranOrder(shape: readonly number[], length: number, move: (at: number, from: number) => void): void {
  const strides: number[] = [];
  shape.reduce((stride, size, axis) => ((strides[axis] = stride), stride * size), 1);
  const outer = shape.length - 1;
  const [size = 1, stride = 1] = [shape[outer], strides[outer]];
  const index = shape.map(() => 0);
  for (let at = 0, start = 0; at < length;) {
    // The last axis has a loop of its own: nearly all of the time is spent there.
    for (const end = at + size; at < end; at++) move(at, start + (size - (end - at)) * stride);
    for (let axis = outer - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      start += strides[axis] ?? 0;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      start -= (strides[axis] ?? 0) * (shape[axis] ?? 0);
      index[axis] = 0;
    }
  }
}

function damaged(name: string, why: string): UserError {
  return new UserError(
    'transfer-corrupt',
    `${name} is damaged: ${why}. If a run is still writing it, wait for its end; then download it again.`,
  );
}
