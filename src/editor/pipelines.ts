import { isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import { UserError } from '../core/errors.ts';
import { commands } from '../manifest.ts';
import type { Orchestrator, RetrainOptions } from '../orchestrator.ts';
import type { PipelineView } from '../pipeline/pipeline.ts';
import type { PipelineTree } from './pipelineTree.ts';
import type { Projects } from './projects.ts';
import type { RunWatches } from './runWatches.ts';
import type { Sessions } from './sessions.ts';
import { refOf } from './training.ts';
import { readSetting } from './typed.ts';
import { forEditor } from './words.ts';
import { withProgress } from './work.ts';

/** Training all stages, in a tree that shows where it stands. */
export class Pipelines {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly watches: RunWatches,
    private readonly tree: PipelineTree,
  ) {}

  /** Deploys what changed, then trains; comes back at its end. */
  async retrain({ device, models }: { readonly models?: readonly string[]; readonly device?: string } = {}): Promise<
    PipelineView | undefined
  > {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    const chosen = models ?? (await chooseModels(orchestrator));
    await withProgress(`Deploying to ${orchestrator.pod.name}`, (work) => orchestrator.deployChanged({ signal: work.signal }));
    const only = { ...(chosen.length === 0 ? {} : { models: chosen }), ...(device === undefined ? {} : { device }) };
    return this.drive(orchestrator, (options) => orchestrator.retrain({ ...options, ...only }));
  }

  /** The last pipeline, or that one, from the first stage that has not succeeded. */
  async resume({ pipeline }: { readonly pipeline?: string } = {}): Promise<PipelineView> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    await withProgress(`Deploying to ${orchestrator.pod.name}`, (work) => orchestrator.deployChanged({ signal: work.signal }));
    return this.drive(orchestrator, (options) => orchestrator.resumePipeline(pipeline, options));
  }

  private async drive(orchestrator: Orchestrator, run: (options: RetrainOptions) => Promise<PipelineView>): Promise<PipelineView> {
    const { root } = orchestrator.project;
    const folder = readSetting('runpod.downloads.folder', vscode.Uri.file(root));
    const hold = this.sessions.hold(orchestrator);
    await this.tree.reveal();
    const view = await withProgress(`Retraining on ${orchestrator.pod.name}`, (work) =>
      run({
        folder: isAbsolute(folder) ? folder : join(root, folder),
        signal: work.signal,
        onChange: (view) => {
          this.tree.show(view, orchestrator.pod.name);
          const jobs = view.stages.flatMap((stage) => stage.jobs);
          const now = jobs.find(({ state }) => state === 'running' || state === 'fetching');
          if (now) work.report(now.label, jobs.filter(({ state }) => state === 'succeeded').length / jobs.length);
        },
        watch: (id, onEvent) => this.watch(orchestrator, id, onEvent, work.signal),
      }),
    ).finally(() => hold.dispose());
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

async function chooseModels({ project }: Orchestrator): Promise<readonly string[]> {
  const models = [...new Set(project.config.stages.flatMap((stage) => stage.models ?? []))];
  if (models.length === 0) return [];
  const items = models.map((label) => ({ label, picked: true }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'RunPod: Retrain Pipeline',
    placeHolder: 'Which models? What they need is trained too',
    canPickMany: true,
  });
  if (!chosen || chosen.length === 0) throw new vscode.CancellationError();
  return chosen.length === models.length ? [] : chosen.map(({ label }) => label);
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
