import { resolve } from 'node:path';
import { z } from 'zod';
import type { FileVerdict } from '../results/judge.ts';
import { labelsPath, loadProject } from '../project/project.ts';
import { shortPath } from './findings.ts';
import { operation } from './operation.ts';
import { fitting } from './text.ts';

const classSchema = z.object({
  class: z.string(),
  count: z.int().describe('Rows predicted as this class.'),
  share: z.number().describe('Share of all predicted rows, 0 to 1.'),
  accuracy: z.number().optional().describe('Recall: share of the rows of this class that were predicted as such.'),
});

export const verdictSchema = z.object({
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
  comparison: z
    .object({
      file: z.string(),
      agreement: z.number().nullable().describe('Share of rows that both runs predict alike, 0 to 1.'),
      accuracy: z.number().optional().describe('Accuracy of the previous run.'),
    })
    .nullable()
    .describe('Comparison with the previous run, whose file was here before.'),
  note: z.string().nullable().describe('What could not be done, and does not speak against the predictions.'),
});

type VerdictRecord = z.output<typeof verdictSchema>;

export const validate = operation({
  name: 'validate',
  title: 'Validate predictions',
  description:
    'Reads .npy and .npz files of predictions on this machine and judges them: shape, NaN, class collapse, with labels the accuracy of each class, and what became worse since the run before. Needs no pod.',
  effect: 'read',
  input: z.object({
    files: z.array(z.string().min(1)).min(1).describe('.npy files of predictions, or FILE.npz#NAME.'),
    labels: z
      .string()
      .min(1)
      .optional()
      .describe('File with the true classes; default: the labels that runpod.json names, among the results.'),
    previous: z
      .string()
      .min(1)
      .optional()
      .describe('Predictions of the previous run; default: the file that was here before the download.'),
  }),
  output: z.object({ ok: z.boolean(), verdicts: z.array(verdictSchema) }),
  positional: ['files'],
  localPaths: ['files', 'labels', 'previous'],
  examples: [
    ['rpo validate results/artifacts/oof/logreg/v1/seed_1337.npy --labels results/artifacts/oof/labels.npy', 'accuracy and class collapse'],
  ],
  async handle(context, { files, labels, previous }) {
    const { judgeFile } = await import('../results/judge.ts');
    const local = (path: string | undefined) => (path === undefined ? undefined : resolve(context.projectRoot, path));
    const project = await loadProject(context.projectRoot);
    const named = labels === undefined ? labelsPath(project) : undefined;
    const { minShare } = project.config.validation;
    const verdicts: VerdictRecord[] = [];
    for (const file of files) {
      const path = resolve(context.projectRoot, file);
      const verdict = await judgeFile(path, { labels: local(labels), named, previous: local(previous), minShare });
      verdicts.push(verdictRecord(path, verdict, context.projectRoot));
    }
    return { ok: verdicts.every((verdict) => verdict.ok), verdicts };
  },
  render: ({ verdicts }) => fitting(verdicts.flatMap(verdictLines)),
  exitCode: ({ ok }) => (ok ? 0 : 1),
});

export function verdictRecord(file: string, verdict: FileVerdict, projectRoot: string): VerdictRecord {
  const { ok, summary, problems, shape, dtype, classes, accuracy, nan, inf, labels, comparison, note } = verdict;
  return {
    file: shortPath(file, projectRoot),
    labels: labels === null ? null : shortPath(labels, projectRoot),
    ok,
    summary,
    problems: problems.map((problem) => ({ ...problem })),
    shape: [...shape],
    dtype,
    classes: classes.map((one) => ({ ...one })),
    ...(accuracy === undefined ? {} : { accuracy }),
    nan,
    inf,
    comparison: comparison && {
      file: shortPath(comparison.file, projectRoot),
      agreement: comparison.agreement,
      ...(comparison.accuracy === undefined ? {} : { accuracy: comparison.accuracy }),
    },
    note,
  };
}

/** One verdict in words. */
export function verdictLines({ file, ok, summary, problems, shape, dtype, classes, labels, comparison, note }: VerdictRecord): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const shown = classes
    .slice(0, 20)
    .map(
      (one) =>
        `    class ${one.class}: ${one.count} predicted (${percent(one.share)})${one.accuracy === undefined ? '' : `, ${percent(one.accuracy)} recall`}`,
    );
  return [
    `${ok ? '✓' : '✗'} ${file} (${shape.join(' x ')} ${dtype}): ${summary}`,
    ...problems.slice(1, 10).map((problem) => `    ${problem.severity}: ${problem.message}`),
    ...shown,
    ...(classes.length > 20 ? [`    ... and ${classes.length - 20} more classes`] : []),
    ...(comparison === null ? [] : [`    ${comparisonText(comparison)}`]),
    ...(note === null ? [] : [`    ${note}`]),
    ...(labels === null ? ['    There were no labels to compare with: --labels FILE.'] : []),
  ];
}

function comparisonText({ file, agreement, accuracy }: NonNullable<VerdictRecord['comparison']>): string {
  const before = accuracy === undefined ? '' : `; its accuracy was ${(100 * accuracy).toFixed(1)}%`;
  const alike = agreement === null ? 'not comparable row by row' : `${(100 * agreement).toFixed(1)}% of the rows alike`;
  return `the run before (${file}): ${alike}${before}`;
}
