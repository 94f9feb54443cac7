import * as vscode from 'vscode';
import { commands, walkthrough } from '../manifest.ts';
import type { Handlers } from './commands.ts';
import type { Deployment } from './deployment.ts';
import type { Downloads } from './downloads.ts';
import type { Environment } from './environment.ts';
import type { JournalView } from './journalView.ts';
import type { Log } from './log.ts';
import { showMenu } from './menu.ts';
import { openConfig } from './newConfig.ts';
import type { Pipelines } from './pipelines.ts';
import type { Pods } from './pods.ts';
import type { PodTerminals } from './podTerminal.ts';
import type { Practice } from './practice.ts';
import type { Projects } from './projects.ts';
import type { RunWatches } from './runWatches.ts';
import type { Started, Training } from './training.ts';
import type { Troubleshooting } from './troubleshooting.ts';

export interface Parts {
  readonly projects: Projects;
  readonly deployment: Deployment;
  readonly training: Training;
  readonly watches: RunWatches;
  readonly environment: Environment;
  readonly downloads: Downloads;
  readonly pipelines: Pipelines;
  readonly troubleshooting: Troubleshooting;
  readonly terminals: PodTerminals;
  readonly pods: Pods;
  readonly practice: Practice;
  readonly journal: JournalView;
  readonly log: Log;
  /** `publisher.name`. */
  readonly extensionId: string;
}

/** The index of what a person can ask for, and where it is done. */
export function handlers({
  projects,
  deployment,
  training,
  watches,
  environment,
  downloads,
  pipelines,
  troubleshooting,
  terminals,
  pods,
  practice,
  journal,
  log,
  extensionId,
}: Parts): Handlers {
  return {
    [commands.addPod]: (options) => pods.add(options),
    [commands.selectPod]: (options) => pods.select(options?.pod),
    [commands.removePod]: (options) => pods.remove(options?.pod),
    [commands.trustHostKey]: (options) => pods.trustHostKey(options?.pod, options?.confirmed),
    [commands.testConnection]: () => troubleshooting.testConnection(),
    [commands.verifyEnvironment]: () => environment.verify(),
    [commands.repair]: (options) => environment.repair(options?.check),
    [commands.reinstall]: (options) => troubleshooting.reinstall(options?.what),
    [commands.selfTest]: () => troubleshooting.selfTest(),
    [commands.deployCurrentFile]: (resource) => deployment.currentFile(resource),
    [commands.deployResources]: (resource, selected) => deployment.resources(resource, selected),
    [commands.deployChanged]: () => deployment.changed(),
    [commands.deployPreset]: (options) => deployment.preset(options?.preset),
    [commands.train]: async ({ wait, ...request } = {}) => answer(await training.train(request), wait),
    [commands.trainAgain]: async (options) =>
      answer(await training.again(options?.run === undefined ? undefined : watches.view(options.run)?.ref), options?.wait),
    [commands.retrainPipeline]: (options) => pipelines.retrain(options),
    [commands.resumePipeline]: (options) => pipelines.resume(options),
    [commands.refreshPipelines]: () => pipelines.refresh(),
    [commands.stopTraining]: (options) => training.stop(options?.run),
    [commands.followRun]: async (options) => answer(await training.follow(options?.run), options?.wait),
    [commands.runCommand]: (options) => environment.runCommand(options?.command),
    [commands.openTerminal]: () => terminals.open(),
    [commands.gpuStatus]: () => troubleshooting.gpuStatus(),
    [commands.endGpuProcess]: ({ pid, confirmed }) => troubleshooting.endGpuProcess(pid, confirmed),
    [commands.downloadResults]: (options) => downloads.results(options),
    [commands.downloadLogs]: (options) => downloads.logs(options),
    [commands.writeRunToTask]: (options) => troubleshooting.writeRunToTask(options),
    [commands.clean]: (options) => troubleshooting.clean(options?.keep),
    [commands.showOutput]: (options) => showOutput(watches, log, options?.run),
    [commands.showMenu]: () => showMenu(watches),
    [commands.createConfig]: () => openConfig(projects),
    [commands.startPracticePod]: () => practice.start(),
    [commands.stopPracticePod]: () => practice.stop(),
    [commands.openExample]: (options) => practice.openExample(options?.folder),
    [commands.openWalkthrough]: () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${extensionId}#${walkthrough}`, false),
    [commands.showJournal]: () => journal.show(),
  };
}

async function answer({ run, ended }: Started, wait = false): Promise<{ readonly run: string; readonly exitCode?: number | null }> {
  return wait ? { run, exitCode: (await ended).exitCode } : { run };
}

/** Of that run, or of the newest; our own log when nothing ran yet. */
function showOutput(watches: RunWatches, log: Log, run: string | undefined): void {
  const view = run === undefined ? (watches.following.at(-1) ?? watches.all.at(-1)) : watches.view(run);
  if (view) view.output.show();
  else log.show();
}
