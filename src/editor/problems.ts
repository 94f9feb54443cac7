import { readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';
import type { FixAction, LocalPlace, LocatedFinding } from '../fixes/located.ts';
import { diagnosticSource } from '../manifest.ts';
import type { Finding, Severity } from '../monitor/finding.ts';
import type { RunRef } from './runRef.ts';

/** A finding in the Problems view, which knows what can be done about it. */
export class FindingDiagnostic extends vscode.Diagnostic {
  constructor(
    readonly run: RunRef,
    readonly located: LocatedFinding,
    place: LocalPlace,
  ) {
    const { finding } = located;
    super(rangeOf(place), `${finding.message}\n${finding.suggestion}`, severities[finding.severity]);
    this.source = diagnosticSource;
    this.code = finding.type;
    this.relatedInformation = located.related.map(
      ({ place: there, frame }) =>
        new vscode.DiagnosticRelatedInformation(
          new vscode.Location(vscode.Uri.file(there.file), rangeOf(there)),
          frame.function === undefined ? 'called from here' : `in ${frame.function}`,
        ),
    );
  }

  get actions(): readonly FixAction[] {
    return this.located.actions;
  }
}

const severities: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  info: vscode.DiagnosticSeverity.Information,
};

/** Findings of the last run of each model, at their local lines. */
export class Problems implements Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection('runpod');
  private readonly byModel = new Map<string, Map<Finding, FindingDiagnostic & { readonly uri: vscode.Uri }>>();

  /** A run begins: what the last one of that model left is history. */
  clear(run: RunRef): void {
    const old = this.byModel.get(keyOf(run));
    this.byModel.delete(keyOf(run));
    this.show(new Set([...(old?.values() ?? [])].map(({ uri }) => uri.toString())));
  }

  /** Undefined when the finding has no place here. */
  add(run: RunRef, located: LocatedFinding, amends?: Finding): FindingDiagnostic | undefined {
    const mine = this.byModel.get(keyOf(run)) ?? new Map<Finding, FindingDiagnostic & { readonly uri: vscode.Uri }>();
    this.byModel.set(keyOf(run), mine);
    const touched = new Set<string>();
    const replaced = amends && mine.get(amends);
    if (amends && replaced) {
      mine.delete(amends);
      touched.add(replaced.uri.toString());
    }
    const { place } = located;
    let added: FindingDiagnostic | undefined;
    if (place) {
      const uri = vscode.Uri.file(place.file);
      const diagnostic = Object.assign(new FindingDiagnostic(run, located, place), { uri });
      mine.set(located.finding, diagnostic);
      touched.add(uri.toString());
      added = diagnostic;
    }
    this.show(touched);
    return added;
  }

  dispose(): void {
    this.collection.dispose();
  }

  private show(uris: ReadonlySet<string>): void {
    const all = [...this.byModel.values()].flatMap((findings) => [...findings.values()]);
    for (const text of uris) {
      const here = all.filter(({ uri }) => uri.toString() === text);
      this.collection.set(vscode.Uri.parse(text), here);
    }
  }
}

/** The columns when the place has them, else the line without its indentation. */
export function rangeOf({ file, line, columns }: LocalPlace): vscode.Range {
  const row = Math.max(0, line - 1);
  if (columns) return new vscode.Range(row, columns.start - 1, row, columns.end - 1);
  const text = lineOf(file, row);
  return new vscode.Range(row, text.length - text.trimStart().length, row, text.trimEnd().length);
}

/** From the editor when the file is open there, else from the disk: findings are few, and sources are small. */
function lineOf(file: string, row: number): string {
  const document = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'file' && uri.fsPath === file);
  if (document) return row < document.lineCount ? document.lineAt(row).text : '';
  try {
    return readFileSync(file, 'utf8').split(/\r\n|\r|\n/, row + 1)[row] ?? '';
  } catch {
    return '';
  }
}

function keyOf({ root, model }: RunRef): string {
  return JSON.stringify([root, model]);
}
