import type { Readable } from 'node:stream';

/** What may wait here unread before the sender is asked to wait. */
const mostQueuedBytes = 512 * 1024;

/**
 * Takes a byte stream apart by lines and lengths, whatever its chunks are. Not an async iterator over the stream: one
 * that was left in the middle could neither be drained nor dropped while it waits.
 */
export class ByteReader {
  private readonly queue: Buffer[] = [];
  private queuedBytes = 0;
  private ended = false;
  private wake: () => void = () => {};
  private readonly onData = (chunk: Buffer) => {
    this.queue.push(chunk);
    this.queuedBytes += chunk.length;
    if (this.queuedBytes >= mostQueuedBytes) this.stream.pause();
    this.wake();
  };

  constructor(private readonly stream: Readable) {
    stream.on('data', this.onData).once('end', () => {
      this.ended = true;
      this.wake();
    });
    stream.resume();
  }

  /** Up to the next newline, without it; undefined at the end of the stream or after `longest` bytes without one. */
  async line(longest = 4096): Promise<string | undefined> {
    let seen = Buffer.alloc(0);
    for (;;) {
      const chunk = await this.next();
      if (!chunk) return undefined;
      const at = chunk.indexOf(0x0a);
      if (at >= 0) {
        this.putBack(chunk.subarray(at + 1));
        return Buffer.concat([seen, chunk.subarray(0, at)]).toString('utf8');
      }
      seen = Buffer.concat([seen, chunk]);
      if (seen.length > longest) return undefined;
    }
  }

  /** The next `length` bytes in whatever pieces they come; fewer when the stream ends before. */
  async *bytes(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      const chunk = await this.next();
      if (!chunk) return;
      const part = chunk.subarray(0, left);
      this.putBack(chunk.subarray(part.length));
      left -= part.length;
      yield part;
    }
  }

  /** Waits for the next byte or the end. */
  async hasMore(): Promise<boolean> {
    const chunk = await this.next();
    if (chunk) this.putBack(chunk);
    return chunk !== undefined;
  }

  /** Reads to the end and throws it away, as a stream has to be read to its end for its close to come. Who still reads is at the end. */
  drop(): void {
    this.queue.length = 0;
    this.ended = true;
    this.stream.off('data', this.onData).resume();
    this.wake();
  }

  private async next(): Promise<Buffer | undefined> {
    while (this.queue.length === 0 && !this.ended) {
      this.stream.resume();
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const chunk = this.queue.shift();
    this.queuedBytes -= chunk?.length ?? 0;
    return chunk;
  }

  private putBack(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.queue.unshift(chunk);
    this.queuedBytes += chunk.length;
  }
}
