import { median } from './series.ts';
import type { Thresholds } from './thresholds.ts';

/** Step times remembered. */
const WINDOW = 64;

/**
 * Tells when a run stands still. It has no clock of its own: who follows a live run says what time it is, and the finding is therefore the only one that cannot be derived from the
 * log again.
 */
export class HangWatch {
  private readonly gaps: number[] = [];
  private lastMs: number | null = null;
  private told = false;

  constructor(private readonly thresholds: Thresholds) {}

  /** Progress was seen at this time (milliseconds of any steady clock). */
  progress(nowMs: number): void {
    if (this.lastMs !== null && nowMs > this.lastMs) {
      if (this.gaps.length >= WINDOW) this.gaps.shift();
      this.gaps.push(nowMs - this.lastMs);
    }
    this.lastMs = nowMs;
    this.told = false;
  }

  /** The hang at this time as a sentence, or null; told once until there is progress again. */
  check(nowMs: number): string | null {
    if (this.told || this.lastMs === null || this.gaps.length < 3) return null;
    const usual = median(this.gaps);
    const idle = nowMs - this.lastMs;
    if (idle < Math.max(this.thresholds.hangMinMs, this.thresholds.hangFactor * usual)) return null;
    this.told = true;
    return `no progress for ${seconds(idle)}; usually every ${seconds(usual)}`;
  }
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
