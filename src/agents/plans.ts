import { resolve } from 'node:path';
import type { Operation, OperationContext } from '../operations/operation.ts';
import { bounded, count } from '../operations/text.ts';
import { chosenRun } from '../operations/training.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { expandPreset } from '../project/files.ts';
import { Home } from '../project/home.ts';
import { trainingCommand } from '../project/project.ts';

type Input = Readonly<Record<string, unknown>>;

interface Asked {
  readonly context: OperationContext;
  readonly orchestrator: Orchestrator;
  readonly input: Input;
  readonly signal: AbortSignal;
}

/** Lines of what a call would do: files, pod, command. No lines: it would only look. */
type Plan = (asked: Asked) => Promise<readonly string[]>;

const deploy: Plan = async ({ orchestrator, input, signal }) => {
  const preset = text(input['preset']);
  const files = preset === undefined ? list(input['files']) : await expandPreset(orchestrator.project, preset, signal);
  const chosen = input['changed'] === true ? await orchestrator.files.changed(signal) : files;
  const gone = input['delete'] === true ? await orchestrator.files.gone(signal) : [];
  return [
    ...deploying(orchestrator, chosen, input['force'] === true),
    ...(gone.length === 0 ? [] : [`Delete there ${count(gone.length, 'file')}:`, ...bounded(gone, 10, 'file')]),
  ];
};

const upload: Plan = async ({ orchestrator, input }) => [
  `Put ${text(input['local']) ?? ''} on pod ${orchestrator.pod.name}, as ${text(input['remote']) ?? `its place below ${orchestrator.remoteRoot}`}`,
];

const download: Plan = async ({ context, orchestrator, input }) => [
  `Fetch ${text(input['remote']) ?? ''} from pod ${orchestrator.pod.name} into ${resolve(context.projectRoot, text(input['local']) ?? '.')}`,
];

const results: Plan = async ({ context, orchestrator, input }) => [
  `Fetch the results of ${text(input['model']) ?? ''} from pod ${orchestrator.pod.name} into ${resolve(context.projectRoot, text(input['folder']) ?? '.')}`,
];

const exec: Plan = async ({ orchestrator, input }) => [
  `Run on pod ${orchestrator.pod.name}, in ${text(input['cwd']) ?? orchestrator.remoteRoot}:`,
  text(input['command']) ?? '',
];

const start: Plan = async ({ context, orchestrator, input }) => {
  const { entry } = await new Home(context.home).pod(orchestrator.pod.name);
  const { command } = trainingCommand(orchestrator.project, input, entry);
  return [`Start on pod ${orchestrator.pod.name}, in ${orchestrator.remoteRoot}:`, command];
};

const retry: Plan = async ({ orchestrator, input, signal }) => {
  const { manifest } = await chosenRun(orchestrator, text(input['run']), signal);
  const named = list(input['files']);
  const files = named.length > 0 ? named : await orchestrator.files.changed(signal);
  return [
    ...deploying(orchestrator, files, input['force'] === true),
    ...(input['check'] === false ? [] : ['Check there that they compile and import']),
    `Start run ${manifest.id} again${input['resume'] === false ? '' : ', from its newest checkpoint where runpod.json says how'}:`,
    manifest.command,
  ];
};

const fix: Plan = async ({ context, orchestrator, input }) => {
  const which = text(input['title']) ?? (typeof input['number'] === 'number' ? `number ${input['number']}` : undefined);
  if (which === undefined) return [];
  const run = text(input['run']) ?? 'the newest run';
  return [`Do what was offered for ${run} on pod ${orchestrator.pod.name}, here in ${context.projectRoot} or there:`, which];
};

const stop: Plan = async ({ orchestrator, input, signal }) => {
  const id = text(input['run']);
  const runs =
    id === undefined
      ? (await orchestrator.runs.list(signal)).filter(({ status }) => status.kind === 'running')
      : [await orchestrator.runs.get(id, signal)];
  return [`Stop on pod ${orchestrator.pod.name}:`, ...runs.map(({ manifest }) => `run ${manifest.id}: ${manifest.command}`)];
};

const repair: Plan = async ({ orchestrator, input }) => [
  `Repair on pod ${orchestrator.pod.name} what verify found (it may create an environment, install packages, deploy files):`,
  list(input['checks']).join(', ') || 'all that can be repaired',
];

/** By the operation's name; every one that agents are offered and that changes something is here. */
export const plans: Readonly<Record<string, Plan>> = { deploy, upload, download, results, exec, start, retry, fix, stop, repair };

/** What a call would do; opens the project, asks the pod where it must, changes nothing. */
export async function planOf(record: Operation, context: OperationContext, input: Input, signal: AbortSignal): Promise<readonly string[]> {
  const plan = plans[record.name];
  if (!plan) throw new Error(`${record.name} has no plan.`);
  const lines = await plan({ context, orchestrator: await context.orchestrator(), input, signal });
  return lines.filter((line) => line !== '');
}

function deploying({ pod, remoteRoot }: Orchestrator, files: readonly string[], force: boolean): string[] {
  if (files.length === 0) return [`Put nothing on pod ${pod.name}: it has everything already`];
  return [
    `Put ${count(files.length, 'file')} on pod ${pod.name}, below ${remoteRoot}${force ? ', also over copies that were changed there meanwhile' : ''}:`,
    ...bounded(files, 20, 'file'),
  ];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
