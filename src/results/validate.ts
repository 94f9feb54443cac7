import type { NpyArray } from './npy.ts';
import { classRows, type ClassRows, inOrder, placesIn } from './predictions.ts';

export interface ValidateOptions {
  /** True classes, one a row: labels or one-hot. */
  readonly labels?: NpyArray;
  /** The classes there are, in the order of the columns; without it, what labels and predictions show. */
  readonly classes?: readonly string[];
  /**
   * A class predicted for a smaller part of the rows than this counts as collapsed, unless it is as rare among the labels:
   * then half of its part there counts. Default 0.01.
   */
  readonly minShare?: number;
}

export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** How often one class is predicted, and how often rightly. */
export interface ClassVerdict {
  readonly class: string;
  /** Rows predicted as this class. */
  readonly count: number;
  /** Of the rows that were predicted at all; 0 to 1. */
  readonly share: number;
  /** Of the rows that are of this class, how many were predicted so (recall); 0 to 1. Left out without labels, or when no row is. */
  readonly accuracy?: number;
}

/** What predictions are worth looking at. Plain data, fit for JSON. */
export interface Verdict {
  /** No problem is an error. */
  readonly ok: boolean;
  /** One sentence for a person: the worst problem, or the accuracy. */
  readonly summary: string;
  /** Errors first. */
  readonly problems: readonly Problem[];
  readonly shape: readonly number[];
  readonly dtype: string;
  /** How the array was read; null when it is no predictions. */
  readonly kind: ClassRows['kind'] | null;
  readonly classes: readonly ClassVerdict[];
  /** Classes that are never predicted, or for less than the share that is asked for: what there may be a common cause for. */
  readonly lost: readonly string[];
  /** 0 to 1; left out without labels. */
  readonly accuracy?: number;
  readonly nan: number;
  readonly inf: number;
}

/**
 * Judges predictions: numbers that are none, class collapse (fewer than two classes, a class of the labels that is never or
 * hardly ever predicted), classes never right, wrong length, rows that were never written, no better than guessing.
 */
export function validatePredictions(array: NpyArray, options: ValidateOptions = {}): Verdict {
  const problems: Problem[] = [];
  const error = (message: string) => problems.push({ severity: 'error', message });
  const warning = (message: string) => problems.push({ severity: 'warning', message });
  const { shape, dtype } = array;

  const truth = options.labels === undefined ? undefined : classRows(options.labels, options.classes);
  if (typeof truth === 'string') error(`The labels cannot be used: ${truth}.`);
  const labels = typeof truth === 'string' ? undefined : truth;
  const read = classRows(array, options.classes ?? columnNames(array, labels));
  if (typeof read === 'string') {
    error(`These are no predictions: ${read}.`);
    return {
      ok: false,
      summary: problems.at(-1)?.message ?? '',
      problems,
      shape,
      dtype,
      kind: null,
      classes: [],
      lost: [],
      nan: 0,
      inf: 0,
    };
  }

  const total = read.rows.length;
  if (read.nan > 0) error(`${some(read.nan, array.values.length, 'value')} NaN: training went wrong before it ended.`);
  if (read.inf > 0) error(`${some(read.inf, array.values.length, 'value')} infinite.`);
  if (read.blank === total) error('All rows are zeros: no prediction was ever written.');
  else if (read.blank > 0) warning(`${some(read.blank, total, 'row')} only zeros: never predicted (was a fold left out?).`);
  if (read.unnormalised > 0) warning(`The probabilities of ${read.unnormalised} of ${total} rows do not add up to 1.`);

  const lengthFits = labels === undefined || labels.rows.length === total;
  if (labels !== undefined && !lengthFits)
    error(`There are ${total} predictions for ${labels.rows.length} labels; the accuracy cannot be told.`);
  const compared = lengthFits ? labels : undefined;

  const known = inOrderOf(options.classes, [...read.classes, ...(labels?.classes ?? [])]);
  const strange = options.classes === undefined ? [] : known.filter((name) => !options.classes?.includes(name));
  if (strange.length > 0) error(`There are classes that are not among the expected ones: ${strange.join(', ')}.`);
  const tally = tallyOf(read, compared);
  const said = sum(tally.predicted.values());
  const classes = known.map((name): ClassVerdict => {
    const count = tally.predicted.get(name) ?? 0;
    const own = tally.true.get(name) ?? 0;
    const verdict = { class: name, count, share: said === 0 ? 0 : count / said };
    return own === 0 ? verdict : { ...verdict, accuracy: (tally.right.get(name) ?? 0) / own };
  });
  // Rows that were not predicted are wrong.
  const accuracy = compared === undefined ? undefined : sum(tally.right.values()) / total;
  const trueShare = compared === undefined ? undefined : (name: string) => (tally.true.get(name) ?? 0) / total;

  const predicted = classes.filter((one) => one.count > 0);
  const [only] = predicted.length === 1 && total > 1 ? predicted : [];
  if (only !== undefined && known.length > 1) error(`Class collapse: all ${only.count} rows are predicted as class ${only.class}.`);
  else if (only !== undefined) warning(`All ${only.count} rows are predicted as class ${only.class}, and no other class is known.`);
  const rare = rareClasses(classes, trueShare, options.minShare ?? 0.01);
  if (predicted.length > 1) problems.push(...rare.problems);
  if (trueShare !== undefined && accuracy !== undefined && predicted.length > 1 && read.nan + read.inf + read.blank === 0) {
    const guess = Math.max(...known.map(trueShare));
    if (accuracy <= guess && guess < 1)
      warning(`The accuracy of ${percent(accuracy)} is no better than always saying the most frequent class (${percent(guess)}).`);
  }

  problems.sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
  const ok = problems.every((problem) => problem.severity !== 'error');
  const facts = `${total} rows, ${predicted.length} of ${known.length} classes predicted${accuracy === undefined ? '' : `, accuracy ${percent(accuracy)}`}`;
  const summary = problems[0] === undefined ? `${facts}.` : `${problems[0].message.replace(/\.$/, '')} (${facts}).`;
  const base: Verdict = {
    ok,
    summary,
    problems,
    shape,
    dtype,
    kind: read.kind,
    classes,
    lost: said === 0 ? [] : rare.lost,
    nan: read.nan,
    inf: read.inf,
  };
  return accuracy === undefined ? base : { ...base, accuracy };
}

/** With one column for each class that the labels have, and labels that are no column numbers, columns stand for them in order, as in scikit-learn's `classes_`. */
function columnNames(array: NpyArray, labels: ClassRows | undefined): readonly string[] | undefined {
  const columns = array.shape.length === 2 ? (array.shape[1] ?? 1) : 2;
  if (labels === undefined || labels.kind !== 'labels' || labels.classes.length !== columns) return undefined;
  return labels.classes.every((name) => Number(name) < columns && Number(name) >= 0) ? undefined : labels.classes;
}

function inOrderOf(given: readonly string[] | undefined, found: readonly string[]): string[] {
  return given === undefined ? inOrder(found) : [...given, ...inOrder(found.filter((name) => !given.includes(name)))];
}

/** Rows by class: as predicted, as they truly are, and where both agree. Rows that say no class are in none. */
function tallyOf(
  read: ClassRows,
  labels: ClassRows | undefined,
): Readonly<Record<'predicted' | 'true' | 'right', ReadonlyMap<string, number>>> {
  const predicted = new Float64Array(read.classes.length);
  const truly = new Float64Array(labels?.classes.length ?? 0);
  const right = new Float64Array(truly.length);
  const places = labels === undefined ? new Int32Array() : placesIn(read, labels);
  for (let at = 0; at < read.rows.length; at++) {
    const row = read.rows[at] ?? -1;
    if (row >= 0) predicted[row] = (predicted[row] ?? 0) + 1;
    const truth = labels?.rows[at] ?? -1;
    if (truth < 0) continue;
    truly[truth] = (truly[truth] ?? 0) + 1;
    if (row >= 0 && places[row] === truth) right[truth] = (right[truth] ?? 0) + 1;
  }
  const named = (names: readonly string[], counts: Float64Array) => new Map(names.map((name, place) => [name, counts[place] ?? 0]));
  const trueNames = labels?.classes ?? [];
  return { predicted: named(read.classes, predicted), true: named(trueNames, truly), right: named(trueNames, right) };
}

/** What is to be said about classes that the predictions hardly know, a sentence for each way. A class that is rare in truth may be predicted rarely. */
function rareClasses(
  classes: readonly ClassVerdict[],
  trueShare: ((name: string) => number) | undefined,
  minShare: number,
): { readonly lost: readonly string[]; readonly problems: readonly Problem[] } {
  const never: ClassVerdict[] = [];
  const hardly: ClassVerdict[] = [];
  const seldom: ClassVerdict[] = [];
  const wrong: ClassVerdict[] = [];
  for (const one of classes) {
    const truly = trueShare?.(one.class);
    const least = truly === undefined ? minShare : Math.min(minShare, truly / 2);
    if (one.count === 0) {
      if (truly !== 0) never.push(one);
    } else if (one.share < least) {
      // Of a class that is rare in truth, a row more or less is chance; without labels nobody knows.
      (truly === undefined || least < minShare ? seldom : hardly).push(one);
    } else if (one.accuracy === 0) wrong.push(one);
  }
  const problem = (list: readonly ClassVerdict[], what: string, severity: Problem['severity']): Problem[] => {
    if (list.length === 0) return [];
    const shown = list.slice(0, 10).map((one) => {
      const numbers = [
        one.count > 0 ? percent(one.share) : '',
        trueShare === undefined ? '' : `${percent(trueShare(one.class))} of the labels`,
      ];
      const inside = numbers.filter((text) => text !== '').join(' against ');
      return inside === '' ? one.class : `${one.class} (${inside})`;
    });
    const more = list.length > shown.length ? ` and ${list.length - shown.length} more` : '';
    const noun = list.length === 1 ? 'class' : 'classes';
    const text = `${noun} ${shown.join(', ')}${more} ${list.length === 1 ? 'is' : 'are'} ${what}.`;
    return [{ severity, message: severity === 'error' ? `Class collapse: ${text}` : text.replace('c', 'C') }];
  };
  return {
    lost: [...never, ...hardly, ...seldom].map((one) => one.class),
    problems: [
      ...problem(never, 'never predicted', trueShare === undefined ? 'warning' : 'error'),
      ...problem(hardly, 'hardly ever predicted', 'error'),
      ...problem(seldom, 'hardly ever predicted', 'warning'),
      ...problem(wrong, 'never predicted rightly', 'warning'),
    ],
  };
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function some(count: number, total: number, noun: string): string {
  return `${count} of ${total} ${noun}s ${count === 1 ? 'is' : 'are'}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
