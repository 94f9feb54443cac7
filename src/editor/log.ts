import * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';

/** Our own diagnostics, never a run's output. The channel is made when there is something to say. */
export class Log implements Disposable {
  private channel: vscode.LogOutputChannel | undefined;

  readonly info = (line: string): void => this.open().info(line);

  error(what: string, error: unknown): void {
    this.open().error(error instanceof Error ? error : String(error), what);
  }

  show(): void {
    this.open().show(true);
  }

  dispose(): void {
    this.channel?.dispose();
  }

  private open(): vscode.LogOutputChannel {
    return (this.channel ??= vscode.window.createOutputChannel('RunPod Orchestrator', { log: true }));
  }
}
