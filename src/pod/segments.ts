/**
 * Large files move in segments over several sessions at once. One SSH channel carries at most its window (2 MB in OpenSSH
 * and in ssh2) a round trip, about 20 MB/s at 100 ms; several channels of one connection add up. Each side writes a segment
 * at its offset into a partial file and notes it down, so that a transfer that broke off goes on where it was.
 */
export const blockBytes = 1024 * 1024;
export const segmentBlocks = 4;
export const segmentBytes = segmentBlocks * blockBytes;

/** From here on a file is worth several sessions; below, it arrives before they are all open. */
export const largeBytes = 8 * 1024 * 1024;

/** Sessions for one large file: eight windows fill 1 Gbit/s at 130 ms. */
export const stripes = 8;

/** Which segments of a file are still to be moved, handed out in order. */
export class SegmentPlan {
  readonly count: number;
  private readonly done = new Set<number>();
  private readonly taken = new Set<number>();
  private next = 0;

  constructor(readonly bytes: number) {
    this.count = Math.ceil(bytes / segmentBytes);
  }

  /** The next one that is neither done nor under way. */
  take(): number | undefined {
    while (this.next < this.count && (this.done.has(this.next) || this.taken.has(this.next))) this.next++;
    if (this.next >= this.count) return undefined;
    this.taken.add(this.next);
    return this.next;
  }

  /** @returns the bytes that are new with it. */
  finish(index: number): number {
    if (index < 0 || index >= this.count || this.done.has(index)) return 0;
    this.done.add(index);
    return this.lengthOf(index);
  }

  isDone(index: number): boolean {
    return this.done.has(index);
  }

  get isComplete(): boolean {
    return this.done.size === this.count;
  }

  /** Segments not done. */
  get left(): number {
    return this.count - this.done.size;
  }

  get bytesLeft(): number {
    let bytes = 0;
    for (let index = 0; index < this.count; index++) if (!this.done.has(index)) bytes += this.lengthOf(index);
    return bytes;
  }

  /** What was under way when the connection went is to be moved again. */
  startOver(): void {
    this.taken.clear();
    this.next = 0;
  }

  offsetOf(index: number): number {
    return index * segmentBytes;
  }

  lengthOf(index: number): number {
    return Math.min(segmentBytes, this.bytes - index * segmentBytes);
  }
}
