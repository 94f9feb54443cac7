import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Comparison, compareRuns } from './compare.ts';
import { readArray } from './npz.ts';
import { previousOf } from './previous.ts';
import { validatePredictions, type Verdict } from './validate.ts';

/** A verdict on a local file of predictions. */
export interface FileVerdict extends Verdict {
  /** What it was compared with; null without labels. */
  readonly labels: string | null;
  /** Against the run before; null when its file is not kept here. */
  readonly comparison: (Comparison & { readonly file: string }) | null;
}

export interface JudgeOptions {
  /** File of the true classes. */
  readonly labels?: string;
  /** Where runpod.json says the labels are, relative to the results' folder; looked for when no file is given. */
  readonly named?: string;
  /** File of the run before; default: the one that was here before it was fetched anew. */
  readonly previous?: string;
}

/**
 * Reads predictions (.npy, .npz, or `FILE.npz#NAME`), judges them against the labels and compares them with the run before.
 *
 * @throws UserError what reading the files throws
 */
export async function judgeFile(file: string, options: JudgeOptions = {}): Promise<FileVerdict> {
  const labels = options.labels ?? (options.named === undefined ? undefined : await findLabels(file, options.named));
  const array = await readArray(file);
  const truth = labels === undefined ? {} : { labels: await readArray(labels) };
  const verdict = validatePredictions(array, truth);
  const [, path = file, part = ''] = /^(.*\.npz)(#.*)$/.exec(file) ?? [];
  const kept = options.previous === undefined ? await previousOf(path) : null;
  const previous = options.previous ?? (kept === null ? null : kept + part);
  if (previous === null) return { ...verdict, labels: labels ?? null, comparison: null };
  const before = await readArray(previous);
  const comparison = compareRuns({ array, verdict }, { array: before, verdict: validatePredictions(before, truth) });
  const problems = [...verdict.problems, ...comparison.problems];
  const [worse] = comparison.problems;
  const summary =
    verdict.problems.length === 0 && worse
      ? `${worse.message.replace(/\.$/, '')} (${verdict.summary.replace(/\.$/, '')}).`
      : verdict.summary;
  return { ...verdict, summary, problems, labels: labels ?? null, comparison: { ...comparison, file: previous } };
}

/** The labels keep their place below whatever folder the results were fetched into: the nearest one upwards counts. */
async function findLabels(file: string, named: string): Promise<string | undefined> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, named);
    if (candidate !== file && (await stat(candidate).catch(() => null))?.isFile()) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}
