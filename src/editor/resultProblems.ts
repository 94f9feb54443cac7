import * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';
import { diagnosticSource } from '../manifest.ts';
import type { Verdict } from '../results/validate.ts';

/** What is wrong with predictions, in Problems, at their file: a click opens the view of the array. */
export class ResultProblems implements Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection('runpod-results');

  show(file: string, { problems }: Verdict): void {
    const start = new vscode.Range(0, 0, 0, 0);
    const diagnostics = problems.map(({ severity, message }) => {
      const level = severity === 'error' ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
      const diagnostic = new vscode.Diagnostic(start, message, level);
      diagnostic.source = diagnosticSource;
      diagnostic.code = 'predictions';
      return diagnostic;
    });
    this.collection.set(vscode.Uri.file(file), diagnostics);
  }

  dispose(): void {
    this.collection.dispose();
  }
}
