import * as vscode from 'vscode';
import { messageOf } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { Shell } from '../pod/shell.ts';
import type { Projects } from './projects.ts';
import type { Sessions } from './sessions.ts';

/** A terminal on the pod, in the project's folder and environment. */
export class PodTerminals {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
  ) {}

  /** Comes back when it is shown; it connects by itself. */
  async open(): Promise<string> {
    const root = await this.projects.choose();
    const orchestrator = await this.sessions.get(root);
    const name = `${orchestrator.pod.name}: ${orchestrator.remoteRoot}`;
    const pty = new PodPty(orchestrator, this.sessions.hold(orchestrator));
    vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon('vm') }).show();
    return name;
  }
}

/** Joins VS Code's terminal with a shell over our own connection. A lost one is told, and a key opens another. */
class PodPty implements vscode.Pseudoterminal {
  private readonly writes = new vscode.EventEmitter<string>();
  private readonly closes = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.writes.event;
  readonly onDidClose = this.closes.event;
  private shell: Shell | undefined;
  private size = { columns: 80, rows: 24 };
  /** What was typed while the shell was being opened. */
  private typedAhead = '';
  private state: 'opening' | 'open' | 'lost' | 'closed' = 'opening';

  constructor(
    private readonly orchestrator: Orchestrator,
    private readonly hold: { dispose(): void },
  ) {}

  open(size: vscode.TerminalDimensions | undefined): void {
    this.setDimensions(size ?? this.size);
    void this.start();
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.size = size;
    this.shell?.resize(size.columns, size.rows);
  }

  handleInput(data: string): void {
    if (this.state === 'open') this.shell?.write(data);
    else if (this.state === 'opening') this.typedAhead += data;
    else if (this.state === 'lost') void this.start();
  }

  close(): void {
    this.state = 'closed';
    this.shell?.close();
    this.hold.dispose();
  }

  private async start(): Promise<void> {
    this.state = 'opening';
    this.note(`Connecting to ${this.orchestrator.pod.name} ...`);
    const decoder = new TextDecoder();
    try {
      const shell = await this.orchestrator.environment.openShell({
        ...this.size,
        onOutput: (chunk) => this.writes.fire(decoder.decode(chunk, { stream: true })),
      });
      if (this.isClosed()) return shell.close();
      this.shell = shell;
      this.state = 'open';
      // It may have been resized meanwhile.
      shell.resize(this.size.columns, this.size.rows);
      if (this.typedAhead !== '') shell.write(this.typedAhead);
      this.typedAhead = '';
      const exitCode = await shell.ended;
      this.shell = undefined;
      if (this.isClosed()) return;
      if (exitCode !== null) return this.closes.fire(exitCode);
      this.lost('The connection was lost.');
    } catch (error) {
      if (!this.isClosed()) this.lost(messageOf(error));
    }
  }

  private isClosed(): boolean {
    return this.state === 'closed';
  }

  private lost(why: string): void {
    this.state = 'lost';
    this.typedAhead = '';
    this.note(`${why} Press any key to connect again.`);
  }

  private note(text: string): void {
    this.writes.fire(`\r\n\x1b[2m${text}\x1b[0m\r\n`);
  }
}
