import { END, GAP, SIGNABLE, SIZE_SHIFT, SPECIAL, endsLetter, isDigit } from './scan.ts';
import type { Scan } from './scan.ts';

/**
 * A line as the bytes around its numbers: a line that has the same ones around numbers of the same kinds is scanned alike, and so has the same shape. Only what leaves no
 * doubt of that becomes one (see `stepsOf`).
 */
export interface Template<T = unknown> {
  /**
   * What the line holds, in order. A step is how many bytes come first (shifted by `SIZE_SHIFT`) and what follows them: the kind of a number (with `SIGNABLE` if a sign in front
   * of it would be its own), `GAP` or `END`. Behind it stand its bytes, four a word, of which the last may be incomplete. In one array, since it is read from memory for every line.
   */
  readonly steps: Int32Array;
  readonly shape: number;
  readonly ascii: boolean;
  /** What was added with it. */
  readonly means: T;
}

/** A line that stands among others: behind it is a line end, or a `\r`. */
export interface LineBytes {
  readonly codes: Uint8Array;
  /** The same bytes, at the same places. At least `SLACK` more may be read behind the line. */
  readonly view: DataView;
  readonly from: number;
  readonly to: number;
  /** Its bytes are its characters. */
  readonly ascii: boolean;
}

/** A line of which is known where it begins. Up to `to` there are whole lines. */
export interface OpenLine extends LineBytes {
  endsAt(to: number, ascii: boolean): void;
}

export const SLACK = 8;

/** How many templates share a place; those of one kind of line differ by a rank, a split, how far a bar is filled. */
const WAYS = 8;
const PLACES = 1_024;

/**
 * What the last lines of each kind looked like. Training prints a few templates millions of times, so nearly every line fits the first that is tried, and costs a comparison of its
 * bytes instead of a scan.
 */
export class Templates<T> {
  private readonly places = new Array<Template<T>[] | undefined>(PLACES).fill(undefined);

  /** The template of the last line that began so. */
  private readonly guesses = new Array<Template<T> | undefined>(PLACES).fill(undefined);

  /** Does a line that was seen before come here, as far as one can guess? `line` ends before its `to`; where, is told: the scan is then that of the line. */
  guess(scan: Scan, line: OpenLine): T | null {
    const template = this.guesses[beginningOf(line)];
    if (template === undefined) return null;
    const end = scan.fits(template, line, true);
    if (end < 0) return null;
    line.endsAt(end, template.ascii);
    return template.means;
  }

  /** What was added with a template that the line fits, or null. The scan is then that of the line. */
  find(scan: Scan, line: LineBytes): T | null {
    const known = this.places[placeOf(line)];
    if (known === undefined) return null;
    for (let n = 0; n < known.length; n++) {
      const template = known[n]!;
      if (scan.fits(template, line, false) < 0) continue;
      this.guesses[beginningOf(line)] = template;
      if (n > 0) {
        // What is seen often moves to where it is tried early.
        known[n] = known[n - 1]!;
        known[n - 1] = template;
      }
      return template.means;
    }
    return null;
  }

  /** The line, scanned as `scan`, means this; so will others like it, if one can tell. */
  add(scan: Scan, line: LineBytes, means: T): void {
    const steps = stepsOf(scan, line);
    if (steps === null) return;
    const known = (this.places[placeOf(line)] ??= []);
    known[Math.min(known.length, WAYS - 1)] = { steps, shape: scan.shape, ascii: line.ascii, means };
  }

  clear(): void {
    this.places.fill(undefined);
    this.guesses.fill(undefined);
  }
}

/** By the first eight bytes. */
function beginningOf({ view, from }: LineBytes): number {
  const hash = Math.imul(masked(view.getInt32(from, true)), 0x01000193) ^ Math.imul(masked(view.getInt32(from + 4, true)), 0x2c1b3c6d);
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (PLACES - 1);
}

/** By the first eight bytes and the last four, in which one digit is as good as another. */
function placeOf({ view, from, to }: LineBytes): number {
  if (to - from < 8) return to - from;
  const hash =
    Math.imul(masked(view.getInt32(from, true)), 0x01000193) ^
    Math.imul(masked(view.getInt32(from + 4, true)), 0x2c1b3c6d) ^
    Math.imul(masked(view.getInt32(to - 4, true)), 0x297a2d39);
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (PLACES - 1);
}

/** Four bytes, those that begin with the hexadecimal digit 3 (digits, `:` and the like) without their other half. */
function masked(word: number): number {
  const others = ((((word ^ 0x30303030) & 0xf0f0f0f0) >>> 4) + 0x0f0f0f0f) & 0x10101010;
  return word & (0xf0f0f0f0 | (others - (others >>> 4)));
}

/**
 * The template of a line that was just scanned; null when a line of the same bytes around its numbers could be scanned in another way: when a number is glued to what
 * stands before it, or is a word.
 */
function stepsOf(scan: Scan, { codes, from, to }: LineBytes): Int32Array | null {
  if (scan.full || scan.control || scan.loose) return null;
  const { count } = scan;
  const steps: number[] = [];
  let afterGap = false;
  let i = from;
  // UTF-16 units before `i`, in which a scan of text counts.
  let units = 0;
  for (let k = 0; k <= count; k++) {
    const start = k < count ? scan.start[k]! : Infinity;
    let part: number[] = [];
    for (; i < to && (units < start || isContinuation(codes[i]!)); i++) {
      const code = codes[i]!;
      units += unitsOf(code);
      part.push(code);
      if (code === 32 && part.at(-2) === 32) {
        // Columns are padded: of a longer run of spaces two count.
        steps.push(...step(part, GAP));
        afterGap = true;
        part = [];
        while (i + 1 < to && codes[i + 1] === 32) {
          units++;
          i++;
        }
      }
    }
    if (k === count) {
      steps.push(...step(part, END));
      break;
    }
    if (scan.kind[k] === SPECIAL || !((part.length === 0 && afterGap) || isClear(part, k === 0))) return null;
    const digit = codes[i] === 43 || codes[i] === 45 ? i + 1 : i;
    if (!isDigit(codes[digit]!)) return null;
    steps.push(...step(part, scan.kind[k]! | (scan.takesSign(k) ? SIGNABLE : 0)));
    afterGap = false;
    const size = scan.end[k]! - scan.start[k]!;
    i += size;
    units += size;
  }
  return Int32Array.from(steps);
}

function step(bytes: readonly number[], follows: number): number[] {
  return [(bytes.length << SIZE_SHIFT) | follows, ...wordsOf(bytes)];
}

function wordsOf(bytes: readonly number[]): number[] {
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i++) words[i >> 2] = (words[i >> 2] ?? 0) | (bytes[i]! << (8 * (i & 3)));
  return words;
}

/** Does a number begin behind this, whatever its sign and digits are? A joint behind a word may join the two, a sign or point may be its own. */
function isClear(before: readonly number[], first: boolean): boolean {
  const last = before.at(-1);
  if (last === undefined) return first;
  const beforeLast = before.at(-2);
  const char = String.fromCharCode(last);
  if (char === '+' || char === '-') return false;
  if (char === '.') return beforeLast !== undefined && endsLetter(beforeLast);
  if ("/'^@".includes(char))
    return beforeLast === undefined ? !first && char === '/' : ' :=([{,|'.includes(String.fromCharCode(beforeLast));
  return last >= 128 || !endsLetter(last);
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte < 0xc0;
}

function unitsOf(byte: number): number {
  return isContinuation(byte) ? 0 : byte >= 0xf0 ? 2 : 1;
}
