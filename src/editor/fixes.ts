import * as vscode from 'vscode';
import { UserError } from '../core/errors.ts';
import { stripControl } from '../core/terminal.ts';
import type { FileEdit, FixAction } from '../fixes/located.ts';
import { commands, internalCommands } from '../manifest.ts';
import type { Deployment } from './deployment.ts';
import { shortPath } from './projects.ts';
import type { RunOutputs } from './runOutput.ts';
import { type RunRef, titleOf } from './runRef.ts';
import type { Sessions } from './sessions.ts';
import type { Started, Training } from './training.ts';
import { withProgress } from './work.ts';

/** Does what a finding's action says, from a quick fix or from a notification alike. */
export class Fixes {
  constructor(
    private readonly sessions: Sessions,
    private readonly deployment: Deployment,
    private readonly training: Training,
    private readonly outputs: RunOutputs,
  ) {}

  async applyFix(run: RunRef, action: FixAction): Promise<{ readonly run: string } | undefined> {
    switch (action.kind) {
      case 'edit':
      case 'suggest-edit': {
        const edit = await workspaceEdit(action.edit, reviewOf(action));
        if (!edit) throw changedMeanwhile(run, action.edit);
        if (!(await vscode.workspace.applyEdit(edit))) {
          // The person looked at the suggestion and did not want it.
          if (action.kind === 'suggest-edit') return undefined;
          throw changedMeanwhile(run, action.edit);
        }
        await this.offerTrainAgain(run, action.edit);
        return undefined;
      }
      case 'install':
        await this.install(run, action);
        return idOf(await this.training.again(run));
      case 'deploy':
      case 'deploy-and-retrain':
        await this.deployment.files(run.root, action.files, run.pod);
        return idOf(await this.training.again(run));
      case 'run-stage': {
        const stage = await this.training.on(run.root, run.pod, action.request);
        void stage.ended.then(
          ({ exitCode }) => (exitCode === 0 ? this.offerAgain(run, action.stage) : undefined),
          () => {},
        );
        return idOf(stage);
      }
    }
  }

  /** An edit is for the person to look at first; one click then sends it and trains again. Comes back at once. */
  async offerTrainAgain(run: RunRef, edit: FileEdit): Promise<void> {
    const file = shortPath(run.root, edit.file);
    const button = 'Deploy and Train Again';
    const what = edit.newText.includes('\n') ? 'was edited as suggested' : `${edit.oldText} became ${edit.newText}`;
    void vscode.window.showInformationMessage(`${file}:${edit.line}: ${what}.`, button).then((chosen) => {
      if (chosen !== button) return undefined;
      return vscode.commands.executeCommand(internalCommands.applyFix, run, {
        kind: 'deploy-and-retrain',
        title: button,
        fix: { kind: 'deploy-and-retrain', title: button },
        files: [file],
      } satisfies FixAction);
    });
  }

  /** What was missing is there now. */
  private async offerAgain(run: RunRef, stage: string): Promise<void> {
    const button = 'Train Again';
    const chosen = await vscode.window.showInformationMessage(`Stage ${stage} is done. Train ${titleOf(run)} again?`, button);
    if (chosen === button) await vscode.commands.executeCommand(commands.trainAgain, { run: run.id });
  }

  private async install(run: RunRef, action: Extract<FixAction, { kind: 'install' }>): Promise<void> {
    const orchestrator = await this.sessions.get(run.root, run.pod);
    const channel = this.outputs.plain();
    channel.appendLine(`> ${run.pod}: ${action.command}`);
    await withProgress(`${action.command} on ${run.pod}`, async (work) => {
      try {
        await orchestrator.findings.apply(action, { signal: work.signal, onOutput: (text) => channel.append(stripControl(text)) });
      } catch (error) {
        channel.show(true);
        throw error;
      }
    });
  }
}

/** What a fix does here: where the pod is made right for the run, it is trained again at once. */
export function fixTitle(action: FixAction): string {
  switch (action.kind) {
    case 'install':
    case 'deploy':
    case 'deploy-and-retrain':
      return `${action.title} and train again`;
    case 'edit':
    case 'suggest-edit':
    case 'run-stage':
      return action.title;
  }
}

function idOf({ run }: Started): { readonly run: string } {
  return { run };
}

/** What is only suggested is shown before it is made; a changed setting can be taken back as easily. */
export function reviewOf(action: FixAction): vscode.WorkspaceEditEntryMetadata | undefined {
  return action.kind === 'suggest-edit' ? { label: action.title, needsConfirmation: true } : undefined;
}

/** The edit against the file as it is now; undefined when what should be replaced is not there any more. */
export async function workspaceEdit(
  { file, line, start, end, oldText, newText }: FileEdit,
  review?: vscode.WorkspaceEditEntryMetadata,
): Promise<vscode.WorkspaceEdit | undefined> {
  const uri = vscode.Uri.file(file);
  const document = await vscode.workspace.openTextDocument(uri);
  let range = new vscode.Range(document.positionAt(start), document.positionAt(end));
  if (document.getText(range) !== oldText) {
    // The text moved within its line, or offsets count a byte order mark or another kind of line end: then the line decides, if it is clear.
    if (line > document.lineCount) return undefined;
    const text = document.lineAt(line - 1).text;
    const at = text.indexOf(oldText);
    if (at < 0 || text.indexOf(oldText, at + 1) >= 0) return undefined;
    range = new vscode.Range(line - 1, at, line - 1, at + oldText.length);
  }
  const edit = new vscode.WorkspaceEdit();
  edit.replace(uri, range, newText, review);
  return edit;
}

function changedMeanwhile(run: RunRef, { file, line, oldText }: FileEdit): UserError {
  return new UserError(
    'local-failed',
    `${shortPath(run.root, file)} was changed meanwhile: ${oldText} does not stand in line ${line} any more. Change it by hand.`,
  );
}
