import { basename } from 'node:path/posix';
import * as vscode from 'vscode';
import { type Disposable, toDisposable } from '../core/disposable.ts';
import type { FixAction, LocatedFinding } from '../fixes/located.ts';
import { commands, internalCommands } from '../manifest.ts';
import type { Finding } from '../monitor/finding.ts';
import type { WatchedRun } from '../orchestrator.ts';
import { type FindingDiagnostic, rangeOf } from './problems.ts';
import { shortPath } from './projects.ts';
import { type RunRef, titleOf } from './runRef.ts';
import { readSetting } from './typed.ts';

/** A finding may be told better a moment later, when more of a traceback has come; only the last word is announced. */
const settleMs = 400;

/** One notification for each finding, with what can be done about it, and one for the end of a run. */
export class FindingNotices implements Disposable {
  private readonly pending = new Map<Finding, NodeJS.Timeout>();
  private readonly told = new Set<Finding>();
  private readonly store = toDisposable(() => this.pending.forEach((timer) => clearTimeout(timer)));

  tell(run: RunRef, located: LocatedFinding, shown: FindingDiagnostic | undefined, amends?: Finding): void {
    const { finding } = located;
    if (amends) {
      clearTimeout(this.pending.get(amends));
      this.pending.delete(amends);
      if (this.told.delete(amends)) return void this.told.add(finding);
    }
    if (!isWanted(finding, run.root)) return;
    this.pending.set(
      finding,
      setTimeout(() => {
        this.pending.delete(finding);
        this.told.add(finding);
        void this.show(run, located, shown);
      }, settleMs),
    );
  }

  ended(run: RunRef, watched: WatchedRun): void {
    const { exitCode, errors } = watched;
    const { status } = watched.run;
    if (readSetting('runpod.notifications', vscode.Uri.file(run.root)) === 'off') return;
    if (status.kind === 'exited' && status.stopped)
      return void vscode.window.setStatusBarMessage(`$(debug-stop) ${titleOf(run)} stopped on ${run.pod}`, 6000);
    const seconds = Math.max(1, Math.round((Date.now() - Date.parse(watched.run.manifest.startedAt)) / 1000));
    if (exitCode === 0) return void this.succeeded(run, seconds);
    // A failure that was explained needs no second notification.
    if (errors.some(({ severity }) => severity === 'error')) return;
    void this.failed(
      run,
      exitCode === null
        ? `${titleOf(run)} is gone on ${run.pod} without an exit code: the pod was restarted, or the system ended it (out of memory?).`
        : `${titleOf(run)} failed on ${run.pod} with exit code ${exitCode}.`,
    );
  }

  dispose(): void {
    this.store.dispose();
  }

  private async show(run: RunRef, { finding, place, actions }: LocatedFinding, shown: FindingDiagnostic | undefined): Promise<void> {
    const where = place ? ` (${shortPath(run.root, place.file)}:${place.line})` : '';
    const text = `${titleOf(run)}: ${finding.message.replace(/[.\s]+$/, '')}${where}. ${finding.suggestion}`;
    const offered = actions.slice(0, 2).map((action) => ({ title: shortTitle(action), action }));
    const look = shown && place ? 'Show' : 'Show Output';
    const announce = {
      error: vscode.window.showErrorMessage,
      warning: vscode.window.showWarningMessage,
      info: vscode.window.showInformationMessage,
    }[finding.severity];
    const chosen = await announce(text, ...offered.map(({ title }) => title), look);
    const fix = offered.find(({ title }) => title === chosen);
    if (fix) await vscode.commands.executeCommand(internalCommands.applyFix, run, fix.action);
    else if (chosen === 'Show Output') await vscode.commands.executeCommand(commands.showOutput, { run: run.id });
    else if (chosen !== undefined && place) {
      await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
      const { start } = rangeOf(place);
      await vscode.window.showTextDocument(vscode.Uri.file(place.file), { selection: new vscode.Range(start, start) });
    }
  }

  private async succeeded(run: RunRef, seconds: number): Promise<void> {
    const download = 'Download Results';
    const buttons = [...(run.model === null ? [] : [download]), 'Show Output', ...(await taskButtons(run.root))];
    const chosen = await vscode.window.showInformationMessage(`${titleOf(run)} trained on ${run.pod} in ${seconds} s.`, ...buttons);
    if (chosen === toTask) await vscode.commands.executeCommand(commands.writeRunToTask, { run: run.id });
    else if (chosen === download) await vscode.commands.executeCommand(commands.downloadResults, { model: run.model ?? undefined });
    else if (chosen) await vscode.commands.executeCommand(commands.showOutput, { run: run.id });
  }

  private async failed(run: RunRef, text: string): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(text, 'Show Output', ...(await taskButtons(run.root)));
    if (chosen === toTask) await vscode.commands.executeCommand(commands.writeRunToTask, { run: run.id });
    else if (chosen) await vscode.commands.executeCommand(commands.showOutput, { run: run.id });
  }
}

const toTask = 'Write to Task';

/** Only for who works with Task Master. */
async function taskButtons(root: string): Promise<readonly string[]> {
  const { findTasksFile } = await import('../tasks/taskFile.ts');
  return (await findTasksFile(root)) === null ? [] : [toTask];
}

/** What fits on a button; the light bulb has the whole sentence. */
function shortTitle(action: FixAction): string {
  switch (action.kind) {
    case 'edit':
      return `Change to ${action.edit.newText}`;
    case 'suggest-edit':
      return 'Show Suggested Edit';
    case 'install':
      return 'Install and Train Again';
    case 'deploy': {
      const [file = ''] = action.files;
      return action.files.length === 1 ? `Deploy ${basename(file)}` : `Deploy ${action.files.length} Files`;
    }
    case 'run-stage':
      return `Run ${action.stage}`;
    case 'deploy-and-retrain':
      return 'Deploy and Train Again';
  }
}

function isWanted({ severity }: Finding, root: string): boolean {
  const wanted = readSetting('runpod.notifications', vscode.Uri.file(root));
  return wanted === 'all' || severity === 'error' ? wanted !== 'off' : severity === 'warning' && wanted === 'problems';
}
