import { z } from 'zod';
import { isUserError, UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { SourceCheck } from '../runs/sourceCheck.ts';
import { deployed, deployedSchema, renderDeployed, staleRuns, transfer, withoutFolders } from './deploy.ts';
import { cut } from './evidence.ts';
import { operation } from './operation.ts';
import { bounded } from './text.ts';
import { chosenRun } from './training.ts';

const startedSchema = z.object({
  run: z.string().describe('Id of the run.'),
  pod: z.string(),
  command: z.string(),
});

/** `train` for callers that must not be kept waiting. */
export const start = operation({
  name: 'start',
  tool: 'start_training',
  audience: 'agents',
  title: 'Start training',
  description:
    'Starts a training run on the pod, detached, and gives its id at once; it goes on whatever happens here. Then call wait_for_event.',
  effect: 'write',
  input: z.object({
    model: z.string().min(1).optional().describe('A model of runpod.json.'),
    command: z.string().min(1).optional().describe('Any command instead of the configured one.'),
    device: z.string().min(1).optional().describe('E.g. cuda, cpu.'),
    seed: z.int().min(0).optional().describe("Default: the project's."),
    encoder: z.string().min(1).optional().describe('Pre-trained encoder on the pod.'),
  }),
  output: startedSchema,
  ownCommand: ({ command }) => command,
  async handle(context, input, call) {
    const orchestrator = await context.orchestrator();
    const { manifest } = await orchestrator.training.start(input, call.signal);
    return { run: manifest.id, pod: orchestrator.pod.name, command: manifest.command };
  },
  render: ({ run, pod, command }) => `Run ${run} started on ${pod}: ${cut(command, 500)}\nWait for what happens with \`rpo wait ${run}\`.`,
});

const problemSchema = z.object({ file: z.string(), line: z.int(), message: z.string() });

export const retry = operation({
  name: 'retry',
  tool: 'fix_and_retry',
  title: 'Deploy a fix and run again',
  description:
    'After a fix: deploys the named files (or what changed), checks on the pod that they compile and import, and starts the command of a run again, from its newest whole checkpoint if runpod.json says how (train.resume). Gives the new id at once; a failed check starts nothing.',
  effect: 'write',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run to repeat; default: the newest.'),
    files: z.array(z.string().min(1)).default([]).describe('Files or folders; default: whatever differs from the pod.'),
    resume: z.boolean().default(true).describe('From a checkpoint, where there is one.'),
    check: z.boolean().default(true).describe('Compile and import first.'),
    force: z.boolean().default(false).describe('Also replace files that were changed on the pod since.'),
  }),
  output: z.object({
    ok: z.boolean().describe('False: the check failed and nothing was started.'),
    run: z.string().nullable().describe('Id of the new run.'),
    repeats: z.string(),
    command: z.string().nullable(),
    checkpoint: z.string().nullable().describe('What it goes on from.'),
    deployed: deployedSchema,
    checked: z.enum(['passed', 'failed', 'skipped', 'impossible']),
    problems: z.array(problemSchema),
  }),
  positional: ['run'],
  localPaths: ['files'],
  examples: [['rpo retry --files src/model.py', 'deploy the fix, check it, run the same again']],
  async handle(context, input, call) {
    const orchestrator = await context.orchestrator();
    const old = await chosenRun(orchestrator, input.run, call.signal);
    if (old.status.kind === 'running')
      throw new UserError(
        'bad-argument',
        `Run ${old.manifest.id} is still going on. End it first with \`rpo stop ${old.manifest.id}\`, or start another with \`rpo train\`.`,
      );
    const running = orchestrator.runs.list(call.signal).catch(() => []);
    call.progress({ message: 'deploying' });
    const options = { force: input.force, ...transfer(call, 'deploying') };
    const files = input.files.length > 0 ? await withoutFolders(orchestrator, input.files, call.signal) : [];
    const report =
      input.files.length > 0 ? await orchestrator.deployFixes(files, options) : await orchestrator.files.deployChanged(options);
    const answer = {
      repeats: old.manifest.id,
      deployed: { ...deployed(orchestrator, report), staleRuns: staleRuns(await running, report) },
    };
    const sources = report.files.map(({ path }) => path).filter((path) => path.endsWith('.py'));
    call.progress({ message: 'checking' });
    const isChecked = input.check && sources.length > 0;
    const checked: SourceCheck | null = isChecked
      ? await standing(report, 'no run was started', async () =>
          orchestrator.training.checkSources(sources, old.manifest.command, call.signal),
        )
      : { problems: [], imported: [] };
    const problems = [...(checked?.problems ?? [])];
    if (problems.length > 0)
      return { ok: false, run: null, command: null, checkpoint: null, ...answer, checked: 'failed' as const, problems };
    call.progress({ message: 'starting the run' });
    const { run, checkpoint } = await standing(report, '`rpo runs` shows whether a run was started', async () =>
      orchestrator.training.restart(old, { resume: input.resume, signal: call.signal }),
    );
    return {
      ok: true,
      run: run.manifest.id,
      command: run.manifest.command,
      checkpoint,
      ...answer,
      checked: !isChecked ? ('skipped' as const) : checked === null ? ('impossible' as const) : ('passed' as const),
      problems,
    };
  },
  render({ ok, run, repeats, command, checkpoint, deployed: report, checked, problems }) {
    const lines = problems.map(({ file, line, message }) => `  ${file}:${line}: ${cut(message, 400)}`);
    if (!ok)
      return [
        renderDeployed(report),
        'They do not work yet, so nothing was started:',
        ...bounded(lines, 10, 'problem'),
        'Correct them and call this again.',
      ].join('\n');
    const how = { passed: 'They compile and import.', skipped: '', failed: '', impossible: 'They could not be checked on the pod.' }[
      checked
    ];
    const from = checkpoint === null ? 'from the start' : `from ${checkpoint}`;
    return [
      renderDeployed(report),
      ...(how === '' ? [] : [how]),
      `Run ${run ?? ''} repeats ${repeats} ${from}: ${cut(command ?? '', 500)}`,
      `Wait for what happens with \`rpo wait ${run ?? ''}\`.`,
    ].join('\n');
  },
  exitCode: ({ ok }) => (ok ? 0 : 1),
});

/** Adds to what went wrong where things stand: the files are on the pod already. */
async function standing<T>(
  { files }: Awaited<ReturnType<Orchestrator['deployFixes']>>,
  started: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isUserError(error)) throw error;
    const names = bounded(
      files.map(({ path }) => path),
      5,
      'file',
    ).join(', ');
    const isPut = files.length === 0 ? '' : `${names} ${files.length === 1 ? 'was' : 'were'} deployed; `;
    const state = error.reason === 'not-allowed' ? 'no run was started' : started;
    const next = error.reason === 'timeout' ? ' Call this again without the check if it is known to take long.' : '';
    throw new UserError(error.reason, `${error.message} ${isPut}${state}.${next}`, { cause: error, details: error.details });
  }
}
