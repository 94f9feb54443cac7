import pc from 'picocolors';
import { stripControl } from '../../core/terminal.ts';
import { duration } from '../../operations/text.ts';
import { findingText } from '../face.ts';
import type { FindingLine } from '../../operations/findings.ts';
import { cut, type Terminal, wrap } from '../terminal.ts';
import type { LineChange } from './bugs.ts';

/** Tells the demo: numbered steps, what was seen in them, how long each took. */
export class Narrator {
  readonly steps: { readonly title: string; readonly milliseconds: number }[] = [];

  readonly stream: 'out' | 'err';

  constructor(
    private readonly terminal: Terminal,
    private readonly asJson: boolean,
  ) {
    this.stream = asJson ? 'err' : 'out';
  }

  heading(title: string, ...paragraph: readonly string[]): void {
    this.line(pc.bold(title));
    for (const text of paragraph) for (const line of wrap(text, this.terminal.width).split('\n')) this.line(pc.dim(line));
  }

  /** One step of the loop; its time is what the work took, and nothing else. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.line('');
    this.line(`${pc.cyan(String(this.steps.length + 1).padStart(2))}  ${pc.bold(title)}`);
    const startedAt = performance.now();
    const result = await work();
    const milliseconds = performance.now() - startedAt;
    this.steps.push({ title, milliseconds });
    this.json({ kind: 'step', number: this.steps.length, title, milliseconds: Math.round(milliseconds) });
    return result;
  }

  /** Lines of a step. */
  say(text: string): void {
    for (const line of text.split('\n')) this.line(`    ${line}`);
  }

  /** A sentence of a step, in as many lines as it takes. */
  aside(text: string): void {
    for (const line of wrap(text, this.terminal.width - 6).split('\n')) this.say(pc.dim(`  ${line}`));
  }

  done(text: string, milliseconds?: number): void {
    const time = milliseconds === undefined ? '' : ` ${pc.dim(`(${duration(milliseconds)})`)}`;
    this.marked(pc.green('✓'), text + time);
  }

  warn(text: string): void {
    this.marked(pc.yellow('!'), text);
  }

  failed(text: string, milliseconds: number): void {
    this.marked(pc.red('✗'), `${text} ${pc.dim(`(${duration(milliseconds)})`)}`);
  }

  private marked(mark: string, text: string): void {
    this.say(`${mark} ${wrap(text, this.terminal.width - 6, '  ')}`);
  }

  finding(lines: readonly FindingLine[], logLine: number): void {
    this.say(findingText(lines, { logLine, amends: false, width: this.terminal.width - 4 }));
  }

  diff({ file, line, before, after }: LineChange): void {
    this.say(pc.cyan(`${file}:${line}`));
    this.say(pc.red(`  - ${before}`));
    this.say(pc.green(`  + ${after}`));
  }

  line(text: string): void {
    this.terminal.lines(this.stream, text);
  }

  /** A line for programs, if they asked. */
  json(value: object): void {
    if (this.asJson) this.terminal.lines('out', JSON.stringify(value));
  }
}

const shownLines = 6;
const redrawMs = 80;

/**
 * The last lines of a run's output, moving on a terminal; elsewhere they are told once, at the end.
 */
export class LiveTail {
  private kept: string[] = [];
  private open = '';
  private count = 0;
  private drawn = 0;
  private lastMs = 0;

  constructor(
    private readonly terminal: Terminal,
    private readonly stream: 'out' | 'err',
  ) {}

  write(text: string): void {
    const lines = (this.open + text).split('\n');
    this.open = lines.pop() ?? '';
    this.count += lines.length;
    this.kept = [...this.kept, ...lines.map((line) => stripControl(line.slice(line.lastIndexOf('\r') + 1)))].slice(-shownLines);
    if (this.moves && Date.now() - this.lastMs >= redrawMs) this.draw();
  }

  end(): void {
    if (this.open !== '') this.write('\n');
    this.draw();
  }

  private get moves(): boolean {
    return this.terminal.streams[this.stream].isTTY === true;
  }

  private draw(): void {
    const width = Math.max(20, this.terminal.width - 8);
    const lines = this.kept.map((line) => `    ${pc.dim('│')} ${pc.dim(cut(line, width))}`);
    if (this.count > this.kept.length) lines.unshift(`    ${pc.dim(`│ ... ${this.count - this.kept.length} lines above`)}`);
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A\u001b[J` : '';
    if (lines.length > 0) this.terminal.raw(this.stream, up + lines.join('\n') + '\n');
    this.drawn = lines.length;
    this.lastMs = Date.now();
  }
}
