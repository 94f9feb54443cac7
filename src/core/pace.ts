/** Over so long a pace is taken: short enough to follow a line that slows down, long enough to stand still. */
const windowMs = 3_000;
/** A pace over less than this says little. */
const shortestMs = 500;
/** Samples need not lie closer. */
const betweenMs = 100;

/** How fast something goes on, lately. What was done before the first time it is told does not count. */
export class Pace {
  private readonly samples: { readonly atMs: number; readonly done: number }[] = [];

  /** @returns how much a second, undefined while it is too early to tell */
  perSecond(done: number, atMs: number): number | undefined {
    const last = this.samples.at(-1);
    if (last && done < last.done) this.samples.length = 0; // it began anew
    if (!last || atMs - last.atMs >= betweenMs) this.samples.push({ atMs, done });
    while (this.samples.length > 1 && atMs - (this.samples[1]?.atMs ?? atMs) >= windowMs) this.samples.shift();
    const [first] = this.samples;
    if (!first || atMs - first.atMs < shortestMs) return undefined;
    return ((done - first.done) * 1000) / (atMs - first.atMs);
  }
}
