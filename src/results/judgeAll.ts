import { isUserError, messageOf } from '../core/errors.ts';
import { matcher } from '../project/globs.ts';
import { type FileVerdict, findLabels, judgeArray } from './judge.ts';
import type { NpyArray } from './npy.ts';
import { readArray, readArrays } from './npz.ts';
import { classRows, type ClassRows } from './predictions.ts';
import { isArray } from './previous.ts';

export interface JudgeAllOptions {
  /** Where runpod.json says the labels are, below the results' folder. */
  readonly labels?: string;
  /** Which arrays are predictions: paths and globs below the results' folder, `FILE.npz#NAME` for one of several. Without it, what looks like them. */
  readonly predictions?: readonly string[];
  readonly minShare?: number;
}

/** One array that counts as predictions. */
export interface Judgement {
  /** Below the results' folder, with `#NAME` for one of several of a file. */
  readonly path: string;
  readonly localPath: string;
  readonly verdict: FileVerdict;
}

export interface Judgements {
  readonly verdicts: readonly Judgement[];
  /** Arrays that cannot be read although they have to be. */
  readonly problems: readonly string[];
  /** How many arrays were there and are no predictions, as far as one can see. */
  readonly passedOver: number;
}

interface Candidate {
  readonly path: string;
  readonly localPath: string;
  /** With `#NAME` for one of several. */
  readonly reference: string;
  readonly array: NpyArray;
}

/** Of a file of several arrays, those that are the truth and no predictions of it. */
const truthNames = /#(?:labels?|y|y_true|y_test|targets?|truth)$/i;

/**
 * Judges the predictions among a run's files. Training leaves other arrays, too: losses, embeddings, confusion matrices; an
 * array is judged when runpod.json says that it is predictions, or else when it can be read as classes, one a row, and has as
 * many rows as there are labels. Where none has, those that are of about that length are: half of the rows are missing, say.
 */
export async function judgeAll(
  files: readonly { readonly path: string; readonly localPath: string }[],
  { labels, predictions, minShare }: JudgeAllOptions,
): Promise<Judgements> {
  const problems: string[] = [];
  const all: Candidate[] = [];
  const isAsked = predictions === undefined ? undefined : asked(predictions);
  for (const { path, localPath } of files.filter((file) => isArray(file.path) && file.path !== labels)) {
    if (isAsked && !isAsked.file(path)) continue;
    try {
      const arrays = await readArrays(localPath);
      for (const [name, array] of arrays) {
        const part = arrays.size === 1 ? '' : `#${name}`;
        if (!isAsked || isAsked.array(path, name, arrays.size))
          all.push({ path: path + part, localPath, reference: localPath + part, array });
      }
    } catch (error) {
      // Objects, records, complex numbers: no predictions, unless somebody says so.
      if (isAsked || !isUserError(error, 'bad-argument')) problems.push(messageOf(error));
    }
  }
  let chosen: readonly Candidate[] = all;
  try {
    if (!isAsked) chosen = await likely(all, labels);
  } catch (error) {
    // Labels that cannot be read are told once.
    return { verdicts: [], problems: [...problems, messageOf(error)], passedOver: 0 };
  }
  const verdicts: Judgement[] = [];
  for (const { path, localPath, reference, array } of chosen) {
    try {
      verdicts.push({ path, localPath, verdict: await judgeArray(reference, array, { named: labels, minShare }) });
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  return { verdicts, problems, passedOver: all.length - chosen.length };
}

function asked(predictions: readonly string[]) {
  const patterns = predictions.map((pattern) => {
    const [, path = pattern, name] = /^(.*\.npz)#([^#]+)$/.exec(pattern) ?? [];
    return { matches: matcher(path), name };
  });
  return {
    file: (path: string) => patterns.some(({ matches }) => matches(path)),
    array: (path: string, array: string, count: number) =>
      patterns.some(
        ({ matches, name }) => matches(path) && (name === undefined ? count === 1 || !truthNames.test(`#${array}`) : name === array),
      ),
  };
}

async function likely(all: readonly Candidate[], named: string | undefined): Promise<readonly Candidate[]> {
  const readable = all.flatMap((candidate): Readable[] => {
    const rows = truthNames.test(candidate.path) ? '' : classRows(candidate.array);
    return typeof rows === 'string' ? [] : [{ candidate, rows }];
  });
  const [first] = readable;
  const file = first && named !== undefined ? await findLabels(first.candidate.localPath, named) : undefined;
  const truth = file === undefined ? '' : classRows(await readArray(file));
  if (typeof truth === 'string') return readable.filter((one) => !isOneReal(one)).map(({ candidate }) => candidate);
  const like = readable.filter((one) => isLike(one, truth));
  const fitting = like.filter(({ rows }) => rows.rows.length === truth.rows.length);
  const near = like.filter(({ rows }) => rows.rows.length * 2 >= truth.rows.length && rows.rows.length <= truth.rows.length * 2);
  // The only array of a run is what it was for, however long it is.
  return (fitting.length > 0 ? fitting : near.length > 0 || all.length > 1 ? near : like).map(({ candidate }) => candidate);
}

interface Readable {
  readonly candidate: Candidate;
  readonly rows: ClassRows;
}

/** One real number a row may be the probability of one of two classes, or a loss. */
function isOneReal({ candidate, rows }: Readable): boolean {
  return rows.kind === 'probabilities' && (candidate.array.shape[1] ?? 1) === 1;
}

/** Whether this could be said of these labels: scores are of their classes, and one number a row of two of them. */
function isLike(one: Readable, truth: ClassRows): boolean {
  if (one.rows.kind === 'scores') return one.rows.classes.length === truth.classes.length;
  return !(isOneReal(one) && truth.classes.length > 2);
}
