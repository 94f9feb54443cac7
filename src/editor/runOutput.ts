import * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';
import { ControlStripper } from '../core/terminal.ts';
import { Redraw } from './redraw.ts';

/** What one run prints, as it arrives, in an output channel of its own. */
export class RunOutput implements Disposable {
  private readonly stripper = new ControlStripper();
  private readonly redraw = new Redraw();
  private atLineStart = true;

  constructor(private readonly channel: vscode.OutputChannel) {
    channel.clear();
  }

  /** Text from the pod. */
  write(text: string): void {
    this.append(this.redraw.write(this.stripper.write(text)));
  }

  /** A line of ours among the run's. */
  note(line: string): void {
    this.append(`${this.atLineStart ? '' : '\n'}> ${line}\n`);
  }

  end(): void {
    this.append(this.redraw.write(this.stripper.end()) + this.redraw.end());
  }

  show(): void {
    this.channel.show(true);
  }

  dispose(): void {
    this.channel.dispose();
  }

  private append(text: string): void {
    if (text === '') return;
    this.atLineStart = text.endsWith('\n');
    this.channel.append(text);
  }
}

/**
 * The channels of this window. The next run of a model takes the channel of the last one, so that the list stays short; while
 * that one still prints, a second channel is made.
 */
export class RunOutputs implements Disposable {
  private readonly channels = new Map<string, vscode.OutputChannel>();
  private readonly busy = new Set<string>();
  private plainOutput: vscode.OutputChannel | undefined;

  /** `free` is to be called when the run has ended: the channel stays, and the next run of the model may take it. */
  take(model: string | null): { readonly output: RunOutput; readonly free: () => void } {
    const base = `RunPod: ${model ?? 'command'}`;
    let name = base;
    for (let number = 2; this.busy.has(name); number++) name = `${base} (${number})`;
    const channel = this.channels.get(name) ?? vscode.window.createOutputChannel(name, 'log');
    this.channels.set(name, channel);
    this.busy.add(name);
    return { output: new RunOutput(channel), free: () => this.busy.delete(name) };
  }

  /** For what is no run: commands, checks, installs. Made when there is something to say. */
  plain(): vscode.OutputChannel {
    return (this.plainOutput ??= vscode.window.createOutputChannel('RunPod: Commands'));
  }

  dispose(): void {
    this.plainOutput?.dispose();
    for (const channel of this.channels.values()) channel.dispose();
  }
}
