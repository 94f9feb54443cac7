import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { isUserError, type UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import { remoteScheme } from '../manifest.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { Sessions } from './sessions.ts';

const overwrite = 'Overwrite';
const showDifference = 'Show Difference';

/** Files that changed on the pod since they were last deployed from here: what the person wants is asked, never guessed. */
export class Conflicts implements Disposable, vscode.TextDocumentContentProvider {
  private readonly store = new DisposableStore();

  constructor(private readonly sessions: Sessions) {
    this.store.add(vscode.workspace.registerTextDocumentContentProvider(remoteScheme, this));
  }

  /** True when the pod's copies may be replaced. */
  async mayOverwrite(error: UserError, orchestrator: Orchestrator): Promise<boolean> {
    const files = Array.isArray(error.details['files']) ? (error.details['files'] as readonly string[]) : [];
    const [first = 'A file', ...others] = files;
    const pod = orchestrator.pod.name;
    const what = others.length === 0 ? `${first} has` : `${files.length} files have`;
    const question = `${what} changed on ${pod} since last deployed from here. Replace the copy on the pod?`;
    const detail = [...files.slice(0, 10), ...(files.length > 10 ? [`and ${files.length - 10} more`] : [])].join('\n');
    const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail }, overwrite, showDifference);
    if (chosen !== showDifference) return chosen === overwrite;
    for (const file of files.slice(0, 5)) await this.compare(file, orchestrator);
    // Not modal this time: the difference is to be read.
    return (await vscode.window.showWarningMessage(question, overwrite, 'Keep')) === overwrite;
  }

  /** The pod's copy, for the left side of a diff. */
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const { root, pod } = JSON.parse(uri.query) as { readonly root: string; readonly pod: string };
    const orchestrator = await this.sessions.get(root, pod);
    const { exitCode, stdout, stderr } = await orchestrator.pod.exec(`cat -- ${quote(uri.path)}`, { timeoutMs: 30_000 });
    return exitCode === 0 ? stdout : stderr;
  }

  dispose(): void {
    this.store.dispose();
  }

  private async compare(file: string, orchestrator: Orchestrator): Promise<void> {
    const local = orchestrator.map.join(file);
    const remote = local === null ? null : orchestrator.map.toRemote(local);
    if (local === null || remote === null) return;
    const there = vscode.Uri.from({
      scheme: remoteScheme,
      path: remote,
      query: JSON.stringify({ root: orchestrator.project.root, pod: orchestrator.pod.name, at: Date.now() }),
    });
    await vscode.commands.executeCommand('vscode.diff', there, vscode.Uri.file(local), `${file} (${orchestrator.pod.name} ↔ here)`, {
      preview: false,
    });
  }
}

/** True for the error that mayOverwrite() is about. */
export function isConflict(error: unknown): error is UserError {
  return isUserError(error, 'remote-changed');
}
