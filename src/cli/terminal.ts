import { Pace } from '../core/pace.ts';
import type { Progress } from '../operations/operation.ts';
import { bytes } from '../operations/text.ts';

/** As much of a stream as is written to. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly writableNeedDrain?: boolean;
  on?(event: 'drain' | 'close', listener: () => void): unknown;
  off?(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Where the command line writes to; tests give their own. */
export interface Streams {
  readonly out: Sink;
  readonly err: Sink;
}

const redrawMs = 80;
/** Elsewhere than on a terminal progress is told when something takes long, and then now and again. */
const firstSparseMs = 2_000;
const sparseMs = 10_000;

/**
 * stdout for what was asked for, stderr for what accompanies it. One line of live progress stands below everything on a
 * terminal; elsewhere progress is a line now and then.
 */
export class Terminal {
  /** Text of the live line that is on the screen; empty when there is none. */
  private live = '';
  private lastMs = 0;
  private sparse: ReturnType<typeof setTimeout> | undefined;
  private sparseText = '';
  /** Of what progress was told about last. */
  private paced: { readonly message: string; readonly pace: Pace } | undefined;
  /** Whether what was written last ended its line, on the terminal that both streams may share. */
  private atLineStart = true;
  private pending: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly streams: Streams) {}

  get isLive(): boolean {
    return this.streams.err.isTTY === true;
  }

  /** Columns to write in; lines that reach across a wide screen are hard to read. */
  get width(): number {
    // A terminal that does not know says 0.
    const known = [this.streams.err.columns, this.streams.out.columns].find((columns) => columns !== undefined && columns > 0);
    return Math.min(known ?? 100, 120);
  }

  /** On a terminal, lines that are too long are broken between words. */
  fit(text: string): string {
    if (this.streams.out.isTTY !== true) return text;
    return text
      .split('\n')
      .map((line) => {
        const indent = /^\s*/.exec(line)?.[0] ?? '';
        return indent + wrap(line.slice(indent.length), this.width - indent.length, indent);
      })
      .join('\n');
  }

  /** Text as it comes; it may end within a line. */
  raw(stream: 'out' | 'err', text: string): void {
    if (text === '') return;
    this.clear();
    this.streams[stream].write(text);
    this.atLineStart = text.endsWith('\n');
  }

  /** Whole lines, below whatever stands there. */
  lines(stream: 'out' | 'err', text: string): void {
    this.freshLine(stream);
    this.raw(stream, text + '\n');
  }

  /** Output of a program may have stopped within a line. */
  freshLine(stream: 'out' | 'err' = 'err'): void {
    this.clear();
    if (this.atLineStart) return;
    this.streams[stream].write('\n');
    this.atLineStart = true;
  }

  progress(progress: Progress): void {
    const now = Date.now();
    if (this.paced?.message !== progress.message) this.paced = { message: progress.message, pace: new Pace() };
    const isTransfer = progress.unit === 'bytes' && progress.done !== undefined;
    const text = progressText(progress, isTransfer ? this.paced.pace.perSecond(progress.done, now) : undefined);
    if (this.isLive) {
      clearTimeout(this.pending);
      if (now - this.lastMs >= redrawMs) this.draw(text);
      else {
        // The last state of a quick series is shown too.
        this.pending = setTimeout(() => this.draw(text), redrawMs);
        this.pending.unref();
      }
      return;
    }
    this.sparseText = text;
    this.sparse ??= this.later(firstSparseMs);
  }

  private later(delayMs: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.streams.err.write(this.sparseText + '\n');
      this.sparse = this.later(sparseMs);
    }, delayMs);
    timer.unref();
    return timer;
  }

  /** Resolves when whoever reads stdout has caught up, or is gone. */
  async drained(): Promise<void> {
    const { out } = this.streams;
    if (out.writableNeedDrain !== true) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        out.off?.('drain', done);
        out.off?.('close', done);
        resolve();
      };
      out.on?.('drain', done);
      out.on?.('close', done);
    });
  }

  /** Takes the live line away. */
  clear(): void {
    clearTimeout(this.pending);
    clearTimeout(this.sparse);
    this.sparse = undefined;
    if (this.live === '') return;
    this.streams.err.write('\r\u001b[K');
    this.live = '';
  }

  private draw(text: string): void {
    // Not below a half-written line of output: it would be overwritten.
    if (!this.atLineStart) return;
    const line = cut(text, this.width - 1);
    if (line === this.live) return;
    this.streams.err.write(`\r\u001b[K${line}`);
    this.live = line;
    this.lastMs = Date.now();
  }
}

/** @param perSecond how many bytes move in one */
export function progressText({ message, done, total, unit }: Progress, perSecond?: number): string {
  if (done === undefined) return `${message} ...`;
  const show = (number: number) => (unit === 'bytes' ? bytes(number) : String(number));
  const percent = total !== undefined && total > 0 ? ` ${Math.min(100, Math.floor((100 * done) / total))}%` : '';
  return `${message}${percent}  ${show(done)}${total === undefined ? '' : ` of ${show(total)}`}${unit === 'files' ? ' files' : ''}${perSecond === undefined ? '' : `  ${bytes(Math.round(perSecond))}/s`}`;
}

/** Words in lines of at most `width` columns; the lines after the first begin with `indent`. Words longer than that stay whole. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' && lines.length === 0 ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** At most `width` columns of a line without colours. */
export function cut(line: string, width: number): string {
  return line.length <= width ? line : line.slice(0, Math.max(0, width - 1)) + '…';
}

/** Without the colours that picocolors puts in. */
function columnsOf(text: string): number {
  return text.replace(/\u001b\[\d+m/g, '').length;
}
