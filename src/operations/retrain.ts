import { z } from 'zod';
import { isUserError, UserError } from '../core/errors.ts';
import { firstSentence } from '../core/sentence.ts';
import type { Orchestrator, RetrainOptions } from '../orchestrator.ts';
import type { PipelineView } from '../pipeline/pipeline.ts';
import { deployed, renderDeployed, transfer } from './deploy.ts';
import { type Call, operation } from './operation.ts';
import { columns, count, duration, fitting } from './text.ts';

const stateSchema = z.enum(['waiting', 'running', 'fetching', 'succeeded', 'failed', 'left-out']);

const jobSchema = z.object({
  key: z.string(),
  label: z.string().describe('Model, or the stage.'),
  state: stateSchema,
  run: z.string().nullable(),
  seconds: z.number().nullable(),
  accuracy: z.number().nullable().describe('0 to 1; null without labels.'),
  summary: z.string(),
  hints: z.array(z.string()).describe('What may have made its predictions collapse.'),
});

const pipelineSchema = z.object({
  id: z.string(),
  state: z.enum(['running', 'succeeded', 'failed']),
  startedAt: z.string().describe('ISO 8601.'),
  rounds: z.int().describe('How often what had not succeeded was tried.'),
  stages: z.array(z.object({ name: z.string(), state: stateSchema, jobs: z.array(jobSchema) })),
});

type Pipeline = z.output<typeof pipelineSchema>;

const marks: Readonly<Record<z.output<typeof stateSchema>, string>> = {
  waiting: '·',
  running: '›',
  fetching: '›',
  succeeded: '✓',
  failed: '✗',
  'left-out': '-',
};

export const retrain = operation({
  name: 'retrain',
  audience: 'people',
  title: 'Retrain pipeline',
  description:
    'Deploys, then trains the stages of runpod.json in the order of what they need; fetches and validates what each leaves, looks into collapsed predictions, and sums up. Interrupted at any point, it goes on with --resume: nothing is trained twice.',
  effect: 'write',
  input: z.object({
    models: z.array(z.string().min(1)).default([]).describe('Only these, and what they need; several with commas or blanks. Default: all.'),
    stages: z.array(z.string().min(1)).default([]).describe('Exactly these stages, without what they need.'),
    deploy: z.string().min(1).default('changed').describe('What is deployed first: changed, none, or a preset of runpod.json.'),
    continue: z.boolean().default(false).describe('After a failure, go on with what does not need it.'),
    resume: z.string().min(1).optional().describe('Go on with the pipeline of this id, or with the last one.'),
    device: z.string().min(1).optional().describe('For all commands that have a place for one.'),
    seed: z.int().min(0).optional().describe('For all commands that have a place for one.'),
    folder: z.string().min(1).default('results').describe('Local folder for what is fetched.'),
  }),
  output: pipelineSchema,
  localPaths: ['folder'],
  examples: [
    ['rpo retrain --models logreg,rf,xgb,simple_lstm,cnn_transformer', 'these models, and the stack of them'],
    ['rpo retrain --deploy encoder-fixes', 'send a preset, then train everything'],
    ['rpo retrain --resume last', 'from the first stage that did not succeed'],
  ],
  async handle(context, { models, stages, deploy, resume, folder, ...input }, call) {
    const orchestrator = await context.orchestrator();
    const split = (names: readonly string[]) => names.flatMap((name) => name.split(',')).filter((name) => name !== '');
    if (resume !== undefined) refuseSettled({ models, stages, ...input });
    await deployFirst(orchestrator, deploy, call);
    const options: RetrainOptions = { folder, signal: call.signal, ...teller(call) };
    let latest: PipelineView | undefined;
    const onChange = (view: PipelineView) => {
      options.onChange?.(view);
      latest = view;
    };
    try {
      const view =
        resume !== undefined
          ? await orchestrator.pipelines.resume(resume === 'last' ? undefined : resume, { ...options, onChange })
          : await orchestrator.pipelines.retrain({
              ...options,
              ...(models.length > 0 ? { models: split(models) } : {}),
              ...(stages.length > 0 ? { stages: split(stages) } : {}),
              ...(input.device === undefined ? {} : { device: input.device }),
              ...(input.seed === undefined ? {} : { seed: input.seed }),
              onFailure: input.continue ? 'continue' : 'stop',
              onChange,
            });
      return record(view);
    } catch (error) {
      if (latest === undefined || !isUserError(error)) throw error;
      // The run that goes on, and where the pipeline stands, are an answer.
      if (error.reason === 'cancelled') return record(latest);
      call.emit({ kind: 'note', text: renderPipeline(record(latest)) });
      throw new UserError(
        error.reason,
        `${error.message} What has succeeded is not trained again: \`rpo retrain --resume ${latest.id}\` goes on when that is mended.`,
        { cause: error, details: error.details },
      );
    }
  },
  render: renderPipeline,
  exitCode: ({ state }) => (state === 'succeeded' ? 0 : state === 'failed' ? 1 : 130),
});

export const pipelines = operation({
  name: 'pipelines',
  audience: 'people',
  title: 'List pipelines',
  description: 'Lists the retraining pipelines of the project on the pod, newest first.',
  effect: 'read',
  input: z.object({ limit: z.int().min(1).max(1000).default(20).describe('Maximum number of entries.') }),
  output: z.object({
    pod: z.string(),
    pipelines: z.array(
      z.object({
        id: z.string(),
        state: z.enum(['running', 'succeeded', 'failed']).describe('As its runs tell it; failed: not at its end, and nothing of it runs.'),
        startedAt: z.string(),
        startedBy: z.string(),
        rounds: z.int(),
        stages: z.array(z.string()),
      }),
    ),
  }),
  async handle(context, { limit }, { signal }) {
    const orchestrator = await context.orchestrator();
    const all = (await orchestrator.pipelines.look(signal)).slice(-limit).reverse();
    return {
      pod: orchestrator.pod.name,
      pipelines: all.map(({ stored: { plan, rounds }, view: { state } }) => {
        const { id, startedAt, startedBy, stages } = plan;
        return { id, state, startedAt, startedBy, rounds: rounds.length, stages: stages.map(({ name }) => name) };
      }),
    };
  },
  render({ pod, pipelines: all }) {
    if (all.length === 0) return `No pipelines on ${pod} yet. Start one with \`rpo retrain\`.`;
    return fitting(
      columns(
        all.map(({ id, state, startedBy, rounds, stages }) => [id, state, count(rounds, 'round'), `by ${startedBy}`, stages.join(', ')]),
      ),
    );
  },
});

/** @throws UserError 'bad-argument' for what would silently not be used */
function refuseSettled(input: {
  readonly models: readonly string[];
  readonly stages: readonly string[];
  readonly device?: string;
  readonly seed?: number;
  readonly continue: boolean;
}): void {
  const given = [
    ...(input.models.length > 0 ? ['--models'] : []),
    ...(input.stages.length > 0 ? ['--stages'] : []),
    ...(input.device === undefined ? [] : ['--device']),
    ...(input.seed === undefined ? [] : ['--seed']),
    ...(input.continue ? ['--continue'] : []),
  ];
  if (given.length === 0) return;
  throw new UserError(
    'bad-argument',
    `What a pipeline trains, and how, was settled when it was started. Leave out ${given.join(', ')}, or --resume.`,
  );
}

async function deployFirst(orchestrator: Orchestrator, what: string, call: Call): Promise<void> {
  if (what === 'none') return;
  call.progress({ message: 'deploying' });
  const options = transfer(call, 'deploying');
  const report =
    what === 'changed' ? await orchestrator.files.deployChanged(options) : await orchestrator.files.deployPreset(what, options);
  call.emit({ kind: 'note', text: renderDeployed(deployed(orchestrator, report)) });
}

/** Tells each job when it begins and ends, and between that its output and findings. */
function teller(call: Call): Pick<RetrainOptions, 'onChange' | 'onRunEvent'> {
  const told = new Map<string, string>();
  return {
    onChange: ({ id, stages }) => {
      if (told.size === 0) call.emit({ kind: 'note', text: `Pipeline ${id}` });
      for (const { key, label, state, run, summary } of stages.flatMap(({ jobs }) => jobs)) {
        if (told.get(key) === state) continue;
        told.set(key, state);
        if (state === 'running') call.emit({ kind: 'note', text: `${label}: run ${run ?? ''}` });
        if (state === 'fetching') call.progress({ message: `fetching what ${label} left` });
        if (state === 'succeeded' || state === 'failed')
          call.emit({ kind: 'note', text: `${label} ${state}${summary === '' ? '' : `: ${summary}`}` });
      }
    },
    onRunEvent: (_job, event) => {
      if (event.kind === 'output') call.emit({ kind: 'output', stream: 'stdout', text: event.text });
      if (event.kind === 'finding') call.emit({ kind: 'finding', located: event.located, ...(event.amends ? { amends: true } : {}) });
      if (event.kind === 'interrupted')
        call.emit({
          kind: 'note',
          text: `${firstSentence(event.message)} The run keeps going; reconnecting in ${duration(event.delayMs)}.`,
        });
    },
  };
}

function record(view: PipelineView): Pipeline {
  const stages = view.stages.map((stage) => ({ ...stage, jobs: stage.jobs.map((job) => ({ ...job, hints: [...job.hints] })) }));
  return { ...view, stages };
}

function renderPipeline({ id, state, rounds, stages }: Pipeline): string {
  const jobs = stages.flatMap((stage) => stage.jobs.map((job) => ({ stage, job })));
  const table = columns([
    ['  stage', 'model', 'time', 'accuracy', ''],
    ...jobs.map(({ stage, job }) => [
      `${marks[job.state]} ${stage.name}`,
      job.label,
      job.seconds === null ? '' : duration(job.seconds * 1000),
      job.accuracy === null ? '' : `${(100 * job.accuracy).toFixed(1)}%`,
      job.state === 'succeeded' || job.state === 'failed'
        ? job.summary.slice(0, 200)
        : `${job.state.replace('-', ' ')}${job.summary === '' ? '' : `: ${job.summary}`}`,
    ]),
  ]);
  const [head = '', ...rows] = table;
  const lines = jobs.flatMap(({ job }, i) => [rows[i] ?? '', ...job.hints.slice(0, 5).map((hint) => `    ${hint.slice(0, 300)}`)]);
  const seconds = jobs.reduce((sum, { job }) => sum + (job.seconds ?? 0), 0);
  const tries = rounds > 1 ? `, ${count(rounds, 'round')}` : '';
  const end = {
    succeeded: `Pipeline ${id} succeeded (${duration(seconds * 1000)} of training${tries}).`,
    failed: `Pipeline ${id} failed. Fix the cause; \`rpo retrain --resume ${id}\` deploys the fix and goes on from there.`,
    running: `Pipeline ${id} is not at its end; what runs goes on. \`rpo retrain --resume ${id}\` takes it up again.`,
  }[state];
  return `${fitting([head, ...lines], 6_500)}\n${end}`;
}
