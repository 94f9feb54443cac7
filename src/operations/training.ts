import { z } from 'zod';
import { isUserError, UserError } from '../core/errors.ts';
import { firstSentence } from '../core/sentence.ts';
import type { LocatedFinding } from '../fixes/located.ts';
import type { Finding } from '../monitor/finding.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { type Run, statusWord } from '../runs/run.ts';
import { renderDeployed, deployed, transfer } from './deploy.ts';
import { findingSchema, findingSummary, locatedRecord, type MetricsRecord, metricsRecord, metricsSchema, metricsText } from './findings.ts';
import { fixLines, type FixRecord, fixRecords, fixSchema, numberedFixes } from './fixList.ts';
import { type Call, operation } from './operation.ts';
import { bytes, columns, count, duration } from './text.ts';

export const statusSchema = z.enum(['running', 'succeeded', 'failed', 'stopped', 'vanished']);

export const runSchema = z.object({
  id: z.string(),
  model: z.string().nullable(),
  command: z.string(),
  status: statusSchema,
  exitCode: z.int().nullable(),
  startedAt: z.string().describe('ISO 8601.'),
  startedBy: z.string(),
  logBytes: z.int(),
});

type RunRecord = z.output<typeof runSchema>;

export function runRecord({ manifest, status, logBytes }: Run): RunRecord {
  const { id, model, command, startedAt, startedBy } = manifest;
  return {
    id,
    model,
    command,
    status: statusWord(status),
    exitCode: status.kind === 'exited' ? status.exitCode : null,
    startedAt,
    startedBy,
    logBytes,
  };
}

const watchedSchema = z.object({
  run: z.string().describe('Id of the run.'),
  pod: z.string(),
  model: z.string().nullable(),
  command: z.string(),
  status: statusSchema,
  exitCode: z.int().nullable().describe('Null while it runs, and when it vanished.'),
  watching: z
    .enum(['to-the-end', 'interrupted', 'detached'])
    .describe('How long it was watched. An interrupted or detached run keeps going.'),
  findings: z.array(findingSchema),
  fixes: z.array(fixSchema).describe('What can be done; pass the number to `fix`. Empty while only part of the log was read.'),
  metrics: metricsSchema.nullable().describe('The last metrics printed.'),
  bytes: z.int().describe('Number of bytes of the log that were read.'),
  milliseconds: z.number(),
});

type Watched = z.output<typeof watchedSchema>;

export const train = operation({
  name: 'train',
  audience: 'people',
  title: 'Train',
  description:
    'Starts a training run on the pod that outlives this connection, and watches it: its output, metrics, and findings at the local line. With `detach` it returns the run id at once.',
  effect: 'write',
  input: z.object({
    model: z.string().min(1).optional().describe('A model of runpod.json.'),
    stage: z.string().min(1).optional().describe('A stage of runpod.json that is one command, e.g. pretrain.'),
    command: z.string().min(1).optional().describe("A command to run instead of runpod.json's."),
    device: z.string().min(1).optional().describe('cuda, cuda:1, cpu, ...'),
    seed: z.int().min(0).optional().describe('Random seed.'),
    encoder: z.string().min(1).optional().describe('Pre-trained encoder on the pod, below the remote root or absolute.'),
    deploy: z.boolean().default(false).describe('Deploy changed files first.'),
    detach: z.boolean().default(false).describe('Return the run id at once instead of watching.'),
    fetch: z
      .string()
      .min(1)
      .optional()
      .describe(
        'When it ends, download what it left into this local folder: results, or after a failure its log, configuration and last checkpoint.',
      ),
  }),
  output: watchedSchema,
  positional: ['model'],
  localPaths: ['fetch'],
  examples: [
    ['rpo train logreg --device cpu', 'train a model and watch it'],
    ['rpo train --stage pretrain --fetch results', 'pre-train, then fetch the encoder'],
    ['rpo train --command "python train.py --lr 1e-3"', 'any command, as a run'],
    ['rpo train logreg --deploy', 'send what changed, then train'],
  ],
  async handle(context, { deploy, detach, fetch, stage, ...asked }, call) {
    const orchestrator = await context.orchestrator();
    const request = stage === undefined ? asked : { ...asked, stage: orchestrator.training.commandStage(stage) };
    if (deploy) {
      call.progress({ message: 'comparing with the pod' });
      const report = await orchestrator.files.deployChanged(transfer(call, 'deploying'));
      call.emit({ kind: 'note', text: renderDeployed(deployed(orchestrator, report)) });
    }
    call.progress({ message: 'starting the run' });
    const startedAt = Date.now();
    const run = await orchestrator.training.start(request, call.signal);
    if (detach) return answer(orchestrator, run, { watching: 'detached', findings: [], fixes: [], metrics: null, bytes: 0, startedAt });
    call.emit({ kind: 'note', text: `Run ${run.manifest.id} on ${orchestrator.pod.name}: ${run.manifest.command}` });
    const watched = await watch(orchestrator, run, 0, call);
    if (fetch !== undefined && watched.watching === 'to-the-end') {
      const { files, folder, older, incomplete } = await orchestrator.results.ofRun(
        watched.run,
        fetch,
        transfer(call, 'fetching what it left'),
      );
      const own =
        stage !== undefined && watched.exitCode === 0 ? await orchestrator.results.ofStage(stage, fetch, { seed: request.seed }) : null;
      const number = files.length - older.length + (own?.files.length ?? 0);
      call.emit({ kind: 'note', text: `${count(number, 'file')} of the run in ${folder}.` });
      for (const path of older.slice(0, 5)) call.emit({ kind: 'note', text: `! ${path} is of before this run.` });
      for (const { path, why } of incomplete.slice(0, 5))
        call.emit({ kind: 'note', text: `! Not fetched, since it is not whole: ${path} (${why}).` });
    }
    return watched;
  },
  render: renderWatched,
  exitCode: watchedExitCode,
});

export const follow = operation({
  name: 'follow',
  audience: 'people',
  title: 'Follow a run',
  description:
    'Shows the output and findings of a run from its start (or a byte of its log) to its end, also of one that has ended or that someone else started.',
  effect: 'read',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    from: z.int().min(0).default(0).describe('First byte of the log.'),
  }),
  output: watchedSchema,
  positional: ['run'],
  examples: [['rpo follow', 'the newest run, from its start']],
  async handle(context, { run, from }, call) {
    const orchestrator = await context.orchestrator();
    return watch(orchestrator, await chosenRun(orchestrator, run, call.signal), from, call);
  },
  render: renderWatched,
  exitCode: watchedExitCode,
});

export const runs = operation({
  name: 'runs',
  tool: 'list_runs',
  title: 'List runs',
  description: 'Lists the runs of this project on the pod, newest first, no matter who started them.',
  effect: 'read',
  input: z.object({ limit: z.int().min(1).max(1000).default(20).describe('Maximum number of entries.') }),
  output: z.object({ pod: z.string(), runs: z.array(runSchema), total: z.int() }),
  async handle(context, { limit }, { signal }) {
    const orchestrator = await context.orchestrator();
    const all = await orchestrator.runs.list(signal);
    return { pod: orchestrator.pod.name, runs: all.slice(-limit).reverse().map(runRecord), total: all.length };
  },
  render({ pod, runs, total }) {
    if (total === 0) return `No runs on ${pod} yet. Start one with \`rpo train MODEL\`.`;
    const rows = runs.map((run) => [
      run.id,
      run.status + (run.status === 'failed' ? ` (${run.exitCode})` : ''),
      run.startedAt.slice(0, 16).replace('T', ' ') + ' UTC',
      `log ${bytes(run.logBytes)}`,
      shorten(run.command, 60),
    ]);
    return [
      ...columns(rows),
      ...(total > runs.length ? [`... and ${count(total - runs.length, 'older run')}; --limit shows more.`] : []),
    ].join('\n');
  },
});

export const stop = operation({
  name: 'stop',
  tool: 'stop_run',
  title: 'Stop a run',
  description: 'Ends a run: SIGINT, so that it can save a checkpoint, then SIGTERM, then SIGKILL, each after a wait.',
  effect: 'destroy',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the one that is running.'),
    interruptSeconds: z.number().min(0).max(3600).default(15).describe('Seconds to wait after SIGINT.'),
    terminateSeconds: z.number().min(0).max(3600).default(10).describe('Seconds to wait after SIGTERM.'),
  }),
  output: runSchema.extend({
    lastSignal: z.enum(['INT', 'TERM', 'KILL']).nullable().describe('The last signal that was needed; null when it had ended already.'),
  }),
  positional: ['run'],
  async handle(context, { run, interruptSeconds, terminateSeconds }, { signal, progress }) {
    const orchestrator = await context.orchestrator();
    const id = run ?? (await onlyRunning(orchestrator, signal)).manifest.id;
    progress({ message: `stopping ${id}` });
    const stopped = await orchestrator.runs.stop(id, { interruptSeconds, terminateSeconds, signal });
    return { ...runRecord(stopped.run), lastSignal: stopped.lastSignal };
  },
  render({ id, status, exitCode, lastSignal }) {
    return lastSignal === null
      ? `Run ${id} had ended already (${status}${exitCode === null ? '' : `, exit code ${exitCode}`}).`
      : `Run ${id} was stopped with SIG${lastSignal}${exitCode === null ? '' : ` (exit code ${exitCode})`}. What it printed: \`rpo follow ${id}\`.`;
  },
});

/** Streams a run to whoever called; an abort ends the watching, never the run. */
export async function watch(orchestrator: Orchestrator, run: Run, from: number, call: Call): Promise<Watched> {
  const { id } = run.manifest;
  const startedAt = Date.now();
  const findings = new Map<Finding, LocatedFinding>();
  let metrics: MetricsRecord | null = null;
  try {
    const watched = await orchestrator.training.watch(id, {
      from,
      signal: call.signal,
      onEvent: (event) => {
        switch (event.kind) {
          case 'output':
            return call.emit({ kind: 'output', stream: 'stdout', text: event.text });
          case 'metrics': {
            const { kind: _, ...line } = event;
            metrics = metricsRecord(line);
            return call.emit({ kind: 'metrics', ...line });
          }
          case 'finding':
            if (event.amends) findings.delete(event.amends);
            findings.set(event.located.finding, event.located);
            return call.emit({ kind: 'finding', located: event.located, ...(event.amends ? { amends: true } : {}) });
          case 'interrupted':
            return call.emit({
              kind: 'note',
              text: `${firstSentence(event.message)} The run keeps going; reconnecting in ${duration(event.delayMs)}.`,
            });
          case 'line':
            return;
        }
      },
    });
    return answer(orchestrator, watched.run, {
      watching: 'to-the-end',
      findings: watched.located,
      fixes: from === 0 ? await fixRecords(orchestrator, watched.run.manifest, await numberedFixes(watched.located)) : [],
      metrics,
      bytes: watched.bytes,
      startedAt,
    });
  } catch (error) {
    if (!call.signal.aborted || !isUserError(error, 'cancelled')) throw error;
    return answer(orchestrator, run, {
      watching: 'interrupted',
      findings: [...findings.values()],
      fixes: [],
      metrics,
      bytes: from,
      startedAt,
    });
  }
}

interface Seen {
  readonly watching: Watched['watching'];
  readonly findings: readonly LocatedFinding[];
  readonly fixes: readonly FixRecord[];
  readonly metrics: MetricsRecord | null;
  readonly bytes: number;
  readonly startedAt: number;
}

function answer(orchestrator: Orchestrator, run: Run, { watching, findings, fixes, metrics, bytes, startedAt }: Seen): Watched {
  const { id, model, command, status, exitCode } = runRecord(run);
  return {
    run: id,
    pod: orchestrator.pod.name,
    model,
    command,
    status,
    exitCode,
    watching,
    findings: findings.map(locatedRecord),
    fixes: [...fixes],
    metrics,
    bytes,
    milliseconds: Date.now() - startedAt,
  };
}

function renderWatched(watched: Watched, { eventsShown }: { readonly eventsShown: boolean }): string {
  const { run, status, exitCode, findings, fixes, metrics, watching, milliseconds } = watched;
  if (watching === 'detached')
    return `Run ${run} started on ${watched.pod}: ${watched.command}\nFollow it with \`rpo follow ${run}\`, end it with \`rpo stop ${run}\`.`;
  const shown = eventsShown ? [] : findings.slice(0, 10).map((finding) => findingSummary(finding));
  if (watching === 'interrupted' && status === 'running') {
    return [...shown, `Stopped watching; run ${run} keeps going: \`rpo follow ${run}\` shows it again, \`rpo stop ${run}\` ends it.`].join(
      '\n',
    );
  }
  const last = metrics === null ? '' : ` Last metrics: ${shorten(metricsText(metrics), 200)}.`;
  const end = `Run ${run} ${status}${exitCode === null ? '' : ` with exit code ${exitCode}`} (watched for ${duration(milliseconds)}).${last}`;
  return [...shown, `${end} ${nextStep(watched)}`.trimEnd(), ...(status === 'succeeded' ? [] : fixLines(fixes, eventsShown ? 10 : 4))].join(
    '\n',
  );
}

/** What to do after a run has ended, in a sentence or none; the fixes it speaks of stand below it. */
function nextStep({ run, model, status, findings, fixes }: Watched): string {
  if (status === 'succeeded') return model === null ? '' : `Fetch what it left with \`rpo results ${model}\`.`;
  const gone = 'Its process is gone without an exit code: the pod was restarted, or the system ended it (out of memory, say). ';
  return (
    (status === 'vanished' ? gone : '') +
    (fixes.length > 0
      ? `What can be done; \`rpo fix ${run} NUMBER\` does it:`
      : findings.some(({ actions = [] }) => actions.length > 0)
        ? `\`rpo fix ${run}\` lists what can be done.`
        : status === 'failed'
          ? 'Fix the cause, `rpo deploy` the files, and train again.'
          : '')
  );
}

function watchedExitCode({ watching, status, exitCode }: Watched): number {
  if (watching === 'detached') return 0;
  if (watching === 'interrupted') return 130;
  return exitCode ?? (status === 'succeeded' ? 0 : 1);
}

/** The run with this id, or the newest. */
export async function chosenRun(orchestrator: Orchestrator, id: string | undefined, signal: AbortSignal): Promise<Run> {
  if (id !== undefined) return orchestrator.runs.get(id, signal);
  const newest = (await orchestrator.runs.list(signal)).at(-1);
  if (!newest) throw new UserError('run-unknown', `There are no runs on ${orchestrator.pod.name} yet. Start one with \`rpo train MODEL\`.`);
  return newest;
}

async function onlyRunning(orchestrator: Orchestrator, signal: AbortSignal): Promise<Run> {
  const running = (await orchestrator.runs.list(signal)).filter((run) => run.status.kind === 'running');
  const [first, ...others] = running;
  if (!first) throw new UserError('run-unknown', `Nothing is running on ${orchestrator.pod.name}. \`rpo runs\` lists what ran.`);
  if (others.length > 0)
    throw new UserError(
      'bad-argument',
      `Several runs are going on: ${running.map((run) => run.manifest.id).join(', ')}. Name the one to stop.`,
    );
  return first;
}

function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, limit - 3) + '...';
}
