import { SLACK } from './metrics/template.ts';
import type { LineBytes, OpenLine } from './metrics/template.ts';

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

  /** `guess`: knows, now and then, where the piece ends that begins here, so that it need not be looked for; asked right before the piece is handed on. */
  constructor(
    private readonly sink: LineSink,
    private readonly guess: (piece: OpenLine) => boolean = () => false,
  ) {}

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
    this.block.fill(chunk, to);
    while (from < to) from = this.wholeLine(from);
  }

  /** Hands on the line that begins here; returns where the next begins. */
  private wholeLine(from: number): number {
    const { block } = this;
    this.find(from);
    if (block.codes[block.to] !== LF || block.to - from > HALF) {
      const end = block.lineEnd();
      if (end - from > HALF) {
        block.select(from, end, false);
        this.text(`${block.text}\n`);
        return end + 1;
      }
    }
    for (;;) {
      const next = block.nextPiece();
      const isLast = block.codes[next] === LF;
      if (isLast || block.to > block.from) this.sink(block, !isLast);
      if (isLast) return next + 1;
      this.find(next);
    }
  }

  private find(from: number): void {
    this.block.open(from);
    if (!this.guess(this.block)) this.block.find(from);
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
class Block implements Piece, OpenLine {
  readonly bytes = this;
  readonly codes = Buffer.alloc(BLOCK + SLACK);
  readonly view = new DataView(this.codes.buffer, this.codes.byteOffset, this.codes.length);
  from = 0;
  to = 0;
  ascii = false;
  private end = 0;
  /** All of the chunk, a character a byte: where those are ASCII it is their text. */
  private whole: string | null = null;
  private known: string | null = null;

  /** `end`: up to there it is whole lines. */
  fill(chunk: Uint8Array, end: number): void {
    this.codes.set(chunk);
    this.end = end;
    this.whole = null;
  }

  /** A piece begins here. */
  open(from: number): void {
    this.select(from, this.end, false);
  }

  endsAt(to: number, ascii: boolean): void {
    this.to = to;
    this.ascii = ascii;
  }

  /** Selects the piece that begins here, up to the next line end or `\r`: there is one. */
  find(from: number): void {
    const { codes, view } = this;
    let ascii = true;
    let i = from;
    search: for (;;) {
      const word = view.getInt32(i, true);
      // Four bytes at a time, unless one of them is not ASCII or below 14, as both ends are.
      if ((((word - 0x0e0e0e0e) | word) & 0x80808080) === 0) {
        i += 4;
        continue;
      }
      for (const stop = i + 4; i < stop; i++) {
        const code = codes[i]!;
        if (code === LF || code === CR) break search;
        if (code >= 0x80) ascii = false;
      }
    }
    this.select(from, i, ascii);
  }

  select(from: number, to: number, ascii: boolean): void {
    this.from = from;
    this.to = to;
    this.ascii = ascii;
    this.known = null;
  }

  get text(): string {
    return (this.known ??= this.ascii ? this.characters().slice(this.from, this.to) : this.codes.toString('utf8', this.from, this.to));
  }

  /** Where the line ends: there is an end. */
  lineEnd(): number {
    return this.codes.indexOf(LF, this.to);
  }

  /** Where the next piece that draws something begins, or the line ends. */
  nextPiece(): number {
    let next = this.to;
    while (this.codes[next] === CR) next++;
    return next;
  }

  private characters(): string {
    return (this.whole ??= this.codes.toString('latin1', 0, this.end));
  }
}
