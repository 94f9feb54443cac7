import { isAbsolute, join, relative } from 'node:path';
import * as vscode from 'vscode';
import { messageOf, UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { FetchedFile, FetchReport } from '../results/fetch.ts';
import type { TransferOptions } from '../pod/pod.ts';
import type { Log } from './log.ts';
import { type Projects, shortPath } from './projects.ts';
import type { ResultProblems } from './resultProblems.ts';
import type { RunRef } from './runRef.ts';
import type { RunWatches } from './runWatches.ts';
import type { Sessions } from './sessions.ts';
import { transferWords } from './transferWords.ts';
import { readSetting } from './typed.ts';
import { mention, type Work, withProgress } from './work.ts';

/** Fetching what runs left on the pod, and a verdict on it. */
export class Downloads {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly watches: RunWatches,
    private readonly problems: ResultProblems,
    private readonly log: Log,
  ) {}

  async results(options: { readonly model?: string; readonly folder?: string } = {}): Promise<FetchReport> {
    const root = await this.projects.choose();
    const orchestrator = await this.sessions.get(root);
    const model = options.model ?? (await this.chooseModel(orchestrator));
    const folder = options.folder ?? defaultFolder(root);
    const report = await withProgress(`Downloading the results of ${model}`, (work) =>
      orchestrator.downloadResults(model, folder, transfer(work)),
    );
    if (report.files.length === 0) {
      throw new UserError(
        'remote-missing',
        `${orchestrator.pod.name} has no results of ${model} yet: nothing there matches ${report.missing.join(', ')}. Train it first, or correct "results" in runpod.json.`,
      );
    }
    const verdict = await this.judge(orchestrator, report.files, model);
    void announce(orchestrator, report, `Results of ${model}`, verdict);
    return report;
  }

  async logs(options: { readonly folder?: string } = {}): Promise<FetchReport> {
    const root = await this.projects.choose();
    const orchestrator = await this.sessions.get(root);
    const report = await withProgress('Downloading logs', (work) =>
      orchestrator.downloadLogs(options.folder ?? defaultFolder(root), transfer(work)),
    );
    if (report.files.length === 0)
      throw new UserError(
        'remote-missing',
        `${orchestrator.pod.name} has no logs of this project yet. Train something first, or correct "logs" in runpod.json.`,
      );
    void announce(orchestrator, report, 'Logs', '');
    return report;
  }

  /**
   * Fetches what a run that has just ended left, if the person wants that; what a job of a pipeline left, the pipeline fetches.
   * Never disturbs: a failure is told in the log.
   */
  async afterRun({ root, pod, id, model, pipeline }: RunRef, exitCode: number | null): Promise<void> {
    if (pipeline !== undefined) return;
    const when = readSetting('runpod.downloads.automatic', vscode.Uri.file(root));
    if (when === 'never' || (when === 'success' && exitCode !== 0)) return;
    try {
      const orchestrator = await this.sessions.get(root, pod);
      const report = await orchestrator.results.ofRun(id, defaultFolder(root));
      const own = report.files.filter(({ path }) => !report.older.includes(path));
      // Of a run that failed, predictions are of an earlier one, or half of something.
      if (exitCode === 0) await this.judge(orchestrator, own, model);
      mention(`$(cloud-download) ${model ?? 'The run'} left ${own.length} files in ${shortPath(root, report.folder)}`);
    } catch (error) {
      this.log.info(`what run ${id} left could not be fetched: ${messageOf(error)}`);
    }
  }

  private async chooseModel({ project }: Orchestrator): Promise<string> {
    const last = this.watches.last?.root === project.root ? this.watches.last.model : null;
    // A stage leaves something as well: the encoder, say.
    const stages = project.config.stages.filter(({ results = [] }) => results.length > 0).map(({ name }) => name);
    const models = [...new Set([...Object.keys(project.config.train.models), ...stages])];
    if (models.length === 1 && models[0] !== undefined) return models[0];
    if (models.length === 0) {
      const typed = last ?? (await vscode.window.showInputBox({ title: 'RunPod: Download Results', prompt: 'Of which model?' }));
      if (!typed) throw new vscode.CancellationError();
      return typed;
    }
    const items = models
      .map((label) => ({ label, description: label === last ? 'trained last' : '' }))
      .sort((a, b) => Number(b.label === last) - Number(a.label === last));
    const chosen = await vscode.window.showQuickPick(items, { title: 'RunPod: Download Results', placeHolder: 'Of which model or stage?' });
    if (!chosen) throw new vscode.CancellationError();
    return chosen.label;
  }

  /** A sentence about the predictions among the files; empty when there are none that can be judged. */
  private async judge(orchestrator: Orchestrator, files: readonly FetchedFile[], model: string | null): Promise<string> {
    const { verdicts, problems } = await orchestrator.results.judge(files, { model });
    for (const problem of problems) this.log.info(problem);
    for (const { localPath, verdict } of verdicts) this.problems.show(localPath, verdict);
    return verdicts.map(({ path, verdict }) => `${path.split('/').at(-1)}: ${verdict.summary}`).join(' ');
  }
}

async function announce({ project }: Orchestrator, report: FetchReport, what: string, verdict: string): Promise<void> {
  const { files, folder } = report;
  const [first] = files;
  const target = vscode.Uri.file(join(folder, ...(first?.path ?? '').split('/')));
  const inWorkspace = vscode.workspace.getWorkspaceFolder(target) !== undefined;
  const button = inWorkspace ? 'Reveal in Explorer' : 'Open Folder';
  const text = `${what}: ${files.length} ${files.length === 1 ? 'file' : 'files'} in ${isBelow(project.root, folder) ? shortPath(project.root, folder) : folder}. ${verdict}`;
  const chosen = await vscode.window.showInformationMessage(text.trim(), button);
  if (chosen === button) await vscode.commands.executeCommand(inWorkspace ? 'revealInExplorer' : 'revealFileInOS', target);
}

function defaultFolder(root: string): string {
  const folder = readSetting('runpod.downloads.folder', vscode.Uri.file(root));
  return isAbsolute(folder) ? folder : join(root, folder);
}

function isBelow(root: string, path: string): boolean {
  return !relative(root, path).startsWith('..');
}

function transfer(work: Work): TransferOptions {
  const words = transferWords();
  return { signal: work.signal, onProgress: (progress) => work.report(...words(progress)) };
}
