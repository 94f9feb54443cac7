import { SLACK } from './metrics/template.ts';
import type { LineBytes } from './metrics/template.ts';

/** A piece of a line, as long as the call lasts that hands it on: the same object is the next piece. */
export interface Piece {
  /** Decoded when it is asked for, which most redraws never are. */
  readonly text: string;
  /** Null when it came as text, or in several chunks. */
  readonly bytes: LineBytes | null;
  /** Its bytes are its characters. */
  readonly ascii: boolean;
}

/** What the splitter hands on: a piece of a line that a `\r` overwrote (`redraw`), or the line as it stood when it ended. */
export type LineSink = (piece: Piece, redraw: boolean) => void;

/** Longest piece kept, in UTF-16 units: beyond it the middle is dropped, since failures name themselves at the start or the end. */
export const MAX_LINE = 16_384;
const HALF = MAX_LINE / 2;
/** Bytes looked at at once. */
const BLOCK = 65_536;

const LF = 10;
const CR = 13;

/** A piece by its text. */
export function pieceOf(text: string): Piece {
  return { text, bytes: null, ascii: false };
}

/**
 * Bytes to lines. Any chunking of the same bytes gives the same calls: UTF-8 sequences and `\r\n` may be cut anywhere.
 *
 * `\r` redraws: of a line's pieces the empty ones are dropped (they draw nothing); the last is the line, the ones before are redraws. A piece is
 * therefore handed on when the next one begins or the line ends, not at its own `\r`.
 */
export class LineReader {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** Bytes of a UTF-8 sequence whose rest is in the next chunk. */
  private tail: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  /** The piece being read: its first `HALF` units, then the rest (trimmed to its last `HALF` when it grows past twice that). */
  private head = '';
  private rest = '';
  private restDropped = false;
  /** A finished piece that awaits whether another follows on the same line. */
  private held: string | null = null;
  private anything = false;
  private readonly block = new Block();

  constructor(private readonly sink: LineSink) {}

  write(chunk: Uint8Array | string): void {
    if (typeof chunk === 'string') {
      this.flushTail();
      this.text(chunk);
    } else for (let at = 0; at < chunk.length; at += BLOCK) this.bytes(chunk.subarray(at, at + BLOCK));
  }

  end(): void {
    this.flushTail();
    if (this.anything) this.endLine();
  }

  private flushTail(): void {
    if (this.tail.length === 0) return;
    const left = this.tail;
    this.tail = new Uint8Array(0);
    this.text(this.decoder.decode(left));
  }

  private bytes(chunk: Uint8Array): void {
    let from = 0;
    if (this.anything || this.tail.length > 0) {
      from = chunk.indexOf(LF) + 1;
      if (from === 0) return this.part(chunk);
      this.part(chunk.subarray(0, from));
    }
    const to = chunk.lastIndexOf(LF) + 1;
    if (to > from) this.wholeLines(chunk, from, to);
    if (to < chunk.length) this.part(to === 0 ? chunk : chunk.subarray(to));
  }

  /** Bytes that need not be whole lines. */
  private part(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.tail.length > 0) {
      bytes = new Uint8Array(this.tail.length + chunk.length);
      bytes.set(this.tail);
      bytes.set(chunk, this.tail.length);
    }
    // A sequence has at most 3 bytes after its first: hold back from a lead byte whose sequence is not complete yet.
    let cut = bytes.length;
    for (let back = 1; back <= 3 && back <= bytes.length; back++) {
      const byte = bytes[bytes.length - back]!;
      if (byte < 0x80) break;
      if (byte >= 0xc0) {
        const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        if (need > back) cut = bytes.length - back;
        break;
      }
    }
    this.tail = bytes.slice(cut);
    if (cut > 0) this.text(this.decoder.decode(cut === bytes.length ? bytes : bytes.subarray(0, cut)));
  }

  /** Lines that begin and end in this chunk, as nearly all do: nothing has to be put together, and what nobody asks for is not even decoded. */
  private wholeLines(chunk: Uint8Array, from: number, to: number): void {
    const { block } = this;
    block.fill(chunk);
    while (from < to) {
      const ascii = block.asciiLines(from, to);
      while (from < ascii) from = this.wholeLine(from);
      if (from < to) {
        block.mixed();
        from = this.wholeLine(from);
      }
    }
  }

  /** Hands on the line that begins here; returns where the next begins. */
  private wholeLine(from: number): number {
    const { block } = this;
    const end = block.endOf(from);
    if (end - from > HALF) {
      block.select(from, end);
      this.text(`${block.text}\n`);
      return end + 1;
    }
    // The last piece that draws something.
    let begin = from;
    let stop = block.nextReturn(from, end);
    for (let next = stop + 1; next <= end;) {
      const until = block.nextReturn(next, end);
      if (until > next) {
        if (stop > begin) {
          block.select(begin, stop);
          this.sink(block, true);
        }
        begin = next;
        stop = until;
      }
      next = until + 1;
    }
    block.select(begin, stop);
    this.sink(block, false);
    return end + 1;
  }

  private text(text: string): void {
    let from = 0;
    for (;;) {
      const end = text.indexOf('\n', from);
      const piece = text.slice(from, end < 0 ? text.length : end);
      if (piece.includes('\r')) this.pieces(piece);
      else this.append(piece);
      if (end < 0) {
        this.anything ||= piece !== '';
        return;
      }
      this.endLine();
      from = end + 1;
    }
  }

  private pieces(text: string): void {
    let from = 0;
    for (;;) {
      const end = text.indexOf('\r', from);
      if (end < 0) break;
      this.append(text.slice(from, end));
      this.hold();
      from = end + 1;
    }
    this.append(text.slice(from));
  }

  private append(text: string): void {
    if (text === '') return;
    if (this.held !== null) {
      this.sink(pieceOf(this.held), true);
      this.held = null;
    }
    if (this.head.length < HALF) {
      if (this.head === '' && text.length <= HALF) {
        this.head = text;
        return;
      }
      const room = HALF - this.head.length;
      this.head += text.slice(0, room);
      text = text.slice(room);
      if (text === '') return;
    }
    this.rest += text;
    if (this.rest.length > 4 * HALF) {
      this.rest = this.rest.slice(-HALF);
      this.restDropped = true;
    }
  }

  private take(): string {
    if (this.rest === '') {
      const text = this.head;
      this.head = '';
      return text;
    }
    const dropped = this.restDropped || this.rest.length > HALF;
    const text = dropped ? `${this.head} … ${this.rest.slice(-HALF)}` : this.head + this.rest;
    this.head = '';
    this.rest = '';
    this.restDropped = false;
    return text;
  }

  private hold(): void {
    if (this.head !== '') this.held = this.take();
  }

  private endLine(): void {
    const text = this.head === '' && this.held !== null ? this.held : this.take();
    this.held = null;
    this.anything = false;
    this.sink(pieceOf(text), false);
  }
}

/** The bytes of a chunk, and a piece of them. */
class Block implements Piece, LineBytes {
  readonly bytes = this;
  readonly codes = new Uint16Array(BLOCK);
  from = 0;
  to = 0;
  ascii = false;

  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private readonly copy = new Uint8Array(BLOCK + SLACK);
  readonly view = new DataView(this.copy.buffer);
  private chunk: Uint8Array = this.copy;
  /** Decoded text of the lines that are ASCII from `runAt` on. */
  private run = '';
  private runAt = 0;
  private known: string | null = null;
  /** The next `\r` that was found; looked for again once it is passed. */
  private return = -1;

  fill(chunk: Uint8Array): void {
    this.return = -1;
    this.chunk = chunk;
    this.codes.set(chunk);
    this.copy.set(chunk);
  }

  /** Decodes the lines from here on that are ASCII, up to `to`; returns where they end. */
  asciiLines(from: number, to: number): number {
    const other = this.firstOther(from, to);
    const end = other === to ? to : Math.max(from, this.chunk.lastIndexOf(LF, other) + 1);
    this.ascii = true;
    this.run = end === from ? '' : this.decoder.decode(this.chunk.subarray(from, end));
    this.runAt = from;
    return end;
  }

  /** The next line is not ASCII. */
  mixed(): void {
    this.ascii = false;
  }

  select(from: number, to: number): void {
    this.from = from;
    this.to = to;
    this.known = null;
  }

  get text(): string {
    return (this.known ??= this.ascii
      ? this.run.slice(this.from - this.runAt, this.to - this.runAt)
      : this.decoder.decode(this.chunk.subarray(this.from, this.to)));
  }

  /** Where the line ends that begins here: there is an end. */
  endOf(from: number): number {
    return this.chunk.indexOf(LF, from);
  }

  /** Where the next `\r` is, or `to`. */
  nextReturn(from: number, to: number): number {
    if (this.return < from) {
      const at = this.chunk.indexOf(CR, from);
      this.return = at < 0 ? Infinity : at;
    }
    return this.return < to ? this.return : to;
  }

  /** Where the first byte is that is not ASCII, or `to`. */
  private firstOther(from: number, to: number): number {
    const { view, copy } = this;
    let i = from;
    while (i + 4 <= to && (view.getInt32(i) & 0x80808080) === 0) i += 4;
    while (i < to && copy[i]! < 0x80) i++;
    return i;
  }
}
