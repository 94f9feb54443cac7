import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { type Comparison, compareRuns } from './compare.ts';
import type { NpyArray } from './npy.ts';
import { readArray } from './npz.ts';
import { previousOf } from './previous.ts';
import { validatePredictions, type Verdict } from './validate.ts';

/** A verdict on a local file of predictions. */
export interface FileVerdict extends Verdict {
  /** What it was compared with; null without labels. */
  readonly labels: string | null;
  /** Against the run before; null when its file is not kept here, or cannot be read. */
  readonly comparison: (Comparison & { readonly file: string }) | null;
  /** What could not be done, and does not speak against the predictions; a sentence, or null. */
  readonly note: string | null;
}

export interface JudgeOptions {
  /** File of the true classes. */
  readonly labels?: string;
  /** Where runpod.json says the labels are, relative to the results' folder; looked for when no file is given. */
  readonly named?: string;
  /** File of the run before; default: the one that was here before it was fetched anew. */
  readonly previous?: string;
  /** See ValidateOptions. */
  readonly minShare?: number;
}

/**
 * Reads predictions (.npy, .npz, or `FILE.npz#NAME`), judges them against the labels and compares them with the run before.
 *
 * @throws UserError what reading the files throws
 */
export async function judgeFile(file: string, options: JudgeOptions = {}): Promise<FileVerdict> {
  return judgeArray(file, await readArray(file), options);
}

/**
 * The same for an array that was read already.
 *
 * @param file where it is from, `FILE.npz#NAME` for one of several
 */
export async function judgeArray(file: string, array: NpyArray, options: JudgeOptions = {}): Promise<FileVerdict> {
  const [, path = file, part = ''] = /^(.*\.npz)(#.*)$/.exec(file) ?? [];
  const labels = options.labels ?? (options.named === undefined ? undefined : await findLabels(path, options.named));
  const compared = {
    ...(labels === undefined ? {} : { labels: await readArray(labels) }),
    ...(options.minShare === undefined ? {} : { minShare: options.minShare }),
  };
  const verdict = validatePredictions(array, compared);
  const kept = options.previous === undefined ? await previousOf(path) : null;
  const previous = options.previous ?? (kept === null ? null : kept + part);
  const alone = { ...verdict, labels: labels ?? null, comparison: null, note: null };
  if (previous === null) return alone;
  let before: NpyArray;
  try {
    before = await readArray(previous);
  } catch (error) {
    // Nobody asked for this one, and the new file is as good as it is.
    if (options.previous === undefined) return { ...alone, note: `Not compared with the run before: ${messageOf(error)}` };
    throw error;
  }
  const comparison = compareRuns({ array, verdict }, { array: before, verdict: validatePredictions(before, compared) });
  const problems = [...verdict.problems, ...comparison.problems];
  const [worse] = comparison.problems;
  const summary =
    verdict.problems.length === 0 && worse
      ? `${worse.message.replace(/\.$/, '')} (${verdict.summary.replace(/\.$/, '')}).`
      : verdict.summary;
  return { ...alone, summary, problems, comparison: { ...comparison, file: previous } };
}

/** The labels keep their place below whatever folder the results were fetched into: the nearest one upwards counts. */
export async function findLabels(file: string, named: string): Promise<string | undefined> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, named);
    if (candidate !== file && (await stat(candidate).catch(() => null))?.isFile()) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}
