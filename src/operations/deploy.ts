import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { Run } from '../runs/run.ts';
import { type Call, operation } from './operation.ts';
import { bounded, bytes, count, duration } from './text.ts';

const fileSchema = z.object({
  path: z.string().describe('Below the project.'),
  remotePath: z.string(),
  bytes: z.int(),
  changed: z.boolean().describe('False if the pod had the same file already.'),
  reused: z.boolean().optional().describe('The pod had the bytes under another name: they were taken from there and not sent.'),
});

export const deployedSchema = z.object({
  pod: z.string(),
  files: z.array(fileSchema),
  sent: z.int().describe('Number of files that were not on the pod already.'),
  milliseconds: z.number(),
  replaced: z
    .object({ folder: z.string().describe('Where they are kept on the pod, with the same paths.'), files: z.array(z.string()) })
    .optional()
    .describe('Copies on the pod that were replaced and were not what was last deployed from here.'),
  deleted: z.array(z.string()).optional().describe('Files that were deleted on the pod.'),
  staleRuns: z
    .array(z.object({ run: z.string(), files: z.array(z.string()) }))
    .optional()
    .describe('Runs that still use older versions of these files.'),
  imports: z
    .object({
      imported: z.int().describe('Modules that were imported.'),
      problems: z.array(z.object({ file: z.string(), line: z.int(), message: z.string() })),
    })
    .nullable()
    .optional()
    .describe('The result of importing the deployed modules; null if Python did not answer.'),
});

type Deployed = z.output<typeof deployedSchema>;

export const deploy = operation({
  name: 'deploy',
  title: 'Deploy files',
  description:
    'Puts chosen files of the project on the pod: all or none, each verified. A file that changed on the pod since it was last deployed is not replaced without `force`.',
  effect: 'write',
  input: z.object({
    files: z.array(z.string().min(1)).default([]).describe('Files or folders of the project.'),
    preset: z.string().min(1).optional().describe('A named list of files in runpod.json.'),
    changed: z.boolean().default(false).describe('Every file of the project that is missing or different on the pod.'),
    delete: z
      .boolean()
      .default(false)
      .describe('With changed: also delete files on the pod that were deployed from here and are no longer part of the project.'),
    force: z.boolean().default(false).describe('Also replace files that were changed on the pod since.'),
    testImports: z
      .boolean()
      .default(false)
      .describe("Then import each deployed module on the pod's CPU, before GPU time is spent on a mistake."),
  }),
  output: deployedSchema,
  positional: ['files'],
  localPaths: ['files'],
  examples: [
    ['rpo deploy src/model.py', 'just the file you fixed'],
    ['rpo deploy --changed', 'whatever differs from the pod'],
    ['rpo deploy --changed --delete', 'and what is gone here goes there, too'],
    ['rpo deploy --preset models', 'a list from runpod.json'],
  ],
  async handle(context, { files, preset, changed, force, testImports, delete: deletes }, call) {
    const ways = [files.length > 0, preset !== undefined, changed].filter(Boolean).length;
    if (ways === 0)
      throw new UserError('bad-argument', 'Say what to deploy: files, --preset NAME, or --changed for whatever differs from the pod.');
    if (ways > 1) throw new UserError('bad-argument', 'Give files, --preset or --changed, one of them.');
    if (deletes && !changed)
      throw new UserError('bad-argument', 'Deleting goes with --changed only: it compares the whole project with the pod.');
    const orchestrator = await context.orchestrator();
    const options = { force, ...transfer(call, 'deploying') };
    // At the same time as the deploy, which therefore takes no longer.
    const running = orchestrator.runs.list(call.signal).catch(() => []);
    call.progress({ message: changed ? 'comparing with the pod' : 'deploying' });
    const report =
      preset !== undefined
        ? await orchestrator.files.deployPreset(preset, options)
        : changed
          ? await orchestrator.files.deployChanged(options)
          : await orchestrator.deployFixes(await withoutFolders(orchestrator, files, call.signal), options);
    const gone = deletes ? { deleted: [...(await orchestrator.files.removeGone(call.signal))] } : {};
    const answer = { ...deployed(orchestrator, report), ...gone, staleRuns: staleRuns(await running, report) };
    const sources = testImports ? report.files.map(({ path }) => path).filter((path) => path.endsWith('.py')) : [];
    if (sources.length === 0) return answer;
    call.progress({ message: 'importing' });
    const checked = await orchestrator.training.checkSources(sources, orchestrator.project.config.train.command ?? '', call.signal);
    const imports = checked && { imported: checked.imported.length, problems: checked.problems.map((problem) => ({ ...problem })) };
    return { ...answer, imports };
  },
  render: renderDeployed,
  exitCode: ({ imports }) => (imports === null || (imports?.problems.length ?? 0) > 0 ? 1 : 0),
});

/** Which of these runs were started with other bytes of what was just deployed. */
export function staleRuns(
  runs: readonly Run[],
  report: { readonly files: readonly { readonly path: string; readonly sha256: string }[] },
): { run: string; files: string[] }[] {
  return runs.flatMap(({ manifest, status }) => {
    if (status.kind !== 'running') return [];
    const files = report.files.filter(({ path, sha256 }) => (manifest.sources[path] ?? sha256) !== sha256).map(({ path }) => path);
    return files.length === 0 ? [] : [{ run: manifest.id, files }];
  });
}

/** A deploy report as an answer. */
export function deployed(
  orchestrator: Orchestrator,
  report: {
    readonly files: readonly z.output<typeof fileSchema>[];
    readonly replaced?: { readonly folder: string; readonly files: readonly string[] };
    readonly milliseconds: number;
  },
): Deployed {
  const files = report.files.map(({ path, remotePath, bytes, changed, reused }) => ({
    path,
    remotePath,
    bytes,
    changed,
    ...(reused ? { reused } : {}),
  }));
  const { replaced, milliseconds } = report;
  return {
    pod: orchestrator.pod.name,
    files,
    sent: files.filter((file) => file.changed).length,
    ...(replaced ? { replaced: { folder: replaced.folder, files: [...replaced.files] } } : {}),
    milliseconds,
  };
}

export function renderDeployed({ pod, files, sent, milliseconds, replaced, deleted = [], staleRuns = [], imports }: Deployed): string {
  const gone =
    deleted.length === 0
      ? []
      : [
          `${count(deleted.length, 'file')} deleted on ${pod}:`,
          ...bounded(
            deleted.map((path) => `  ${path}`),
            20,
            'file',
          ),
        ];
  if (files.length === 0) return [`${pod} has everything already: nothing was sent.`, ...gone].join('\n');
  const total = files.filter((file) => file.changed).reduce((sum, file) => sum + file.bytes, 0);
  const had = files.length - sent;
  const head =
    sent === 0
      ? `${pod} had ${files.length === 1 ? 'this file' : `these ${files.length} files`} already: nothing was sent (${duration(milliseconds)}).`
      : `${count(sent, 'file')}, ${bytes(total)}, deployed to ${pod} in ${duration(milliseconds)}${had > 0 ? `; it had ${had} more already` : ''}:`;
  const lines = files
    .filter((file) => file.changed)
    .map((file) => `  ${file.path}  ${bytes(file.bytes)}${file.reused ? ' not sent: it was there under another name' : ''}`);
  const stale = staleRuns.map(
    (one) =>
      `! Run ${one.run} still uses the older ${bounded(one.files, 3, 'file').join(', ')}: stop it and train again for the change to count.`,
  );
  return [
    head,
    ...bounded(lines, 20, 'file'),
    ...gone,
    ...strangerLines(pod, replaced),
    ...stale.slice(0, 5),
    ...importLines(imports),
  ].join('\n');
}

function strangerLines(pod: string, replaced: Deployed['replaced']): string[] {
  if (replaced === undefined) return [];
  const copies = replaced.files.length === 1 ? 'copy is' : 'copies are';
  const files = bounded(replaced.files, 3, 'file').join(', ');
  return [
    `! Replaced ${replaced.files.length === 1 ? 'a copy' : 'copies'} on ${pod} that ${replaced.files.length === 1 ? 'was' : 'were'} not what was last deployed from here: ${files}. The old ${copies} kept there in ${replaced.folder}.`,
  ];
}

function importLines(imports: Deployed['imports']): string[] {
  if (imports === undefined) return [];
  if (imports === null) return ['! Python on the pod did not answer, so nothing was imported. `rpo verify` looks closer.'];
  if (imports.problems.length === 0) return [`✓ ${count(imports.imported, 'module')} imported.`];
  const lines = imports.problems.map(({ file, line, message }) => `✗ ${file}:${line}: ${message.slice(0, 300)}`);
  return bounded(lines, 5, 'problem');
}

/** The transfer options of a call: cancellable, with progress in bytes. */
export function transfer({ signal, progress }: Call, message: string) {
  return {
    signal,
    onProgress: ({ bytesDone, bytesTotal }: { readonly bytesDone: number; readonly bytesTotal: number }) =>
      progress({ message, done: bytesDone, total: bytesTotal, unit: 'bytes' }),
  };
}

/** A folder stands for the files below it that the project deploys. */
export async function withoutFolders(orchestrator: Orchestrator, paths: readonly string[], signal: AbortSignal): Promise<string[]> {
  const files: string[] = [];
  let deployable: readonly string[] | undefined;
  for (const path of paths) {
    const relative = orchestrator.map.relativeOfLocal(path);
    const local = relative === null ? null : orchestrator.map.join(relative);
    const isFolder = local !== null && (await stat(local).catch(() => null))?.isDirectory();
    if (relative === null || !isFolder) {
      files.push(path);
      continue;
    }
    deployable ??= await orchestrator.files.deployable(signal);
    const below = deployable.filter((file) => relative === '' || file.startsWith(relative + '/'));
    if (below.length === 0)
      throw new UserError(
        'local-missing',
        `${relative === '' ? 'The project' : relative} holds no files to deploy: the folder is empty, or .gitignore or "exclude" in runpod.json leaves all of it out.`,
      );
    files.push(...below);
  }
  return files;
}
