import type { NpyArray } from './npy.ts';

/** Predictions, or true labels, as one class a row. */
export interface ClassRows {
  readonly kind: 'labels' | 'one-hot' | 'probabilities' | 'scores';
  /** The class of each row; null where the row says none (NaN, all zeros). */
  readonly rows: readonly (string | null)[];
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
  if (columns > maxClasses) return `it has ${columns} columns; expected at most ${maxClasses} classes`;
  if (kind === 'string')
    return columns === 1 ? ofLabels([...(values as readonly string[])], 0, 0) : `it has ${columns} columns of text; expected one`;
  const numbers = Float64Array.from(values as Float64Array | BigInt64Array, Number);
  let [nan, inf] = [0, 0];
  for (const value of numbers) {
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) inf++;
  }
  if (columns > 1) {
    if (names !== undefined && names.length !== columns) return `it has ${columns} columns and there are ${names.length} classes`;
    return ofColumns(numbers, columns, names ?? Array.from({ length: columns }, (_, column) => String(column)), nan, inf);
  }
  if (numbers.every((value) => Number.isInteger(value) || !Number.isFinite(value))) {
    return ofLabels(
      Array.from(numbers, (value) => (Number.isFinite(value) ? String(value) : null)),
      nan,
      inf,
    );
  }
  if (!numbers.every((value) => !Number.isFinite(value) || (value >= 0 && value <= 1)))
    return 'it holds real numbers beyond 0 and 1; expected classes or probabilities';
  const [no = '0', yes = '1'] = names ?? [];
  const rows = Array.from(numbers, (value) => (Number.isFinite(value) ? (value >= 0.5 ? yes : no) : null));
  return { kind: 'probabilities', rows, classes: [no, yes], nan, inf, blank: 0, unnormalised: 0 };
}

function ofLabels(rows: readonly (string | null)[], nan: number, inf: number): ClassRows | string {
  const different = new Set(rows).size;
  if (different > maxClasses) return `it has ${different} different values; expected at most ${maxClasses} classes`;
  return { kind: 'labels', rows, classes: inOrder(rows.filter((row) => row !== null)), nan, inf, blank: 0, unnormalised: 0 };
}

function ofColumns(numbers: Float64Array, columns: number, names: readonly string[], nan: number, inf: number): ClassRows {
  const rows: (string | null)[] = [];
  let [blank, unnormalised, oneHot, within] = [0, 0, true, true];
  for (let start = 0; start < numbers.length; start += columns) {
    const row = numbers.subarray(start, start + columns);
    const sum = row.reduce((total, value) => total + value, 0);
    const ones = row.filter((value) => value === 1).length;
    const zeros = row.filter((value) => value === 0).length;
    const finite = row.every((value) => Number.isFinite(value));
    if (zeros === columns) blank++;
    else if (finite) {
      if (ones !== 1 || zeros !== columns - 1) oneHot = false;
      if (!row.every((value) => value >= 0 && value <= 1)) within = false;
      if (Math.abs(sum - 1) > 1e-2) unnormalised++;
    }
    // +inf is a clear answer, NaN is none; of equal values the first counts, as in numpy.argmax.
    const usable = zeros < columns && !row.some((value) => Number.isNaN(value));
    rows.push(usable ? (names[largestOf(row)] ?? null) : null);
  }
  const said = rows.length - blank;
  const kind = said > 0 && oneHot && nan + inf === 0 ? 'one-hot' : within && unnormalised * 2 <= said ? 'probabilities' : 'scores';
  return { kind, rows, classes: [...names], nan, inf, blank, unnormalised: kind === 'probabilities' ? unnormalised : 0 };
}

function largestOf(row: Float64Array): number {
  return row.reduce((best, value, index) => (value > (row[best] ?? NaN) ? index : best), 0);
}

/** Each once; as numbers where all are, or else by code unit (as numpy.unique sorts). */
export function inOrder(classes: readonly string[]): string[] {
  const unique = [...new Set(classes)];
  const numeric = unique.every((name) => name.trim() !== '' && Number.isFinite(Number(name)));
  return unique.sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0));
}
