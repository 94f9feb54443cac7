import { stripControl } from '../core/terminal.ts';
import { jsonLength } from './fitting.ts';

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

/** The end of a log, as Runs.readEnd() gives it. */
export interface LogEnd {
  readonly bytes: Uint8Array;
  /** Of the whole log. */
  readonly totalBytes: number;
  /** Line ends in the whole log. */
  readonly lineEnds: number;
}

/** The longest tail that may be asked for. */
export const maxTail = 20_000;

const lineLimit = 400;
const contextLines = 15;
const keptLines = 20_000;
const more = 'Ask for other lines or more characters.';

interface Line {
  readonly number: number;
  readonly text: string;
}

/** True when nothing but the end of the log is asked for, which can be had without the rest. */
export function asksForEnd({ from, to, around, search }: LogQuestion): boolean {
  return from === undefined && to === undefined && around === undefined && search === undefined;
}

/** Picks lines of a log that may be endless; memory stays flat. */
export class LogReader {
  private readonly decoder = new TextDecoder();
  private rest = '';
  private count = 0;
  private matches = 0;
  private readonly picked: Line[] = [];
  private dropped = 0;

  constructor(private readonly question: Omit<LogQuestion, 'tail'>) {}

  take(chunk: Uint8Array): void {
    const lines = (this.rest + this.decoder.decode(chunk, { stream: true })).split('\n');
    this.rest = lines.pop() ?? '';
    lines.forEach((line) => this.line(line));
    // A bar that redraws itself for hours: only what it last said counts.
    if (this.rest.length > 65_536) this.rest = this.rest.slice(this.rest.lastIndexOf('\r', this.rest.length - 2) + 1).slice(-65_536);
  }

  end(): LogPart {
    if (this.rest !== '') this.line(this.rest);
    const { characters, around, search } = this.question;
    const part = around === undefined ? fromTop(this.picked, characters, this.dropped) : outward(this.picked, around, characters);
    return { ...part, totalLines: this.count, matches: search === undefined ? null : this.matches };
  }

  private line(raw: string): void {
    this.count++;
    const { from, to, around, search } = this.question;
    const first = around === undefined ? (from ?? 1) : around - contextLines;
    const last = around === undefined ? (to ?? Infinity) : around + contextLines;
    if (this.count < first || this.count > last) return;
    if (search !== undefined) {
      if (!raw.toLowerCase().includes(search.toLowerCase())) return;
      this.matches++;
    }
    if (this.picked.length < keptLines) this.picked.push({ number: this.count, text: shown(raw) });
    else this.dropped++;
  }
}

/**
 * The last lines of a log, of which only the end is here.
 *
 * @returns null when more of the log is needed to answer
 */
export function lastLines(
  { bytes, totalBytes, lineEnds }: LogEnd,
  { tail, characters }: Pick<LogQuestion, 'tail' | 'characters'>,
): LogPart | null {
  const isAll = bytes.length >= totalBytes;
  const raw = new TextDecoder().decode(bytes).split('\n');
  // A line is one also while it has no end.
  if (raw.at(-1) === '') raw.pop();
  const isOpen = bytes.length > 0 && bytes[bytes.length - 1] !== 10;
  const totalLines = lineEnds + (isOpen ? 1 : 0);
  const first = totalLines - raw.length + 1;
  const wanted = raw.map((text, i) => ({ number: first + i, raw: text })).slice(-tail);
  const kept: string[] = [];
  let size = 0;
  for (const { number, raw: text } of wanted.toReversed()) {
    // The first line that is here may lack its beginning; what a bar last said of it is whole.
    const isCut = !isAll && number === first && !/\r[^\r]/.test(text);
    if (isCut && kept.length > 0) return null;
    const line = fitted(`${number}: ${isCut ? '…' : ''}${shown(text)}`, characters);
    if (kept.length > 0 && size + jsonLength(line) + 2 > characters) break;
    size += jsonLength(line) + 2;
    kept.push(line);
  }
  const asked = Math.min(tail, totalLines);
  if (!isAll && kept.length === wanted.length && wanted.length < asked) return null;
  const left = asked - kept.length;
  return {
    lines: kept.reverse().join('\n'),
    totalLines,
    matches: null,
    leftOut: left === 0 ? '' : `Left out: ${lines(left)} before these. ${more}`,
  };
}

function fromTop(picked: readonly Line[], characters: number, dropped: number): Pick<LogPart, 'lines' | 'leftOut'> {
  const kept: string[] = [];
  let size = 0;
  for (const { number, text } of picked) {
    const line = fitted(`${number}: ${text}`, characters);
    if (kept.length > 0 && size + jsonLength(line) + 2 > characters) break;
    size += jsonLength(line) + 2;
    kept.push(line);
  }
  const left = picked.length - kept.length + dropped;
  return { lines: kept.join('\n'), leftOut: left === 0 ? '' : `Left out: ${lines(left)} after these. ${more}` };
}

/** From the line that was asked for to both sides, as far as there is room; a side that has reached its end leaves its room to the other. */
function outward(picked: readonly Line[], center: number, characters: number): Pick<LogPart, 'lines' | 'leftOut'> {
  const nearest = picked.reduce(
    (best, { number }, i) => (Math.abs(number - center) < Math.abs((picked[best]?.number ?? 0) - center) ? i : best),
    0,
  );
  const kept = new Map<number, string>();
  let size = 0;
  const add = (index: number): boolean => {
    const line = picked[index];
    if (line === undefined) return false;
    const text = fitted(`${line.number}: ${line.text}`, characters);
    if (kept.size > 0 && size + jsonLength(text) + 2 > characters) return false;
    size += jsonLength(text) + 2;
    kept.set(index, text);
    return true;
  };
  let [before, after] = [add(nearest), kept.size > 0];
  for (let distance = 1; before || after; distance++) {
    before &&= add(nearest - distance);
    after &&= add(nearest + distance);
  }
  const indexes = [...kept.keys()].sort((a, b) => a - b);
  const [above, below] = [indexes[0] ?? 0, picked.length - 1 - (indexes.at(-1) ?? -1)];
  const left = [
    ...(above > 0 ? [`${lines(above)} before these`] : []),
    ...(below > 0 && kept.size > 0 ? [`${lines(below)} after these`] : []),
  ];
  return {
    lines: indexes.map((index) => kept.get(index) ?? '').join('\n'),
    leftOut: left.length === 0 ? '' : `Left out: ${left.join(', ')}. ${more}`,
  };
}

/** What a terminal would show of a line in the end, not longer than anybody reads. */
function shown(raw: string): string {
  const text = stripControl(raw.replace(/\r+$/, '').split('\r').at(-1) ?? '');
  return text.length > lineLimit ? `${text.slice(0, lineLimit)}…` : text;
}

function fitted(line: string, characters: number): string {
  if (jsonLength(line) <= characters) return line;
  let end = characters;
  while (jsonLength(line.slice(0, end)) >= characters) end = Math.floor(end * 0.9);
  return `${line.slice(0, end)}…`;
}

function lines(count: number): string {
  return `${count} ${count === 1 ? 'line' : 'lines'}`;
}
