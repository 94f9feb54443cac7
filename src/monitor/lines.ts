/**
 * What the splitter hands on: a piece of a line that a `\r` overwrote (`redraw`), or the line as it stood when it ended. With `bytes`, the text is ASCII and stands there from `at` on.
 */
export type LineSink = (text: string, redraw: boolean, bytes: Uint8Array | null, at: number) => void;

/** Longest piece kept, in UTF-16 units: beyond it the middle is dropped, since failures name themselves at the start or the end. */
export const MAX_LINE = 16_384;
const HALF = MAX_LINE / 2;

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

  constructor(private readonly sink: LineSink) {}

  write(chunk: Uint8Array | string): void {
    if (typeof chunk === 'string') {
      this.flushTail();
      this.text(chunk);
    } else this.bytes(chunk);
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
    if (cut === 0) return;
    const text = this.decoder.decode(cut === bytes.length ? bytes : bytes.subarray(0, cut));
    // With a replacement for a wrong byte in it, a line of as many units as bytes need not be ASCII.
    this.text(text, text.includes('\ufffd') ? null : bytes);
  }

  private text(text: string, bytes: Uint8Array | null = null): void {
    if (text === '') return;
    let from = 0;
    // Where the line begins in the bytes; one character is one byte as long as all are ASCII.
    let at = 0;
    const ascii = bytes !== null && bytes.length === text.length;
    const redraws = text.includes('\r');
    for (;;) {
      const end = text.indexOf('\n', from);
      const next = bytes === null || end < 0 ? 0 : ascii ? end + 1 : bytes.indexOf(10, at) + 1;
      const plain = bytes !== null && next - at === end + 1 - from ? bytes : null;
      const piece = end < 0 ? (from === 0 ? text : text.slice(from)) : text.slice(from, end);
      const redrawn = redraws && piece.includes('\r');
      if (end >= 0 && !redrawn && piece.length <= HALF && this.head === '' && this.held === null) {
        // A whole line in one chunk, as nearly all are: nothing to put together.
        this.anything = false;
        this.sink(piece, false, plain, at);
        from = end + 1;
        at = next;
        continue;
      }
      if (redrawn) this.pieces(piece);
      else this.append(piece);
      if (end < 0) {
        this.anything ||= piece !== '';
        return;
      }
      this.endLine();
      from = end + 1;
      at = next;
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
      this.sink(this.held, true, null, 0);
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
    this.sink(text, false, null, 0);
  }
}
