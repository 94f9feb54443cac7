import type { NpyArray } from './npy.ts';

/** How many values lie in [from, to); the last bin includes its end. */
export interface Bin {
  readonly label: string;
  readonly count: number;
}

/** What an array is like, for a person to look at. */
export interface Description {
  /** Label and value: minimum, mean and so on. Empty for text and for an array without numbers. */
  readonly statistics: readonly (readonly [label: string, value: string])[];
  /** Of the values: each once where there are few, or else ranges of equal width. */
  readonly histogram: readonly Bin[];
  readonly columns: number;
  /** The first rows, each value as text. */
  readonly rows: readonly (readonly string[])[];
  /** Rows beyond those. */
  readonly moreRows: number;
  readonly moreColumns: number;
}

const shownRows = 20;
const shownColumns = 12;
const fewValues = 20;
const bins = 20;
/** Counting more than this would hold up whoever waits for the page. */
const maxCounted = 20_000_000;

/** Any array: the first axis is rows, all others together are columns. */
export function describe(array: NpyArray): Description {
  const { shape, values, kind } = array;
  const rowCount = shape.length === 0 ? 1 : (shape[0] ?? 0);
  const columns = rowCount === 0 ? 0 : values.length / rowCount;
  const rows = Array.from({ length: Math.min(rowCount, shownRows) }, (_, row) =>
    Array.from({ length: Math.min(columns, shownColumns) }, (_, column) => shown(values[row * columns + column])),
  );
  const rest = { columns, rows, moreRows: rowCount - rows.length, moreColumns: Math.max(0, columns - shownColumns) };
  if (values.length > maxCounted)
    return { statistics: [['values', `${values.length.toLocaleString('en-US')}: too many to count through here`]], histogram: [], ...rest };
  if (kind === 'string') return { statistics: [], histogram: each(values as readonly string[]) ?? [], ...rest };
  return { ...ofNumbers(values as Float64Array | BigInt64Array), ...rest };
}

function ofNumbers(values: Float64Array | BigInt64Array): Pick<Description, 'statistics' | 'histogram'> {
  let [nan, inf, zeros, count, mean, squares] = [0, 0, 0, 0, 0, 0];
  let [least, most] = [Infinity, -Infinity];
  for (const raw of values) {
    const value = Number(raw);
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) inf++;
    else {
      count++;
      if (value === 0) zeros++;
      if (value < least) least = value;
      if (value > most) most = value;
      // Welford's method: sums of squares lose all digits where the mean is large.
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
    }
  }
  if (values.length === 0) return { statistics: [], histogram: [] };
  const numbers: [string, string][] =
    count === 0
      ? []
      : [
          ['minimum', shown(least)],
          ['maximum', shown(most)],
          ['mean', shown(mean)],
          ['standard deviation', shown(Math.sqrt(squares / count))],
        ];
  const counts: [string, string][] = [
    ['values', values.length.toLocaleString('en-US')],
    ['zeros', zeros.toLocaleString('en-US')],
    ['NaN', nan.toLocaleString('en-US')],
    ['infinite', inf.toLocaleString('en-US')],
  ];
  return { statistics: [...numbers, ...counts], histogram: count === 0 ? [] : (each(values) ?? ranges(values, least, most)) };
}

/** Each value and how often it occurs, or undefined when there are too many different ones. */
function each(values: Iterable<number | bigint | string>): Bin[] | undefined {
  const counts = new Map<number | bigint | string, number>();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > fewValues) return undefined;
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([value, count]) => ({ label: shown(value), count }));
}

function ranges(values: Float64Array | BigInt64Array, least: number, most: number): Bin[] {
  const counts = new Array<number>(bins).fill(0);
  // Halves, since the whole span of doubles is no double.
  const span = most / 2 - least / 2;
  for (const raw of values) {
    const value = Number(raw);
    if (!Number.isFinite(value)) continue;
    const bin = Math.min(bins - 1, Math.floor(((value / 2 - least / 2) / span) * bins));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const edge = (bin: number) => shown(least + ((2 * bin) / bins) * span);
  return counts.map((count, bin) => ({ label: `${edge(bin)} – ${edge(bin + 1)}`, count }));
}

function shown(value: number | bigint | string | undefined): string {
  if (typeof value !== 'number') return String(value ?? '');
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  return String(Number(value.toPrecision(5)));
}
