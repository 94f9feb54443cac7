/** Less says nothing about the line. */
const tellingBytes = 512 * 1024;
/** Content that comes compressed at less than this, in bytes a second, would hardly come sooner as it is. */
const slowBytesPerS = 4e6;
/** And at more than this (100 Mbit/s) as it is, it is there about as soon as gzip makes it less. */
const fastBytesPerS = 13e6;

/**
 * Whether what shrinks goes to a pod compressed. Which way is quicker depends on the line and on the processors at both ends,
 * so both are tried, and what did better is kept. Over an unknown line content is compressed: that costs little where the
 * line turns out to be quick, and the other way round much.
 */
export class CompressionChoice {
  /** Of content. */
  private readonly bytesPerS = new Map<'compressed' | 'plain', number>();

  get pays(): boolean {
    const compressed = this.bytesPerS.get('compressed');
    const plain = this.bytesPerS.get('plain');
    if (compressed === undefined) return plain === undefined || plain < fastBytesPerS;
    return compressed > (plain ?? (compressed < slowBytesPerS ? 0 : Infinity));
  }

  /**
   * To be told how long content took, from the first byte to the word that the pod has it all.
   *
   * @param bytes before compression
   * @param roundTripMs in which no line moves anything
   */
  learn(isCompressed: boolean, bytes: number, ms: number, roundTripMs: number): void {
    if (bytes < tellingBytes) return;
    const [way, other] = isCompressed ? (['compressed', 'plain'] as const) : (['plain', 'compressed'] as const);
    const before = this.bytesPerS.get(way);
    const now = (bytes / Math.max(1, ms - roundTripMs)) * 1000;
    this.bytesPerS.set(way, now);
    // The line has become another one, and what was found out about it is of no use.
    if (before !== undefined && (now > 2 * before || now < before / 2)) this.bytesPerS.delete(other);
  }
}
