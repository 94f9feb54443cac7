import * as vscode from 'vscode';
import { eachAlone } from '../core/eachAlone.ts';
import { messageOf, UserError } from '../core/errors.ts';
import type { Orchestrator, TrainingRequest, WatchedRun } from '../orchestrator.ts';
import type { Run, RunStatus } from '../runs/run.ts';
import type { Log } from './log.ts';
import type { Projects } from './projects.ts';
import { type RunRef, titleOf } from './runRef.ts';
import type { RunWatches } from './runWatches.ts';
import type { Sessions } from './sessions.ts';
import { mention, withProgress } from './work.ts';

/** A run that was started or taken up; `ended` rejects when nobody can follow it any more. */
export interface Started {
  readonly run: string;
  readonly ended: Promise<WatchedRun>;
}

/** Starting, stopping and taking up runs. */
export class Training {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly watches: RunWatches,
    private readonly log: Log,
  ) {}

  /** Starts a run and follows it; comes back when it has started. */
  async train({ stage, ...asked }: Omit<TrainingRequest, 'stage'> & { readonly stage?: string } = {}): Promise<Started> {
    const root = await this.projects.choose();
    const orchestrator = await this.sessions.get(root);
    const request: TrainingRequest = stage === undefined ? asked : { ...asked, stage: orchestrator.training.commandStage(stage) };
    return this.start(
      orchestrator,
      [request.model, request.command, request.stage].some((one) => one !== undefined)
        ? request
        : await chooseTraining(orchestrator, request),
    );
  }

  /** The same again, with what the pod has now. */
  async again(ref: RunRef | undefined): Promise<Started> {
    const last = ref ?? this.watches.last;
    if (!last) return this.train();
    return this.start(await this.sessions.get(last.root, last.pod), last.request);
  }

  /** On a certain pod: what a fix needs. */
  async on(root: string, pod: string, request: TrainingRequest): Promise<Started> {
    return this.start(await this.sessions.get(root, pod), request);
  }

  async stop(id?: string): Promise<string | undefined> {
    const { ref, orchestrator } = await this.chooseRunning(id);
    const stopped = await withProgress(`Stopping ${titleOf(ref)} on ${ref.pod}`, (work) =>
      orchestrator.training.stop(ref.id, { signal: work.signal }),
    );
    mention(`$(debug-stop) ${titleOf(ref)} ${stopped.status.kind === 'exited' ? 'stopped' : 'is gone'} on ${ref.pod}`);
    return ref.id;
  }

  /** Takes up any run of the project, from its first byte: of another window, a terminal, an agent, or before a reload. */
  async follow(id?: string): Promise<Started> {
    const view = id === undefined ? undefined : this.watches.view(id);
    const root = view?.ref.root ?? (await this.projects.choose());
    const orchestrator = await this.sessions.get(root, view?.ref.pod);
    const run = id === undefined ? await chooseRun(orchestrator) : await orchestrator.runs.get(id);
    const ref = view?.ref ?? refOf(run, orchestrator);
    const ended = this.watches.follow(run, ref, orchestrator, true);
    this.watches.view(ref.id)?.output.show();
    return { run: ref.id, ended };
  }

  /** Goes on with what this window followed when it was closed. Never disturbs: what cannot be reached is left. */
  async resume(refs: readonly RunRef[]): Promise<void> {
    await eachAlone(
      refs,
      async (ref) => {
        const orchestrator = await this.sessions.get(ref.root, ref.pod);
        const run = await orchestrator.runs.get(ref.id);
        void this.watches.follow(run, ref, orchestrator, true);
      },
      // A pod that is gone is no news to break into somebody's morning with: it stays a line in the log, and "Follow Run".
      (ref, error) => this.log.info(`Run ${ref.id} on ${ref.pod} is not followed: ${messageOf(error)}`),
    );
  }

  /** Follows a run that somebody else has just started, unless this window does already. Its output is there, but does not push itself forward. */
  async takeUp(id: string, root: string, pod: string): Promise<void> {
    if (this.watches.view(id)) return;
    const orchestrator = await this.sessions.get(root, pod);
    const run = await orchestrator.runs.get(id);
    const { pipeline } = run.manifest;
    if (pipeline !== undefined && this.watches.driven.has(pipeline)) return;
    // Meanwhile it may have turned out to be our own.
    if (!this.watches.view(id)) void this.watches.follow(run, refOf(run, orchestrator), orchestrator, false);
  }

  private async start(orchestrator: Orchestrator, request: TrainingRequest): Promise<Started> {
    const run = await withProgress(`Starting ${request.model ?? 'the command'} on ${orchestrator.pod.name}`, (work) =>
      orchestrator.training.start(request, work.signal),
    );
    const ref: RunRef = {
      id: run.manifest.id,
      root: orchestrator.project.root,
      pod: orchestrator.pod.name,
      model: run.manifest.model,
      request,
    };
    const ended = this.watches.follow(run, ref, orchestrator, false);
    this.watches.view(ref.id)?.output.show();
    return { run: ref.id, ended };
  }

  private async chooseRunning(id: string | undefined): Promise<{ readonly ref: RunRef; readonly orchestrator: Orchestrator }> {
    const known =
      this.watches.following.find(({ ref }) => ref.id === id) ??
      (id === undefined && this.watches.following.length === 1 ? this.watches.following[0] : undefined);
    if (known) return { ref: known.ref, orchestrator: await this.sessions.get(known.ref.root, known.ref.pod) };
    const orchestrator = await this.sessions.get(await this.projects.choose());
    if (id !== undefined) return { ref: refOf(await orchestrator.runs.get(id), orchestrator), orchestrator };
    const running = (await orchestrator.runs.list()).filter(({ status }) => status.kind === 'running');
    const [only] = running;
    if (!only) throw new UserError('run-unknown', `Nothing is running on ${orchestrator.pod.name}.`);
    const run = running.length === 1 ? only : await pickRun(running, 'RunPod: Stop which run?');
    return { ref: refOf(run, orchestrator), orchestrator };
  }
}

/** A run that somebody else started, as far as its manifest tells how to start it again. */
export function refOf({ manifest }: Run, orchestrator: Orchestrator): RunRef {
  const { id, model, command, device, seed, pipeline } = manifest;
  const same = {
    ...(model === null ? { command } : { model }),
    ...(device === null ? {} : { device }),
    ...(seed === null ? {} : { seed }),
  };
  return {
    id,
    root: orchestrator.project.root,
    pod: orchestrator.pod.name,
    model,
    request: same,
    ...(pipeline === undefined ? {} : { pipeline }),
  };
}

async function chooseTraining({ project }: Orchestrator, request: TrainingRequest): Promise<TrainingRequest> {
  const { models, command, device } = project.config.train;
  const ofModels = Object.entries(models).map(([label, model]) => ({
    label,
    description: model.device ?? device,
    detail: model.command ?? command,
    request: { model: label },
  }));
  // Pre-training, say: a stage that is one command.
  const ofStages = project.config.stages.flatMap((stage) =>
    stage.command === undefined
      ? []
      : [{ label: stage.name, description: `stage, ${stage.device ?? device}`, detail: stage.command, request: { stage } }],
  );
  const items = [...ofModels, ...ofStages];
  if (items.length > 0) {
    const chosen = await vscode.window.showQuickPick(items, { title: 'RunPod: Train Model', placeHolder: 'Which model?' });
    if (!chosen) throw new vscode.CancellationError();
    return { ...request, ...chosen.request };
  }
  if (command !== undefined && !command.includes('{model}')) return { ...request };
  const typed = await vscode.window.showInputBox(
    command === undefined
      ? {
          title: 'RunPod: Train',
          prompt: 'Training command, run in the project folder on the pod',
          placeHolder: 'python train.py',
          ignoreFocusOut: true,
        }
      : { title: 'RunPod: Train Model', prompt: `What {model} stands for in: ${command}`, ignoreFocusOut: true },
  );
  if (typed === undefined || typed.trim() === '') throw new vscode.CancellationError();
  return command === undefined ? { ...request, command: typed.trim() } : { ...request, model: typed.trim() };
}

async function chooseRun(orchestrator: Orchestrator): Promise<Run> {
  const runs = await withProgress(`Listing the runs on ${orchestrator.pod.name}`, (work) => orchestrator.runs.list(work.signal));
  if (runs.length === 0)
    throw new UserError(
      'run-unknown',
      `There are no runs of this project on ${orchestrator.pod.name} yet. Start one with "RunPod: Train Model".`,
      { details: { none: true } },
    );
  return pickRun(runs.toReversed(), 'RunPod: Follow Run');
}

async function pickRun(runs: readonly Run[], title: string): Promise<Run> {
  const items = runs.map((run) => ({
    label: `${iconOf(run.status)} ${run.manifest.model ?? 'command'}`,
    description: whenOf(run),
    detail: run.manifest.command,
    run,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: 'Newest first',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (!chosen) throw new vscode.CancellationError();
  return chosen.run;
}

function iconOf(status: RunStatus): string {
  if (status.kind === 'running') return '$(sync)';
  return status.kind === 'exited' && status.exitCode === 0 ? '$(check)' : '$(error)';
}

function whenOf({ manifest, status }: Run): string {
  const started = new Date(manifest.startedAt);
  const when = Number.isNaN(started.getTime()) ? manifest.id : started.toLocaleString();
  return `${when}, ${status.kind === 'exited' ? `exit code ${status.exitCode}` : status.kind}, by ${manifest.startedBy}`;
}
