import type { LineBytes, Template } from './template.ts';

/** Numbers looked at in one line; what comes after is a table of data, not progress. */
export const MAX_NUMBERS = 192;
/** Longer lines carry no metrics (argument dumps, data); the longest real progress lines are below 2,500 units. */
export const MAX_METRIC_LINE = 4_096;

/** Not the kind of a number: in a template, a run of spaces that goes on as long as it may. */
export const GAP = 0;
/** … and the end of the line. */
export const END = 7;
export const INT = 1;
export const FLOAT = 2;
/** `nan`, `inf`, `-Infinity`: a number in every respect but its letters. */
export const SPECIAL = 3;
/** Times, dates, versions, addresses: `0:14:15`, `2.1.0`, `10.0.0.1`, `0x7f3a`. */
export const COMPOUND = 4;

// A template's step: a size, the kind of what follows, and whether that may have a sign.
const KIND = 7;
export const SIGNABLE = 8;
export const SIZE_SHIFT = 4;

/** What a number may go on with behind its first digits. */
const GOES_ON = new Uint8Array(65_536);
for (const char of ',_.:-eExX') GOES_ON[char.charCodeAt(0)] = 1;

/** The characters of a line, or its bytes: where it is ASCII they are the same, and numbers always are. */
type Units = Uint16Array | Uint8Array;

/** Room for the characters of a line that stands in no array: as a slice of a long string, each would be asked of the string it is a slice of. */
const LINE = new Uint16Array(MAX_METRIC_LINE);

const enum Class {
  Other = 0,
  Digit = 1,
  Letter = 2,
  Space = 3,
}

/** The class of every UTF-16 unit; beyond ASCII everything is a letter but what bars and arrows are made of. */
const CLASS = new Uint8Array(65_536).fill(Class.Letter, 128);
for (let c = 48; c <= 57; c++) CLASS[c] = Class.Digit;
for (let c = 65; c <= 90; c++) CLASS[c] = CLASS[c + 32] = Class.Letter;
CLASS[95] = Class.Letter;
CLASS[32] = CLASS[9] = Class.Space;
// General punctuation to arrows and dingbats (box drawing, blocks), surrogates (emoji), the replacement for a wrong byte.
CLASS.fill(Class.Other, 0x2000, 0x2c00).fill(Class.Other, 0xd800, 0xe000);
CLASS[0xfffd] = Class.Other;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i);

/**
 * The numbers of a line and the line's shape, found in one pass. The shape is a hash of everything but the numbers' digits: lines of the same
 * shape mean the same, so what a line means is found out once for each shape (see `MetricReader`).
 */
export class Scan {
  count = 0;
  /** Where each number begins and ends, counted from the line's beginning: in bytes after `fits` of a line that is not ASCII, else in UTF-16 units. */
  readonly start = new Int32Array(MAX_NUMBERS);
  readonly end = new Int32Array(MAX_NUMBERS);
  readonly kind = new Uint8Array(MAX_NUMBERS);
  /** 53 bits of it, as a safe integer: two lines of different shape practically never share one. */
  shape = 0;
  /** The line has more characters or numbers than are looked at: its shape says nothing about the rest. */
  full = false;
  /** There are control characters in what was looked at. */
  control = false;
  /** Digits in it do not count for its shape though they belong to no number. */
  loose = false;

  /** Value of each number, or NaN where it takes more than a product of exact doubles; see `value`. */
  private readonly values = new Float64Array(MAX_NUMBERS);
  /** The line's characters are `codes` from `base` on. */
  private codes: Units = LINE;
  private base = 0;
  private taken = 0;

  scan(text: string): void {
    const length = text.length < MAX_METRIC_LINE ? text.length : MAX_METRIC_LINE;
    for (let i = 0; i < length; i++) LINE[i] = text.charCodeAt(i);
    this.scanCodes(LINE, length);
    if (text.length > MAX_METRIC_LINE) this.full = true;
  }

  /** Takes an ASCII line of at most `MAX_METRIC_LINE` characters, to be scanned when it is asked for; true when there are control characters in it. */
  take({ codes: bytes, from, to }: LineBytes): boolean {
    let control = false;
    for (let i = from; i < to; i++) {
      const code = bytes[i]!;
      if ((code < 32 && code !== 9) || code === 127) control = true;
      LINE[i - from] = code;
    }
    this.taken = to - from;
    return control;
  }

  /** What `work` makes of the line when only the numbers before that place are seen. */
  before<T>(end: number, work: () => T): T {
    const { count } = this;
    while (this.count > 0 && this.end[this.count - 1]! > end) this.count--;
    try {
      return work();
    } finally {
      this.count = count;
    }
  }

  /** Scans what was taken. */
  scanTaken(): void {
    this.scanCodes(LINE, this.taken);
  }

  private scanCodes(codes: Uint16Array, to: number): void {
    this.codes = codes;
    this.base = 0;
    let count = 0;
    // FNV-1a over the characters that count, and how many they were.
    let hash = 0x811c9dc5 | 0;
    let hashed = 0;
    let previous = 0;
    let run = 0;
    let i = 0;
    this.control = false;
    this.loose = false;
    while (i < to) {
      const code = codes[i]!;
      const kind = CLASS[code]!;
      if (kind === Class.Letter) {
        // A word, with the digits and joints inside it: `top1_acc`, `mAP50-95`, `ndcg@10`, `acc/top1`, `valid_0's`.
        const from = i;
        const hashBefore = hash;
        let joined = false;
        let digitRun = 0;
        hash = Math.imul(hash ^ code, 0x01000193);
        i++;
        while (i < to) {
          const c = codes[i]!;
          const k = CLASS[c]!;
          if (k === Class.Letter) digitRun = 0;
          else if (k === Class.Digit) digitRun++;
          else {
            const after = joint(codes, c, i, to);
            if (after < 0) break;
            joined = true;
            digitRun = 0;
            for (; i < after; i++) hash = Math.imul(hash ^ codes[i]!, 0x01000193);
            continue;
          }
          // `checkpoint-1500`, `run/00012.pt`: numbers in paths do not make a new shape
          if (digitRun < 3 || !joined) hash = Math.imul(hash ^ c, 0x01000193);
          else this.loose = true;
          i++;
        }
        hashed += i - from;
        previous = -1;
        const size = i - from;
        if (size > 12 || !(size === 3 || size === 8 || digitRun > 0)) continue;
        const special = (size === 3 || size === 8) && isSpecial(codes, from, size);
        const at = special ? from : digitRun > 0 ? glued(codes, from, i) : 0;
        if (!special && at === 0) continue;
        if (count === MAX_NUMBERS) break;
        const sign = special && from > 0 ? codes[from - 1]! : 0;
        const signed = (sign === 45 || sign === 43) && !endsWord(codes, from - 2);
        this.note(count++, signed ? at - 1 : at, i, special ? SPECIAL : INT, Number.NaN);
        hash = hashBefore;
        hashed -= size;
        for (let j = from; j < at; j++) hash = Math.imul(hash ^ codes[j]!, 0x01000193);
        hash = Math.imul(hash ^ (special ? SPECIAL : INT), 0x01000193);
        continue;
      }
      if (kind === Class.Digit) {
        if (count === MAX_NUMBERS) break;
        let at = i;
        const point = i > 0 ? codes[i - 1]! : 0;
        if (point === 46 && !endsWord(codes, i - 2)) at = i - 1;
        const sign = at > 0 ? codes[at - 1]! : 0;
        if ((sign === 45 || sign === 43) && !endsWord(codes, at - 2)) at--;
        i = this.number(codes, i, to, at, count);
        hash = Math.imul(hash ^ this.kind[count++]!, 0x01000193);
        previous = -1;
        continue;
      }
      if ((code < 32 && code !== 9) || code === 127) this.control = true;
      // Spaces and bars repeat by layout, not by meaning: at most two of a kind count.
      const mark = code < 128 ? code : 0x2588;
      if (mark === previous) run++;
      else {
        previous = mark;
        run = 1;
      }
      if (run <= 2 && !((code === 45 || code === 43) && i + 1 < to && startsNumber(codes[i + 1]!) && !endsWord(codes, i - 1))) {
        hash = Math.imul(hash ^ mark, 0x01000193);
        hashed++;
      }
      i++;
    }
    this.full = i < to;
    this.count = count;
    this.shape = (hash >>> 0) + ((hashed * 193 + count) & 0xfffff) * 0x100000000;
  }

  /**
   * Does the line have the template's characters around numbers of the same kinds? Then this stands as `scan` would have left it, for less: what is known to come next
   * need only be compared; and the answer is where the line ends. Otherwise all here is undefined, and the answer -1. `open`: the line goes on to `to` or ends somewhere before.
   */
  fits(template: Template, line: LineBytes, open: boolean): number {
    const { steps } = template;
    const { codes: bytes, view, from, to } = line;
    this.codes = bytes;
    this.base = from;
    let i = from;
    let at = 0;
    let count = 0;
    // Where the line ends, once that has to be known.
    let stop = open ? -1 : to;
    for (;;) {
      const head = steps[at++]!;
      const size = head >>> SIZE_SHIFT;
      if (size > 0) {
        const end = i + size;
        if (end > to) return -1;
        for (; i + 4 < end; i += 4) if (view.getInt32(i, true) !== steps[at++]) return -1;
        // Of the last four bytes those count that are its own.
        if ((view.getInt32(i, true) ^ steps[at++]!) << ((-size & 3) << 3) !== 0) return -1;
        i = end;
      }
      const kind = head & KIND;
      if (kind === END) break;
      if (kind === GAP) {
        while (bytes[i] === 32) i++;
        continue;
      }
      const begin = i;
      const sign = bytes[i]!;
      if ((sign === 45 || sign === 43) && (head & SIGNABLE) !== 0) i++;
      const first = i;
      let digit = bytes[i]! - 48;
      if (digit < 0 || digit > 9) return -1;
      if (kind === COMPOUND) {
        i = clockEnd(bytes, first);
        if (i > 0) this.note(count++, begin, i, COMPOUND, Number.NaN);
        else {
          if (stop < 0) stop = endOf(bytes, first);
          i = this.number(bytes, first, stop, begin, count);
          if (this.kind[count++] !== COMPOUND) return -1;
        }
        continue;
      }
      // As `number` reads them, but for less: digits, perhaps a point and more of them, perhaps a power of ten. None goes on behind the line, since a line end stands there.
      let mantissa = 0;
      do {
        mantissa = (Math.imul(mantissa, 10) + digit) | 0;
        digit = bytes[++i]! - 48;
      } while (digit >= 0 && digit <= 9);
      let found = INT;
      let decimals = 0;
      let length = i - first;
      if (digit === 46 - 48) {
        const point = i;
        digit = bytes[++i]! - 48;
        while (digit >= 0 && digit <= 9) {
          mantissa = (Math.imul(mantissa, 10) + digit) | 0;
          digit = bytes[++i]! - 48;
        }
        found = FLOAT;
        decimals = i - point - 1;
        length += decimals;
      }
      const end = i;
      let plain = found === INT || decimals > 0;
      const code = digit + 48;
      if (plain && GOES_ON[code] !== 0) {
        const next = bytes[i + 1]!;
        if (code === 101 || code === 69) {
          const negative = next === 45;
          let j = negative || next === 43 ? i + 2 : i + 1;
          const power = j;
          let exponent = 0;
          digit = bytes[j]! - 48;
          while (digit >= 0 && digit <= 9) {
            exponent = exponent * 10 + digit;
            digit = bytes[++j]! - 48;
          }
          if (j > power) {
            found = FLOAT;
            decimals += negative ? exponent : -exponent;
            i = j;
            plain = digit !== 46 - 48 && digit !== 58 - 48;
          }
        } else plain = code !== 120 && code !== 88 && (next < 48 || next > 57 || (found === FLOAT && (code === 44 || code === 45)));
      }
      if (plain) {
        if (found !== kind) return -1;
        this.note(count++, begin, i, kind, scaled(sign === 45, length <= 9 ? mantissa : mantissaOf(bytes, first, end), decimals));
      } else {
        if (stop < 0) stop = endOf(bytes, i);
        i = this.number(bytes, first, stop, begin, count);
        if (this.kind[count++] !== kind) return -1;
      }
    }
    if (open ? !isLineEnd(bytes[i]!) : i !== to) return -1;
    this.count = count;
    this.shape = template.shape;
    this.full = false;
    this.control = false;
    return i;
  }

  /** Of the line that was scanned: would a sign in front of the number, if it had one, be its own? */
  takesSign(index: number): boolean {
    return !endsWord(this.codes, this.start[index]! - 1);
  }

  /** The value of a number as printed. */
  value(index: number): number {
    const value = this.values[index]!;
    if (!Number.isNaN(value)) return value;
    const printed = this.printed(index);
    if (this.kind[index] === SPECIAL) {
      if (/nan$/i.test(printed)) return Number.NaN;
      return printed.startsWith('-') ? -Infinity : Infinity;
    }
    const plain = Number(printed);
    return Number.isNaN(plain) ? Number(printed.replace(/[,_]/g, '')) : plain;
  }

  printed(index: number): string {
    return written(this.codes, this.base + this.start[index]!, this.base + this.end[index]!);
  }

  /** Reads the number at `i`; what it is called by starts at `at` (sign, leading point). Returns where it ends. */
  private number(codes: Units, i: number, to: number, at: number, index: number): number {
    const leading = at < i && codes[i - 1] === 46;
    let kind = leading ? FLOAT : INT;
    const first = i;
    let mantissa = 0;
    let c = 0;
    while (i < to && (c = codes[i]!) >= 48 && c <= 57) {
      mantissa = mantissa * 10 + (c - 48);
      i++;
    }
    let decimals = leading ? i - first : 0;
    if (i === to || GOES_ON[c] === 0) {
      this.note(index, at, i, kind, scaled(codes[at] === 45, mantissa, decimals));
      return i;
    }
    // 0x80070005
    if ((c === 120 || c === 88) && kind === INT && i === first + 1 && codes[first] === 48) {
      const end = hexadecimals(codes, i + 1, to);
      if (end > i + 1) {
        this.note(index, at, end, COMPOUND, Number.NaN);
        return end;
      }
    }
    // 12,345 and Python's 12_345 - groups of three, when the first has at most three
    if ((c === 44 || c === 95) && kind === INT && i - at <= 4) {
      const groups = i;
      const head = mantissa;
      while (i + 3 < to && codes[i] === c && digits(codes, i + 1, to) === i + 4) {
        mantissa = mantissa * 1000 + (codes[i + 1]! - 48) * 100 + (codes[i + 2]! - 48) * 10 + (codes[i + 3]! - 48);
        i += 4;
      }
      // `12_100_loss` is a name.
      if (c === 95 && i < to && CLASS[codes[i]!] === Class.Letter) {
        i = groups;
        mantissa = head;
      }
    }
    if (i < to && codes[i] === 46) {
      let after = i + 1;
      while (after < to && (c = codes[after]!) >= 48 && c <= 57) {
        mantissa = mantissa * 10 + (c - 48);
        after++;
      }
      const next = after < to ? c : 32;
      // `.31.12` is no number that has a value.
      if (leading) decimals = Infinity;
      if (after > i + 1) {
        kind = FLOAT;
        decimals += after - i - 1;
        i = after;
        if (next === 46 && after + 1 < to && CLASS[codes[after + 1]!] === Class.Digit) kind = COMPOUND;
      } else if (next === 32 || next === 44 || next === 41 || next === 93 || next === 10) {
        // `1. ` as TensorFlow prints it; a sentence's end does not hurt, it is a whole number either way
        if (next !== 32 || after < to) i = after;
      }
    }
    if (i < to && kind !== COMPOUND) {
      const e = codes[i]!;
      if (e === 101 || e === 69) {
        let j = i + 1;
        const negative = j < to && codes[j] === 45;
        if (j < to && (negative || codes[j] === 43)) j++;
        let exponent = 0;
        const power = j;
        while (j < to && (c = codes[j]!) >= 48 && c <= 57) {
          exponent = exponent * 10 + (c - 48);
          j++;
        }
        if (j > power) {
          kind = FLOAT;
          decimals += negative ? exponent : -exponent;
          i = j;
        }
      }
    }
    // 0:14:15, 2021-07-03, 1.2.3, 10:20
    while (i + 1 < to) {
      const joint = codes[i]!;
      if ((joint === 58 || joint === 46 || (joint === 45 && kind !== FLOAT)) && CLASS[codes[i + 1]!] === Class.Digit) {
        kind = COMPOUND;
        i = digits(codes, i + 1, to);
      } else break;
    }
    this.note(index, at, i, kind, kind === COMPOUND ? Number.NaN : scaled(codes[at] === 45, mantissa, decimals));
    return i;
  }

  private note(index: number, at: number, end: number, kind: number, value: number): void {
    this.start[index] = at - this.base;
    this.end[index] = end - this.base;
    this.kind[index] = kind;
    this.values[index] = value;
  }
}

/** The digits from here to there, with a point between them or not. */
function mantissaOf(bytes: Uint8Array, from: number, to: number): number {
  let mantissa = 0;
  for (let i = from; i < to; i++) {
    const code = bytes[i]!;
    if (code !== 46) mantissa = mantissa * 10 + (code - 48);
  }
  return mantissa;
}

/** Where mantissa and power are exact, their quotient or product is rounded right (Clinger's fast path); NaN where they are not. */
function scaled(negative: boolean, mantissa: number, decimals: number): number {
  if (mantissa > Number.MAX_SAFE_INTEGER || decimals > 22 || decimals < -22) return Number.NaN;
  const value = decimals === 0 ? mantissa : decimals > 0 ? mantissa / POWERS[decimals]! : mantissa * POWERS[-decimals]!;
  return negative ? -value : value;
}

export function isDigit(code: number): boolean {
  return CLASS[code] === Class.Digit;
}

/** A letter or digit: what a word may end with. */
export function endsLetter(code: number): boolean {
  return CLASS[code] === Class.Letter || CLASS[code] === Class.Digit;
}

/** Where a time like `0:14:15` ends that begins here; 0 when it is none, or may go on in another way. */
function clockEnd(bytes: Uint8Array, first: number): number {
  let i = first;
  let parts = 0;
  for (;;) {
    while (isFigure(bytes[i]!)) i++;
    parts++;
    if (bytes[i] !== 58 || !isFigure(bytes[i + 1]!)) break;
    i++;
  }
  return parts > 1 && GOES_ON[bytes[i]!] === 0 ? i : 0;
}

/** What a line, or a piece of it, ends before. */
function isLineEnd(code: number): boolean {
  return code === 10 || code === 13;
}

function endOf(bytes: Uint8Array, from: number): number {
  let i = from;
  while (!isLineEnd(bytes[i]!)) i++;
  return i;
}

function isFigure(code: number): boolean {
  return code >= 48 && code <= 57;
}

function digits(codes: Units, i: number, to: number): number {
  while (i < to) {
    const c = codes[i]!;
    if (c < 48 || c > 57) break;
    i++;
  }
  return i;
}

function hexadecimals(codes: Units, i: number, to: number): number {
  while (i < to && isHexadecimal(codes[i]!)) i++;
  return i;
}

function isHexadecimal(code: number): boolean {
  return isFigure(code) || ((code | 32) >= 97 && (code | 32) <= 102);
}

function written(codes: Units, from: number, to: number): string {
  return String.fromCharCode(...codes.subarray(from, to));
}

/** Where a word goes on after the joint `c` at `i`, or -1 when it ends before. */
function joint(codes: Units, c: number, i: number, to: number): number {
  if (c === 64) {
    const after = threshold(codes, i + 1, to);
    return after === i + 1 ? -1 : after;
  }
  if (!(c === 45 || c === 46 || c === 47 || c === 39 || c === 94) || i + 1 >= to) return -1;
  const n = codes[i + 1]!;
  if (CLASS[n] === Class.Letter) return i + 1;
  return CLASS[n] === Class.Digit && c !== 46 && !(c === 45 && hasPoint(codes, i + 1, to)) ? i + 1 : -1;
}

/** `mAP@0.5`, `mAP@.5:.95`, `ndcg@10`: where the number behind an `@` ends; it belongs to the name. */
function threshold(codes: Units, i: number, to: number): number {
  let end = i;
  let point = false;
  while (i < to) {
    const c = codes[i]!;
    if (c >= 48 && c <= 57) end = ++i;
    else if (c === 46) {
      point = true;
      i++;
    } else if (c === 58 && point) i++;
    else break;
  }
  return end;
}

/** Where the digits of a word like `epoch12` begin, or 0. */
function glued(codes: Units, from: number, end: number): number {
  const last = codes[end - 1]!;
  if (last < 48 || last > 57) return 0;
  const first = codes[from]! | 32;
  if (first !== 101 && first !== 115 && first !== 105) return 0;
  const match = /^(?:epoch|ep|step|iter)_?(?=\d+$)/i.exec(written(codes, from, end));
  return match ? from + match[0].length : 0;
}

function startsNumber(c: number): boolean {
  return (c >= 48 && c <= 57) || c === 46 || c === 105 || c === 110 || c === 73;
}

/** After a joint `-`: does the number go on with a point (`loss-0.5` is not a word)? */
function hasPoint(codes: Units, i: number, to: number): boolean {
  const after = digits(codes, i, to);
  return after < to && codes[after] === 46 && after + 1 < to && CLASS[codes[after + 1]!] === Class.Digit;
}

function endsWord(codes: Units, i: number): boolean {
  if (i < 0) return false;
  const c = codes[i]!;
  return CLASS[c] === Class.Letter || CLASS[c] === Class.Digit || c === 41 || c === 93 || c === 37;
}

function isSpecial(codes: Units, from: number, size: number): boolean {
  const c = codes[from]! | 32;
  if (c !== 110 && c !== 105) return false;
  const word = written(codes, from, from + size).toLowerCase();
  return word === 'nan' || word === 'inf' || word === 'infinity';
}
