import * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';
import type { FixAction } from '../fixes/located.ts';
import { internalCommands } from '../manifest.ts';
import { fixTitle, reviewOf, workspaceEdit } from './fixes.ts';
import { FindingDiagnostic } from './problems.ts';

/** The light bulb at a finding: what can be done about it here and now. */
export class QuickFixes implements vscode.CodeActionProvider, Disposable {
  private readonly registration = vscode.languages.registerCodeActionsProvider({ scheme: 'file' }, this, {
    providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
  });

  async provideCodeActions(
    _document: vscode.TextDocument,
    _range: vscode.Range,
    context: vscode.CodeActionContext,
  ): Promise<vscode.CodeAction[]> {
    const findings = context.diagnostics.filter((diagnostic) => diagnostic instanceof FindingDiagnostic);
    const actions = await Promise.all(
      findings.flatMap((finding) => finding.actions.map((action, index) => toCodeAction(finding, action, index === 0))),
    );
    return actions.filter((action) => action !== undefined);
  }

  dispose(): void {
    this.registration.dispose();
  }
}

async function toCodeAction(finding: FindingDiagnostic, action: FixAction, isFirst: boolean): Promise<vscode.CodeAction | undefined> {
  const title = fixTitle(action);
  const codeAction = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  codeAction.diagnostics = [finding];
  codeAction.isPreferred = isFirst;
  if (action.kind === 'edit' || action.kind === 'suggest-edit') {
    // An edit of the editor's own: previewed, undone and saved like any other.
    const edit = await workspaceEdit(action.edit, reviewOf(action)).catch(() => undefined);
    if (!edit) return undefined;
    codeAction.edit = edit;
    codeAction.command = { command: internalCommands.offerTrainAgain, title, arguments: [finding.run, action.edit] };
  } else {
    codeAction.command = { command: internalCommands.applyFix, title, arguments: [finding.run, action] };
  }
  return codeAction;
}
