import type { NpyArray } from './npy.ts';
import { classRows, placesIn } from './predictions.ts';
import type { Problem, Verdict } from './validate.ts';

/** How predictions differ from those of the run before. */
export interface Comparison {
  /** Rows that both predict alike, 0 to 1; null when they cannot be laid beside each other. */
  readonly agreement: number | null;
  /** Of the run before; left out without labels. */
  readonly accuracy?: number;
  /** What has become worse. */
  readonly problems: readonly Problem[];
}

/** A loss of accuracy that is no noise of another seed. */
const worseAccuracy = 0.02;
/** The same for one class, of which there are fewer rows. */
const worseClass = 0.1;

/** What has become of predictions since the run before; verdicts are of the same labels. */
export function compareRuns(
  now: { readonly array: NpyArray; readonly verdict: Verdict },
  before: { readonly array: NpyArray; readonly verdict: Verdict },
): Comparison {
  const problems: Problem[] = [];
  const warn = (message: string) => problems.push({ severity: 'warning', message });
  const accuracy = before.verdict.accuracy;
  if (accuracy !== undefined && now.verdict.accuracy !== undefined && accuracy - now.verdict.accuracy > worseAccuracy)
    warn(`The accuracy fell from ${percent(accuracy)} of the run before to ${percent(now.verdict.accuracy)}.`);
  for (const one of now.verdict.classes) {
    const was = before.verdict.classes.find((other) => other.class === one.class);
    if (was === undefined) continue;
    if (one.count === 0 && was.count > 0)
      warn(`Class ${one.class} is not predicted any more; the run before predicted it ${was.count} times.`);
    else if (one.accuracy !== undefined && was.accuracy !== undefined && was.accuracy - one.accuracy > worseClass)
      warn(`Of class ${one.class}, ${percent(one.accuracy)} are found; the run before found ${percent(was.accuracy)}.`);
  }
  return { agreement: agreementOf(now.array, before.array), ...(accuracy === undefined ? {} : { accuracy }), problems };
}

function agreementOf(now: NpyArray, before: NpyArray): number | null {
  const [a, b] = [classRows(now), classRows(before)];
  if (typeof a === 'string' || typeof b === 'string' || a.rows.length !== b.rows.length || a.rows.length === 0) return null;
  const places = placesIn(a, b);
  let alike = 0;
  for (let at = 0; at < a.rows.length; at++) {
    const row = a.rows[at] ?? -1;
    if ((row < 0 ? row : places[row]) === b.rows[at]) alike++;
  }
  return alike / a.rows.length;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
