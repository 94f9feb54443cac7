import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { operation, type OperationContext } from './operation.ts';
import { bounded, count } from './text.ts';

const gpuSchema = z.object({
  index: z.int(),
  name: z.string(),
  usePercent: z.number().nullable(),
  memoryUsedMiB: z.number().nullable(),
  memoryMiB: z.number().nullable(),
  celsius: z.number().nullable(),
});

const processSchema = z.object({
  pid: z.int(),
  program: z.string(),
  memory: z.string(),
  ours: z.boolean().describe('False: a process of another container, whose pid means nothing here.'),
  run: z.string().nullable().describe('The run of this project that it belongs to.'),
});

export const gpu = operation({
  name: 'gpu',
  tool: 'gpu_status',
  title: 'GPU status',
  description: 'Whether anything is training on the pod: runs that go on, and of each GPU its use, memory, temperature and processes.',
  effect: 'read',
  input: z.object({}),
  output: z.object({
    pod: z.string(),
    gpus: z.array(gpuSchema),
    problem: z.string().nullable().describe('Why no GPU is listed, and what to do.'),
    processes: z.array(processSchema),
    running: z.array(z.string()).describe('Ids of the runs of this project that are still going.'),
  }),
  async handle(context, _input, { signal }) {
    const orchestrator = await context.orchestrator();
    const { gpus, processes, problem, running } = await orchestrator.checkTrainingStatus(signal);
    const runOf = (session: number | null) =>
      running.find(({ status }) => status.kind === 'running' && status.pid === session)?.manifest.id ?? null;
    return {
      pod: orchestrator.pod.name,
      gpus: gpus.map((one) => ({ ...one })),
      problem,
      processes: processes.map(({ pid, program, memory, session }) => ({
        pid,
        program,
        memory,
        ours: session !== null,
        run: runOf(session),
      })),
      running: running.map(({ manifest }) => manifest.id),
    };
  },
  render({ pod, gpus, problem, processes, running }) {
    const lines = gpus.map(
      (one) =>
        `GPU ${one.index} ${one.name}: ${shown(one.usePercent)} % used, ${shown(one.memoryUsedMiB)} of ${shown(one.memoryMiB)} MiB, ${shown(one.celsius)} °C`,
    );
    const foreign = processes.some(({ ours, run }) => ours && run === null);
    return [
      ...(problem === null ? bounded(lines, 16, 'GPU') : [`${pod}: ${problem}`]),
      ...bounded(processes.map(processLine), 20, 'process'),
      ...(foreign ? ['`rpo gpu kill PID` ends one that is of no run.'] : []),
      running.length > 0
        ? `${count(running.length, 'run')} going on: ${bounded(running, 10, 'run').join(', ')}.`
        : 'No run of this project is going on.',
    ].join('\n');
  },
  exitCode: ({ problem }) => (problem === null ? 0 : 1),
});

export const gpuKill = operation({
  name: 'gpu kill',
  audience: 'people',
  title: 'End a process on the GPU',
  description:
    'Ends one process that nvidia-smi reports on a GPU of the pod, after asking: SIGTERM, then SIGKILL. For a run of this project use `stop`, which lets it save first.',
  effect: 'destroy',
  input: z.object({
    pid: z.int().min(2).describe('Its number, as `rpo gpu` shows it.'),
    wait: z.number().min(0).max(600).default(10).describe('Seconds to wait after each signal.'),
    yes: z.boolean().default(false).describe('Do not ask.'),
  }),
  output: z.object({
    pod: z.string(),
    pid: z.int(),
    program: z.string(),
    signal: z.enum(['TERM', 'KILL']).nullable().describe('The signal that it took; null: it was left alone.'),
  }),
  positional: ['pid'],
  examples: [['rpo gpu kill 4242', 'asks, then ends it']],
  async handle(context, { pid, wait, yes }, call) {
    const orchestrator = await context.orchestrator();
    const pod = orchestrator.pod.name;
    const { processes, running } = await orchestrator.checkTrainingStatus(call.signal);
    const found = processes.find((one) => one.pid === pid);
    if (!found) {
      const known =
        processes.length === 0 ? 'It reports none.' : `It reports ${processes.map((one) => `${one.pid} (${one.program})`).join(', ')}.`;
      throw new UserError('bad-argument', `nvidia-smi reports no process ${pid} on a GPU of ${pod}. ${known}`);
    }
    const run = running.find(({ status }) => status.kind === 'running' && status.pid === found.session);
    if (run)
      throw new UserError(
        'bad-argument',
        `Process ${pid} belongs to the run ${run.manifest.id}. End that with \`rpo stop ${run.manifest.id}\`: it may save a checkpoint first.`,
      );
    const question = `End process ${pid} (${found.program}, ${found.memory}) on ${pod}? What it has not saved is lost.`;
    if (!yes && !(await confirmed(context, question))) return { pod, pid, program: found.program, signal: null };
    call.progress({ message: `ending process ${pid}` });
    const signal = await orchestrator.environment.killGpuProcess(pid, { waitSeconds: wait, signal: call.signal });
    return { pod, pid, program: found.program, signal };
  },
  render: ({ pod, pid, program, signal }) =>
    signal === null
      ? `Process ${pid} (${program}) on ${pod} was left alone.`
      : `Process ${pid} (${program}) on ${pod} ended by SIG${signal}.`,
  exitCode: ({ signal }) => (signal === null ? 1 : 0),
});

/** @throws UserError 'bad-argument' where nobody can be asked */
async function confirmed({ confirm }: OperationContext, question: string): Promise<boolean> {
  if (confirm) return confirm(question);
  throw new UserError('bad-argument', `${question} Nobody can be asked here: say so with --yes.`);
}

function processLine({ pid, program, memory, ours, run }: z.output<typeof processSchema>): string {
  const whose = run !== null ? `, run ${run}` : ours ? '' : ', not of this container';
  return `  ${pid}  ${program.slice(0, 150)}, ${memory}${whose}`;
}

function shown(value: number | null): string {
  return value === null ? '?' : String(value);
}
