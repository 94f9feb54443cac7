/** Numbers looked at in one line; what comes after is a table of data, not progress. */
const MAX_NUMBERS = 192;
/** Longer lines carry no metrics (argument dumps, data); the longest real progress lines are below 2,500 units. */
export const MAX_METRIC_LINE = 4_096;

export const INT = 1;
export const FLOAT = 2;
/** `nan`, `inf`, `-Infinity`: a number in every respect but its letters. */
export const SPECIAL = 3;
/** Times, dates, versions, addresses: `0:14:15`, `2.1.0`, `10.0.0.1`. */
export const COMPOUND = 4;

/**
 * The characters of the line being scanned. A line is a slice of a long string, whose every character access goes through the string it is a slice of; copied once, all
 * further looks are array accesses.
 */
const CODES = new Uint16Array(MAX_METRIC_LINE + 1);

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

/**
 * The numbers of a line and the line's shape, found in one pass. The shape is a hash of everything but the numbers' digits: lines of the same
 * shape mean the same, so what a line means is found out once for each shape (see `MetricReader`).
 */
export class Scan {
  count = 0;
  readonly start = new Int32Array(MAX_NUMBERS);
  readonly end = new Int32Array(MAX_NUMBERS);
  readonly kind = new Uint8Array(MAX_NUMBERS);
  /** 53 bits of it, as a safe integer: two lines of different shape practically never share one. */
  shape = 0;
  /** The line has more characters or numbers than are looked at: its shape says nothing about the rest. */
  full = false;
  /** There are control characters in what was looked at. */
  control = false;

  /** `bytes`, `at`: the same line as bytes, when it is known to be ASCII; reading those is faster. */
  scan(text: string, bytes: Uint8Array | null = null, at = 0): void {
    const length = text.length < MAX_METRIC_LINE ? text.length : MAX_METRIC_LINE;
    if (bytes === null) for (let i = 0; i < length; i++) CODES[i] = text.charCodeAt(i);
    else for (let i = 0; i < length; i++) CODES[i] = bytes[at + i]!;
    CODES[length] = 0;
    let count = 0;
    // FNV-1a over the characters that count, and how many they were.
    let hash = 0x811c9dc5 | 0;
    let hashed = 0;
    let previous = 0;
    let run = 0;
    let i = 0;
    this.full = text.length > MAX_METRIC_LINE;
    this.control = false;
    while (i < length) {
      const code = CODES[i]!;
      const kind = CLASS[code]!;
      if (kind === Class.Letter) {
        // A word, with the digits and joints inside it: `top1_acc`, `mAP50-95`, `ndcg@10`, `acc/top1`, `valid_0's`.
        const from = i;
        const hashBefore = hash;
        let joined = false;
        let digitRun = 0;
        hash = Math.imul(hash ^ code, 0x01000193);
        i++;
        while (i < length) {
          const c = CODES[i]!;
          const k = CLASS[c]!;
          if (k === Class.Letter) digitRun = 0;
          else if (k === Class.Digit) digitRun++;
          else {
            const after = joint(c, i, length);
            if (after < 0) break;
            joined = true;
            digitRun = 0;
            for (; i < after; i++) hash = Math.imul(hash ^ CODES[i]!, 0x01000193);
            continue;
          }
          // `checkpoint-1500`, `run/00012.pt`: numbers in paths do not make a new shape
          if (digitRun < 3 || !joined) hash = Math.imul(hash ^ c, 0x01000193);
          i++;
        }
        hashed += i - from;
        previous = -1;
        const size = i - from;
        if (size > 12 || !(size === 3 || size === 8 || digitRun > 0)) continue;
        const special = (size === 3 || size === 8) && isSpecial(text, from, size);
        const at = special ? from : digitRun > 0 ? glued(text, from, i) : 0;
        if (!special && at === 0) continue;
        if (count === MAX_NUMBERS) break;
        const sign = special && from > 0 ? CODES[from - 1]! : 0;
        this.start[count] = (sign === 45 || sign === 43) && !endsWord(from - 2) ? at - 1 : at;
        this.end[count] = i;
        this.kind[count++] = special ? SPECIAL : INT;
        hash = hashBefore;
        hashed -= size;
        for (let j = from; j < at; j++) hash = Math.imul(hash ^ CODES[j]!, 0x01000193);
        hash = Math.imul(hash ^ (special ? SPECIAL : INT), 0x01000193);
        continue;
      }
      if (kind === Class.Digit) {
        if (count === MAX_NUMBERS) break;
        let at = i;
        const point = i > 0 ? CODES[i - 1]! : 0;
        if (point === 46 && !endsWord(i - 2)) at = i - 1;
        const sign = at > 0 ? CODES[at - 1]! : 0;
        if ((sign === 45 || sign === 43) && !endsWord(at - 2)) at--;
        i = this.number(i, length, at, count);
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
      if (run <= 2 && !((code === 45 || code === 43) && i + 1 < length && startsNumber(i + 1) && !endsWord(i - 1))) {
        hash = Math.imul(hash ^ mark, 0x01000193);
        hashed++;
      }
      i++;
    }
    if (i < length) this.full = true;
    this.count = count;
    this.shape = (hash >>> 0) + ((hashed * 193 + count) & 0xfffff) * 0x100000000;
  }

  /** Reads the number at `i`; what it is called by starts at `at` (sign, leading point). Returns where it ends. */
  private number(i: number, length: number, at: number, index: number): number {
    let kind = at < i && CODES[i - 1] === 46 ? FLOAT : INT;
    i = digits(i, length);
    // 12,345 - groups of three, when the first has at most three
    if (kind === INT && i - at <= 4) {
      while (i + 3 < length && CODES[i] === 44 && digits(i + 1, length) === i + 4) i += 4;
      if (i + 4 === length && CODES[i] === 44 && digits(i + 1, length) === length) i = length;
    }
    if (i < length && CODES[i] === 46) {
      const after = digits(i + 1, length);
      const next = after < length ? CODES[after]! : 32;
      if (after > i + 1) {
        kind = FLOAT;
        i = after;
        if (next === 46 && after + 1 < length && CLASS[CODES[after + 1]!] === Class.Digit) kind = COMPOUND;
      } else if (next === 32 || next === 44 || next === 41 || next === 93 || next === 10) {
        // `1. ` as TensorFlow prints it; a sentence's end does not hurt, it is a whole number either way
        if (next !== 32 || after < length) i = after;
      }
    }
    if (i < length && kind !== COMPOUND) {
      const e = CODES[i]!;
      if (e === 101 || e === 69) {
        let j = i + 1;
        if (j < length && (CODES[j] === 45 || CODES[j] === 43)) j++;
        const after = digits(j, length);
        if (after > j) {
          kind = FLOAT;
          i = after;
        }
      }
    }
    // 0:14:15, 2021-07-03, 1.2.3, 10:20
    while (i + 1 < length) {
      const c = CODES[i]!;
      if ((c === 58 || c === 46 || (c === 45 && kind !== FLOAT)) && CLASS[CODES[i + 1]!] === Class.Digit) {
        kind = COMPOUND;
        i = digits(i + 1, length);
      } else break;
    }
    this.start[index] = at;
    this.end[index] = i;
    this.kind[index] = kind;
    return i;
  }
}

function digits(i: number, length: number): number {
  while (i < length) {
    const c = CODES[i]!;
    if (c < 48 || c > 57) break;
    i++;
  }
  return i;
}

/** Where a word goes on after the joint `c` at `i`, or -1 when it ends before. */
function joint(c: number, i: number, length: number): number {
  if (c === 64) {
    const after = threshold(i + 1, length);
    return after === i + 1 ? -1 : after;
  }
  if (!(c === 45 || c === 46 || c === 47 || c === 39 || c === 94) || i + 1 >= length) return -1;
  const n = CODES[i + 1]!;
  if (CLASS[n] === Class.Letter) return i + 1;
  return CLASS[n] === Class.Digit && c !== 46 && !(c === 45 && hasPoint(i + 1, length)) ? i + 1 : -1;
}

/** `mAP@0.5`, `mAP@.5:.95`, `ndcg@10`: where the number behind an `@` ends; it belongs to the name. */
function threshold(i: number, length: number): number {
  let end = i;
  let point = false;
  while (i < length) {
    const c = CODES[i]!;
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
function glued(text: string, from: number, end: number): number {
  const last = CODES[end - 1]!;
  if (last < 48 || last > 57) return 0;
  const first = CODES[from]! | 32;
  if (first !== 101 && first !== 115 && first !== 105) return 0;
  const match = /^(?:epoch|ep|step|iter)_?(?=\d+$)/i.exec(text.slice(from, end));
  return match ? from + match[0].length : 0;
}

function startsNumber(i: number): boolean {
  const c = CODES[i]!;
  return (c >= 48 && c <= 57) || c === 46 || c === 105 || c === 110 || c === 73;
}

/** After a joint `-`: does the number go on with a point (`loss-0.5` is not a word)? */
function hasPoint(i: number, length: number): boolean {
  const after = digits(i, length);
  return after < length && CODES[after] === 46 && after + 1 < length && CLASS[CODES[after + 1]!] === Class.Digit;
}

function endsWord(i: number): boolean {
  if (i < 0) return false;
  const c = CODES[i]!;
  return CLASS[c] === Class.Letter || CLASS[c] === Class.Digit || c === 41 || c === 93 || c === 37;
}

function isSpecial(text: string, from: number, size: number): boolean {
  const c = CODES[from]! | 32;
  if (c !== 110 && c !== 105) return false;
  const word = text.slice(from, from + size).toLowerCase();
  return word === 'nan' || word === 'inf' || word === 'infinity';
}

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i);

/** The value of a number as printed. */
export function valueOf(text: string, start: number, end: number, kind: number): number {
  if (kind !== SPECIAL) {
    // Digits and a point, few enough that mantissa and power are exact, so that their quotient is rounded right (Clinger's fast path).
    let i = start;
    let code = CODES[i]!;
    const negative = code === 45;
    if (negative || code === 43) i++;
    let mantissa = 0;
    let point = -1;
    const first = i;
    for (; i < end; i++) {
      code = CODES[i]!;
      if (code >= 48 && code <= 57) mantissa = mantissa * 10 + (code - 48);
      else if (code === 46 && point < 0) point = i;
      else break;
    }
    if (i === end && end - first <= 16) {
      const value = point < 0 ? mantissa : mantissa / POWERS[end - point - 1]!;
      return negative ? -value : value;
    }
  }
  const printed = text.slice(start, end);
  if (kind === SPECIAL) {
    if (/nan$/i.test(printed)) return Number.NaN;
    return printed.startsWith('-') ? -Infinity : Infinity;
  }
  const value = Number(printed);
  return Number.isNaN(value) ? Number(printed.replaceAll(',', '')) : value;
}
