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
  private target: { readonly memory: Buffer; filled: number; readonly onBytes: (bytes: number) => void } | undefined;
  private readonly onData = (whole: Buffer) => {
    const chunk = this.copyToTarget(whole);
    if (chunk.length === 0) return;
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

  /**
   * Fills the memory, or as much of it as there is before the end. What arrives is copied at once: chunks of a large file that
   * wait outlive the collector's quick rounds, and a hundred megabytes of them are there before it takes a thorough one.
   *
   * @returns how many bytes came
   */
  async fill(memory: Buffer, onBytes: (bytes: number) => void): Promise<number> {
    const target = { memory, filled: 0, onBytes };
    this.target = target;
    for (let chunk = this.queue.shift(); chunk; chunk = this.queue.shift()) {
      this.queuedBytes -= chunk.length;
      const rest = this.copyToTarget(chunk);
      if (rest.length === 0) continue;
      this.putBack(rest);
      break;
    }
    while (target.filled < memory.length && !this.ended) {
      this.stream.resume();
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    this.target = undefined;
    return target.filled;
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

  /** @returns what does not go there */
  private copyToTarget(chunk: Buffer): Buffer {
    const { target } = this;
    if (!target) return chunk;
    const bytes = chunk.copy(target.memory, target.filled);
    target.filled += bytes;
    if (bytes > 0) target.onBytes(bytes);
    if (target.filled === target.memory.length) this.wake();
    return chunk.subarray(bytes);
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
