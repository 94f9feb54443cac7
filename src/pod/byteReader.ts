/** Takes a byte stream apart by lines and lengths, whatever its chunks are. */
export class ByteReader {
  private rest: Buffer = Buffer.alloc(0);
  private readonly source: AsyncIterator<Buffer>;

  constructor(stream: AsyncIterable<Buffer>) {
    this.source = stream[Symbol.asyncIterator]();
  }

  /** Up to the next newline, without it; undefined at the end of the stream or after `longest` bytes without one. */
  async line(longest = 4096): Promise<string | undefined> {
    for (;;) {
      const at = this.rest.indexOf(0x0a);
      if (at >= 0) {
        const line = this.rest.toString('utf8', 0, at);
        this.rest = this.rest.subarray(at + 1);
        return line;
      }
      if (this.rest.length > longest) return undefined;
      const next = await this.source.next();
      if (next.done) return undefined;
      this.rest = Buffer.concat([this.rest, next.value]);
    }
  }

  /** The next `length` bytes in whatever pieces they come; fewer when the stream ends before. */
  async *bytes(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      if (this.rest.length === 0) {
        const next = await this.source.next();
        if (next.done) return;
        this.rest = next.value;
      }
      const part = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** Reads to the end and throws it away, as a stream has to be read to its end for its close to come. */
  async drain(): Promise<void> {
    this.rest = Buffer.alloc(0);
    while (!(await this.source.next()).done);
  }
}
