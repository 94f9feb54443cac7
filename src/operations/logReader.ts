import { stripControl } from '../core/terminal.ts';

export interface LogQuestion {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly around?: number | undefined;
  readonly search?: string | undefined;
  readonly tail: number;
  readonly characters: number;
}

export interface LogPart {
  readonly lines: string;
  readonly totalLines: number;
  readonly matches: number | null;
  readonly leftOut: string;
}

const lineLimit = 400;
const contextLines = 15;
const keptLines = 20_000;

/** Picks lines of a log that may be endless; memory stays flat. */
export class LogReader {
  private readonly decoder = new TextDecoder();
  private rest = '';
  private count = 0;
  private matches = 0;
  private readonly picked: string[] = [];
  private dropped = 0;

  constructor(private readonly question: LogQuestion) {}

  take(chunk: Uint8Array): void {
    const lines = (this.rest + this.decoder.decode(chunk, { stream: true })).split('\n');
    this.rest = lines.pop() ?? '';
    lines.forEach((line) => this.line(line));
    // A bar that redraws itself for hours: only what it last said counts.
    if (this.rest.length > 65_536) this.rest = this.rest.slice(this.rest.lastIndexOf('\r', this.rest.length - 2) + 1).slice(-65_536);
  }

  end(): LogPart {
    if (this.rest !== '') this.line(this.rest);
    const { characters } = this.question;
    const fromEnd = this.isTail;
    const shown: string[] = [];
    let size = 0;
    for (const line of fromEnd ? this.picked.toReversed() : this.picked) {
      if (size + line.length + 1 > characters) break;
      size += line.length + 1;
      shown.push(line);
    }
    if (fromEnd) shown.reverse();
    const left = this.picked.length - shown.length + this.dropped;
    return {
      lines: shown.join('\n'),
      totalLines: this.count,
      matches: this.question.search === undefined ? null : this.matches,
      leftOut:
        left === 0
          ? ''
          : `Left out: ${left} ${left === 1 ? 'line' : 'lines'} ${fromEnd ? 'before these' : 'after these'}. Ask for other lines or more characters.`,
    };
  }

  private get isTail(): boolean {
    const { from, to, around, search } = this.question;
    return from === undefined && to === undefined && around === undefined && search === undefined;
  }

  private line(raw: string): void {
    this.count++;
    const { from, to, around, search, tail } = this.question;
    if (this.isTail) {
      this.pick(raw);
      if (this.picked.length > tail) this.picked.shift();
      return;
    }
    const first = around === undefined ? (from ?? 1) : around - contextLines;
    const last = around === undefined ? (to ?? Infinity) : around + contextLines;
    if (this.count < first || this.count > last) return;
    if (search !== undefined) {
      if (!raw.toLowerCase().includes(search.toLowerCase())) return;
      this.matches++;
    }
    if (this.picked.length < keptLines) this.pick(raw);
    else this.dropped++;
  }

  private pick(raw: string): void {
    const last = raw.replace(/\r+$/, '').split('\r').at(-1) ?? '';
    const text = stripControl(last);
    this.picked.push(`${this.count}: ${text.length > lineLimit ? `${text.slice(0, lineLimit)}…` : text}`);
  }
}
