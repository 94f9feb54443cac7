import { basename } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { isUserError, type UserError } from '../core/errors.ts';
import { diagnosticSource } from '../manifest.ts';
import type { ConfigProblem } from '../project/configFile.ts';

/** Bad values of runpod.json and pods.json, in Problems at their lines. Checked again on every save of such a file. */
export class ConfigProblems implements Disposable {
  private readonly store = new DisposableStore();
  private readonly collection = this.store.add(vscode.languages.createDiagnosticCollection('runpod-config'));

  constructor() {
    this.store.add(
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (document.uri.scheme === 'file' && basename(document.uri.fsPath) === 'runpod.json') void this.check(document.uri);
      }),
    );
  }

  /** Shows what a 'bad-config' error tells; other errors have nothing for us. */
  take(error: UserError): void {
    const { file, problems } = error.details as { readonly file?: string; readonly problems?: readonly ConfigProblem[] };
    if (error.reason !== 'bad-config' || file === undefined || problems === undefined) return;
    this.collection.set(
      vscode.Uri.file(file),
      problems.map((problem) => {
        const at = new vscode.Position(problem.line - 1, problem.column - 1);
        const diagnostic = new vscode.Diagnostic(
          wordAt(file, at),
          problem.path === '' ? problem.message : `${problem.path}: ${problem.message}`,
        );
        diagnostic.source = diagnosticSource;
        diagnostic.code = 'bad-config';
        return diagnostic;
      }),
    );
  }

  clear(file: string): void {
    this.collection.delete(vscode.Uri.file(file));
  }

  /** Opens the file at its first problem. */
  async reveal(file: string): Promise<void> {
    const uri = vscode.Uri.file(file);
    const [first] = this.collection.get(uri) ?? [];
    await vscode.window.showTextDocument(uri, first ? { selection: new vscode.Range(first.range.start, first.range.start) } : {});
  }

  dispose(): void {
    this.store.dispose();
  }

  private async check(uri: vscode.Uri): Promise<void> {
    const { loadProject } = await import('../project/project.ts');
    try {
      await loadProject(vscode.Uri.joinPath(uri, '..').fsPath);
      this.clear(uri.fsPath);
    } catch (error) {
      if (isUserError(error)) this.take(error);
    }
  }
}

/** The value that begins there, if the file is open; else the rest of the line. */
function wordAt(file: string, at: vscode.Position): vscode.Range {
  const document = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'file' && uri.fsPath === file);
  const end = new vscode.Range(at, at.with(undefined, Number.MAX_SAFE_INTEGER));
  return document?.getWordRangeAtPosition(at, /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/) ?? document?.validateRange(end) ?? end;
}
