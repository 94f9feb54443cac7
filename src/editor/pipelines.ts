import { isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { messageOf, UserError } from '../core/errors.ts';
import { commands } from '../manifest.ts';
import type { Orchestrator, RetrainOptions } from '../orchestrator.ts';
import type { PipelineView } from '../pipeline/pipeline.ts';
import type { Log } from './log.ts';
import type { PipelineTree } from './pipelineTree.ts';
import type { Projects } from './projects.ts';
import type { ResultProblems } from './resultProblems.ts';
import type { RunRef } from './runRef.ts';
import type { RunWatches } from './runWatches.ts';
import type { Sessions } from './sessions.ts';
import { refOf } from './training.ts';
import { readSetting } from './typed.ts';
import { forEditor } from './words.ts';
import { withProgress } from './work.ts';

/** Training all stages, in a tree that shows where it stands. */
export class Pipelines implements Disposable {
  private readonly store = new DisposableStore();
  /** Runs of others' pipelines that the tree knows of. */
  private readonly seen = new Set<string>();

  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly watches: RunWatches,
    private readonly tree: PipelineTree,
    private readonly problems: ResultProblems,
    private readonly log: Log,
  ) {
    this.store.add(tree.onDidOpen(() => void this.look()));
    // A terminal that drives a pipeline starts and ends its runs; nothing else of it is to be seen from here.
    const ofOthers = ({ pipeline }: RunRef) => pipeline !== undefined && !watches.driven.has(pipeline) && tree.isVisible;
    this.store.add(
      watches.onDidChange(({ ref }) => {
        if (!ofOthers(ref) || this.seen.has(ref.id)) return;
        this.seen.add(ref.id);
        void this.look();
      }),
    );
    this.store.add(watches.onDidEnd(({ ref }) => void (ofOthers(ref) && this.look())));
  }

  dispose(): void {
    this.store.dispose();
  }

  /** Deploys what changed, then trains; comes back at its end. What is left out is asked for, unless it is clear from the rest. */
  async retrain(
    options: {
      readonly models?: readonly string[];
      readonly stages?: readonly string[];
      readonly device?: string;
      readonly onFailure?: 'stop' | 'continue';
    } = {},
  ): Promise<PipelineView | undefined> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    const { device, ...given } = options;
    const isClear = given.models !== undefined || given.stages !== undefined;
    const chosen = isClear ? given : { ...(await chooseWhat(orchestrator)), onFailure: given.onFailure ?? (await chooseOnFailure()) };
    await withProgress(`Deploying to ${orchestrator.pod.name}`, (work) => orchestrator.files.deployChanged({ signal: work.signal }));
    return this.drive(orchestrator, (how) =>
      orchestrator.pipelines.retrain({ ...how, ...chosen, ...(device === undefined ? {} : { device }) }),
    );
  }

  /** The last pipeline, or that one, from the first stage that has not succeeded. */
  async resume({ pipeline }: { readonly pipeline?: string } = {}): Promise<PipelineView> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    await withProgress(`Deploying to ${orchestrator.pod.name}`, (work) => orchestrator.files.deployChanged({ signal: work.signal }));
    return this.drive(orchestrator, (options) => orchestrator.pipelines.resume(pipeline, options));
  }

  /** Shows the pipelines that the pod knows, whoever started them. */
  async refresh(): Promise<readonly PipelineView[]> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    return withProgress(`Listing the pipelines on ${orchestrator.pod.name}`, (work) => this.show(orchestrator, work.signal));
  }

  /** The same when nobody asked for it: where it is clear which project and pod are meant, and what goes wrong is told in the log. */
  private async look(): Promise<void> {
    if (!vscode.workspace.isTrusted) return;
    try {
      const [root, ...others] = await this.projects.roots();
      const { Home } = await import('../project/home.ts');
      const { pods, selected } = await new Home().readPods();
      const names = Object.keys(pods);
      const pod = selected ?? (names.length === 1 ? names[0] : undefined);
      if (root === undefined || others.length > 0 || pod === undefined) return;
      await this.show(await this.sessions.get(root, pod), undefined);
    } catch (error) {
      this.log.info(`the pipelines cannot be listed: ${messageOf(error)}`);
    }
  }

  private async show(orchestrator: Orchestrator, signal: AbortSignal | undefined): Promise<readonly PipelineView[]> {
    const views = (await orchestrator.pipelines.look(signal)).map(({ view }) => view);
    this.tree.showAll(views, orchestrator.pod.name, this.watches.driven);
    return views;
  }

  private async drive(orchestrator: Orchestrator, run: (options: RetrainOptions) => Promise<PipelineView>): Promise<PipelineView> {
    const { root } = orchestrator.project;
    const folder = readSetting('runpod.downloads.folder', vscode.Uri.file(root));
    const hold = this.sessions.hold(orchestrator);
    let id: string | undefined;
    await this.tree.reveal();
    const view = await withProgress(`Retraining on ${orchestrator.pod.name}`, (work) =>
      run({
        folder: isAbsolute(folder) ? folder : join(root, folder),
        signal: work.signal,
        onChange: (view) => {
          this.watches.driven.add((id = view.id));
          this.tree.show(view, orchestrator.pod.name);
          const jobs = view.stages.flatMap((stage) => stage.jobs);
          const now = jobs.find(({ state }) => state === 'running' || state === 'fetching');
          if (now) work.report(now.label, jobs.filter(({ state }) => state === 'succeeded').length / jobs.length);
        },
        onJudged: (_job, { verdicts }) => {
          for (const { localPath, verdict } of verdicts) this.problems.show(localPath, verdict);
        },
        watch: (run, onEvent) => this.watch(orchestrator, run, onEvent, work.signal),
      }),
    ).finally(() => {
      if (id !== undefined) this.watches.driven.delete(id);
      hold.dispose();
    });
    void announce(view);
    return view;
  }

  /** In this window's own way, with output, Problems and status bar; cancelling ends the waiting and not the run. */
  private async watch(
    orchestrator: Orchestrator,
    id: string,
    onEvent: Parameters<NonNullable<RetrainOptions['watch']>>[1],
    signal: AbortSignal,
  ) {
    const run = await orchestrator.runs.get(id, signal);
    const cancelled = new Promise<never>((_, reject) => {
      const onAbort = () =>
        reject(new UserError('cancelled', 'Stopped watching; the current run continues. "RunPod: Resume Pipeline" takes it up again.'));
      signal.addEventListener('abort', onAbort, { once: true });
    });
    return Promise.race([
      this.watches.follow(run, refOf(run, orchestrator), orchestrator, run.status.kind !== 'running', onEvent),
      cancelled,
    ]);
  }
}

/** Everything is the first answer; models and stages one by one are for whoever wants them. */
async function chooseWhat({
  project,
}: Orchestrator): Promise<{ readonly models?: readonly string[]; readonly stages?: readonly string[] }> {
  const { stages } = project.config;
  const models = [...new Set(stages.flatMap((stage) => stage.models ?? []))];
  // What is wrong with a project without stages is told by the planning.
  if (stages.length === 0) return {};
  const title = 'RunPod: Retrain Pipeline';
  const kinds = [
    { label: 'Everything', description: stages.map(({ name }) => name).join(', '), only: 'all' as const },
    { label: 'Some Models…', description: 'and what they need', only: 'models' as const },
    { label: 'Some Stages…', description: 'exactly these', only: 'stages' as const },
  ];
  const what = await vscode.window.showQuickPick(kinds, { title, placeHolder: 'What is to be trained?' });
  if (!what) throw new vscode.CancellationError();
  if (what.only === 'all') return {};
  const labels = what.only === 'models' ? models : stages.map(({ name }) => name);
  const items = labels.map((label) => ({ label, picked: true }));
  const placeHolder = what.only === 'models' ? 'Which models? What they need is trained too' : 'Which stages? Only these are trained';
  const chosen = await vscode.window.showQuickPick(items, { title, placeHolder, canPickMany: true });
  if (!chosen || chosen.length === 0) throw new vscode.CancellationError();
  return { [what.only]: chosen.map(({ label }) => label) };
}

async function chooseOnFailure(): Promise<'stop' | 'continue'> {
  const items = [
    { label: 'Stop at the First Failure', description: 'resume when it is fixed', onFailure: 'stop' as const },
    { label: 'Continue After a Failure', description: 'with what does not need it', onFailure: 'continue' as const },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: 'RunPod: Retrain Pipeline', placeHolder: 'And if a stage fails?' });
  if (!chosen) throw new vscode.CancellationError();
  return chosen.onFailure;
}

async function announce({ id, state, stages }: PipelineView): Promise<void> {
  const jobs = stages.flatMap((stage) => stage.jobs);
  const failed = jobs.find((job) => job.state === 'failed');
  if (state === 'succeeded' || failed === undefined) {
    const best = jobs.filter(({ accuracy }) => accuracy !== null).sort((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0))[0];
    const words = best ? ` Best: ${best.label} with ${(100 * (best.accuracy ?? 0)).toFixed(1)}%.` : '';
    void vscode.window.showInformationMessage(`The pipeline succeeded: ${jobs.length} trained.${words}`);
    return;
  }
  const button = 'Resume Pipeline';
  const chosen = await vscode.window.showErrorMessage(
    forEditor(`${failed.label} failed: ${failed.summary} ${failed.hints[0] ?? ''}`.trim()),
    button,
  );
  if (chosen === button) await vscode.commands.executeCommand(commands.resumePipeline, { pipeline: id });
}
