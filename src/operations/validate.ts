import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Verdict } from '../results/validate.ts';
import { loadProject } from '../project/project.ts';
import { shortPath } from './findings.ts';
import { operation } from './operation.ts';
import { fitting } from './text.ts';

const classSchema = z.object({
  class: z.string(),
  count: z.int().describe('Rows predicted as this class.'),
  share: z.number().describe('Of the rows that were predicted, 0 to 1.'),
  accuracy: z.number().optional().describe('Of the rows of this class, the part predicted so.'),
});

const verdictSchema = z.object({
  file: z.string(),
  labels: z.string().nullable().describe('What it was compared with.'),
  ok: z.boolean(),
  summary: z.string(),
  problems: z.array(z.object({ severity: z.enum(['error', 'warning']), message: z.string() })),
  shape: z.array(z.int()),
  dtype: z.string(),
  classes: z.array(classSchema),
  accuracy: z.number().optional(),
  nan: z.int(),
  inf: z.int(),
});

type FileVerdict = z.output<typeof verdictSchema>;

export const validate = operation({
  name: 'validate',
  title: 'Validate predictions',
  description:
    'Reads .npy files of predictions on this machine and judges them: shape, NaN, class collapse, and with labels the accuracy of each class. Needs no pod.',
  effect: 'read',
  input: z.object({
    files: z.array(z.string().min(1)).min(1).describe('.npy files of predictions.'),
    labels: z
      .string()
      .min(1)
      .optional()
      .describe('.npy file with the true classes; default: what runpod.json names, where it lies among the results.'),
  }),
  output: z.object({ ok: z.boolean(), verdicts: z.array(verdictSchema) }),
  positional: ['files'],
  localPaths: ['files', 'labels'],
  examples: [
    ['rpo validate results/artifacts/oof/logreg/v1/seed_1337.npy --labels results/artifacts/oof/labels.npy', 'accuracy and class collapse'],
  ],
  async handle(context, { files, labels }) {
    const [{ readNpy }, { validatePredictions }] = await Promise.all([import('../results/npy.ts'), import('../results/validate.ts')]);
    const named = labels === undefined ? (await loadProject(context.projectRoot)).config.labels : undefined;
    const verdicts: FileVerdict[] = [];
    for (const file of files) {
      const path = resolve(context.projectRoot, file);
      const truth = labels === undefined ? named && (await findLabels(path, named)) : resolve(context.projectRoot, labels);
      const verdict = validatePredictions(await readNpy(path), truth ? { labels: await readNpy(truth) } : {});
      const { ok, summary, problems, shape, dtype, classes, accuracy, nan, inf } = verdict;
      verdicts.push({
        file: shortPath(path, context.projectRoot),
        labels: truth ? shortPath(truth, context.projectRoot) : null,
        ok,
        summary,
        problems: problems.map((problem) => ({ ...problem })),
        shape: [...shape],
        dtype,
        classes: classes.map((one) => ({ ...one })),
        ...(accuracy === undefined ? {} : { accuracy }),
        nan,
        inf,
      });
    }
    return { ok: verdicts.every((verdict) => verdict.ok), verdicts };
  },
  render: ({ verdicts }) => fitting(verdicts.flatMap(verdictLines)),
  exitCode: ({ ok }) => (ok ? 0 : 1),
});

/** One verdict in words. */
export function verdictLines(
  verdict: Pick<Verdict, 'ok' | 'summary' | 'problems' | 'shape' | 'dtype' | 'classes'> & {
    readonly file: string;
    readonly labels: string | null;
  },
): string[] {
  const { file, ok, summary, problems, shape, dtype, classes, labels } = verdict;
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const shown = classes
    .slice(0, 20)
    .map(
      (one) =>
        `    class ${one.class}: ${one.count} predicted (${percent(one.share)})${one.accuracy === undefined ? '' : `, ${percent(one.accuracy)} of its own found`}`,
    );
  return [
    `${ok ? '✓' : '✗'} ${file} (${shape.join(' x ')} ${dtype}): ${summary}`,
    ...problems.slice(1, 10).map((problem) => `    ${problem.severity}: ${problem.message}`),
    ...shown,
    ...(classes.length > 20 ? [`    ... and ${classes.length - 20} more classes`] : []),
    ...(labels === null ? ['    There were no labels to compare with: --labels FILE.'] : []),
  ];
}

/** The labels keep their place below whatever folder the results were fetched into: the nearest one upwards counts. */
async function findLabels(file: string, named: string): Promise<string | undefined> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, named);
    if (candidate !== file && (await stat(candidate).catch(() => null))?.isFile()) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}
