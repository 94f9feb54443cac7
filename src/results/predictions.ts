import type { NpyArray } from './npy.ts';

/** Predictions, or true labels, as one class a row. */
export interface ClassRows {
  readonly kind: 'labels' | 'one-hot' | 'probabilities' | 'scores';
  /** The class of each row, as its place in `classes`; -1 where the row says none (NaN, all zeros). */
  readonly rows: Int32Array;
  /** All classes that it can say: a column each, or those that occur. Sorted as numbers where they are. */
  readonly classes: readonly string[];
  /** Values that are not a number, and infinite ones, over the whole array. */
  readonly nan: number;
  readonly inf: number;
  /** Rows of only zeros: nothing was ever written there. */
  readonly blank: number;
  /** Rows of probabilities whose sum is not 1. */
  readonly unnormalised: number;
}

/** More different values than this are measurements or ids, not classes. */
const maxClasses = 10_000;
/** More rows than this are a data set: counting them would take the memory and the patience of whoever asked. */
const maxRows = 20_000_000;

/**
 * Reads an array as one class a row: labels `(n,)` or `(n, 1)` of whole numbers, booleans or strings; probabilities of one
 * class `(n,)`, told apart by 0.5; one-hot rows, probabilities or scores `(n, classes)`, of which the largest counts.
 *
 * @param names What the columns stand for, in order; without it their numbers from 0.
 * @returns Why it cannot be read so, as the end of a sentence, when it cannot.
 */
export function classRows(array: NpyArray, names?: readonly string[]): ClassRows | string {
  const { shape, values, kind } = array;
  const [length = 0, columns = 1] = shape;
  if (shape.length === 0 || shape.length > 2) return `its shape is (${shape.join(', ')}); expected (rows,) or (rows, classes)`;
  if (length * columns === 0) return 'it has no rows';
  if (length > maxRows) return `it has ${length} rows; expected at most ${maxRows}`;
  if (columns > maxClasses) return `it has ${columns} columns; expected at most ${maxClasses} classes`;
  if (kind === 'string') return columns === 1 ? ofLabels(values, 0, 0) : `it has ${columns} columns of text; expected one`;
  const numbers = values as ArrayLike<number | bigint>;
  if (columns > 1) {
    if (names !== undefined && names.length !== columns) return `it has ${columns} columns and there are ${names.length} classes`;
    return ofColumns(numbers, columns, names ?? Array.from({ length: columns }, (_, column) => String(column)));
  }
  let [nan, inf, whole, within] = [0, 0, true, true];
  for (let at = 0; at < length; at++) {
    const value = Number(numbers[at]);
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) inf++;
    else {
      if (!Number.isInteger(value)) whole = false;
      if (value < 0 || value > 1) within = false;
    }
  }
  if (whole) return ofLabels(numbers, nan, inf);
  if (!within) return 'it holds real numbers beyond 0 and 1; expected classes or probabilities';
  const [no = '0', yes = '1'] = names ?? [];
  const rows = new Int32Array(length);
  for (let at = 0; at < length; at++) {
    const value = Number(numbers[at]);
    rows[at] = Number.isFinite(value) ? (value >= 0.5 ? 1 : 0) : -1;
  }
  return { kind: 'probabilities', rows, classes: [no, yes], nan, inf, blank: 0, unnormalised: 0 };
}

function ofLabels(values: ArrayLike<number | bigint | string>, nan: number, inf: number): ClassRows | string {
  const found = new Map<number | bigint | string, number>();
  const rows = new Int32Array(values.length);
  for (let at = 0; at < rows.length; at++) {
    const value = values[at] ?? '';
    if (typeof value === 'number' && !Number.isFinite(value)) {
      rows[at] = -1;
      continue;
    }
    let code = found.get(value);
    if (code === undefined) {
      if (found.size === maxClasses) return `it has more than ${maxClasses} different values; expected at most as many classes`;
      found.set(value, (code = found.size));
    }
    rows[at] = code;
  }
  const names = [...found.keys()].map(String);
  const classes = inOrder(names);
  const places = new Map(classes.map((name, place) => [name, place]));
  const placeOf = Int32Array.from(names, (name) => places.get(name) ?? -1);
  return { kind: 'labels', rows: rows.map((code) => placeOf[code] ?? -1), classes, nan, inf, blank: 0, unnormalised: 0 };
}

function ofColumns(numbers: ArrayLike<number | bigint>, columns: number, names: readonly string[]): ClassRows {
  const rows = new Int32Array(numbers.length / columns);
  let [nan, inf, blank, unnormalised, oneHot, within] = [0, 0, 0, 0, true, true];
  for (let row = 0; row < rows.length; row++) {
    let [sum, ones, zeros, nans, infinite, outside, best, most] = [0, 0, 0, 0, 0, false, 0, -Infinity];
    for (let column = 0; column < columns; column++) {
      const value = Number(numbers[row * columns + column]);
      sum += value;
      if (value === 1) ones++;
      else if (value === 0) zeros++;
      if (Number.isNaN(value)) nans++;
      else if (!Number.isFinite(value)) infinite++;
      else if (value < 0 || value > 1) outside = true;
      // Of equal values the first counts, as in numpy.argmax.
      if (value > most) [best, most] = [column, value];
    }
    nan += nans;
    inf += infinite;
    if (zeros === columns) blank++;
    else if (nans + infinite === 0) {
      if (ones !== 1 || zeros !== columns - 1) oneHot = false;
      if (outside) within = false;
      if (Math.abs(sum - 1) > 1e-2) unnormalised++;
    }
    // +inf is a clear answer, NaN is none.
    rows[row] = zeros < columns && nans === 0 ? best : -1;
  }
  const said = rows.length - blank;
  const kind = said > 0 && oneHot && nan + inf === 0 ? 'one-hot' : within && unnormalised * 2 <= said ? 'probabilities' : 'scores';
  return { kind, rows, classes: [...names], nan, inf, blank, unnormalised: kind === 'probabilities' ? unnormalised : 0 };
}

/**
 * For each class of `from` its place among those of `to`, so that rows of both can be compared; -2, which no row has, where
 * it is none of them.
 */
export function placesIn(from: ClassRows, to: ClassRows): Int32Array {
  const places = new Map(to.classes.map((name, place) => [name, place]));
  return Int32Array.from(from.classes, (name) => places.get(name) ?? -2);
}

/** Each once; as numbers where all are, or else by code unit (as numpy.unique sorts). */
export function inOrder(classes: readonly string[]): string[] {
  const unique = [...new Set(classes)];
  const numeric = unique.every((name) => name.trim() !== '' && Number.isFinite(Number(name)));
  return unique.sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0));
}
