/**
 * Large files move in segments over several sessions at once. One SSH channel carries at most its window (2 MB in OpenSSH
 * and in ssh2) a round trip, about 20 MB/s at 100 ms; several channels of one connection add up. Each side writes a segment
 * at its offset into a partial file and notes down its blocks, so that a transfer that broke off goes on where it was.
 */
export const blockBytes = 1024 * 1024;

/** Consecutive blocks that are moved by one request. */
export interface Segment {
  readonly first: number;
  readonly blocks: number;
}

/** The longest segment. The pod starts a process or two for each, so short ones cost. */
const mostBlocks = 16;

/** From here on a file is worth several sessions; below, it arrives before they are all open. */
export const largeBytes = 8 * 1024 * 1024;

/** Sessions for one large file: eight windows fill 1 Gbit/s at 130 ms. */
const mostStripes = 8;

/** Over a short way a window is no limit, and each session costs both sides processes and memory. */
export function stripesFor(roundTripMs: number): number {
  return roundTripMs < 15 ? 3 : mostStripes;
}

/** Which blocks of a file are still to be moved, handed out in order. */
export class BlockPlan {
  readonly count: number;
  private readonly done = new Set<number>();
  private readonly taken = new Set<number>();
  private readonly handedOut = new Map<number, Segment>();
  private next = 0;
  private attempts = 1;
  private wake: () => void = () => {};
  private change = this.nextChange();

  constructor(readonly bytes: number) {
    this.count = Math.ceil(bytes / blockBytes);
  }

  /** The next blocks that are neither done nor under way. */
  take(most: number): Segment | undefined {
    while (this.next < this.count && !this.isFree(this.next)) this.next++;
    const first = this.next;
    while (this.next < this.count && this.next < first + most && this.isFree(this.next)) this.taken.add(this.next++);
    this.changed();
    if (this.next === first) return undefined;
    const segment = { first, blocks: this.next - first };
    this.handedOut.set(first, segment);
    return segment;
  }

  /** @returns the bytes that are new with it. */
  finish(block: number): number {
    if (!Number.isInteger(block) || block < 0 || block >= this.count || this.done.has(block)) return 0;
    this.done.add(block);
    this.changed();
    return this.endOf(block) - block * blockBytes;
  }

  isDone(block: number): boolean {
    return this.done.has(block);
  }

  get isComplete(): boolean {
    return this.done.size === this.count;
  }

  /** Nothing is left to begin with: all of it is done or under way. */
  get isHandedOut(): boolean {
    return this.next === this.count;
  }

  /** Those at the end that nobody has asked for yet. */
  get blocksAhead(): number {
    return this.count - this.next;
  }

  /** What is under way from this block on. */
  underWayAt(first: number): Segment | undefined {
    return this.handedOut.get(first);
  }

  /** Which attempt this is, from 1. What is under way in one says nothing about the next. */
  get attempt(): number {
    return this.attempts;
  }

  /** Settles when more of it is done or under way than now, or it was started over. */
  whenChanged(): Promise<void> {
    return this.change;
  }

  /** How many sessions have something to do. */
  sessions(stripes: number): number {
    return Math.min(stripes, Math.ceil((this.count - this.done.size) / 2));
  }

  get bytesLeft(): number {
    let bytes = 0;
    for (let block = 0; block < this.count; block++) if (!this.done.has(block)) bytes += this.endOf(block) - block * blockBytes;
    return bytes;
  }

  /** What was under way when the connection went is to be moved again. */
  startOver(): void {
    this.taken.clear();
    this.handedOut.clear();
    this.next = 0;
    this.attempts++;
    this.changed();
  }

  /** The byte after a block; the last one may be shorter than the others. */
  endOf(block: number): number {
    return Math.min((block + 1) * blockBytes, this.bytes);
  }

  lengthOf({ first, blocks }: Segment): number {
    return this.endOf(first + blocks - 1) - first * blockBytes;
  }

  private nextChange(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  private changed(): void {
    this.wake();
    this.change = this.nextChange();
  }

  private isFree(block: number): boolean {
    return !this.done.has(block) && !this.taken.has(block);
  }
}

/**
 * What one of so many sessions moves. The first segments are short: over a slow line a long one takes half a minute, and a line that
 * breaks more often than that would never get on. So are the last, that all sessions end at about the same time.
 */
export function* segmentsOf(plan: BlockPlan, stripes: number): Generator<Segment> {
  for (let most = 1; ; most = Math.min(2 * most, mostBlocks)) {
    const share = Math.floor(plan.blocksAhead / (2 * stripes));
    const segment = plan.take(Math.max(1, Math.min(most, share)));
    if (!segment) return;
    yield segment;
  }
}
