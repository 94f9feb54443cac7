import type { Thresholds } from './thresholds.ts';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Where training is, as far as it was printed; it moves on. */
export interface Place {
  readonly epoch: number | null;
  readonly step: number | null;
}

/** One loss: its recent values, its best, how long ago that was. Constant memory. */
export class LossSeries {
  last = Number.NaN;
  best = Infinity;
  /** Values since the last improvement. */
  sinceBest = 0;
  /** Values in a row that lie above the best by the overfitting ratio. */
  above = 0;
  /** Values in a row that are no improvement, yet next to the best. */
  still = 0;
  /** The window's median when it was last needed. */
  usual = Number.NaN;

  private readonly window: number[] = [];
  private next = 0;
  private high = 0;
  /** No spike lies at or below this: kept so that an ordinary value costs one comparison. */
  private ceiling = Infinity;
  private sinceCeiling = 0;

  constructor(
    private readonly thresholds: Thresholds,
    private epoch: number | null,
    private step: number | null,
  ) {}

  /**
   * Takes note of where training is; true when that is further back than before: another fold, stage or model has begun, with which this series has nothing to do.
   * Where epochs are printed, a step that starts over is only the loader's next pass.
   */
  startsOver(epoch: number | null, step: number | null): boolean {
    const { epoch: lastEpoch, step: lastStep } = this;
    this.epoch = epoch;
    this.step = step;
    if (epoch !== null && lastEpoch !== null) return epoch < lastEpoch;
    return epoch === null && lastEpoch === null && step !== null && lastStep !== null && step < lastStep;
  }

  /** Takes a finite value; says whether it is the first of a spike, or the one that makes a lasting one a divergence. */
  add(value: number): 'spike' | 'divergence' | null {
    const { plateauBand, plateauDelta, overfitRatio } = this.thresholds;
    this.last = value;
    if (value < this.best - Math.abs(this.best === Infinity ? 0 : this.best) * plateauDelta) {
      this.best = value;
      this.sinceBest = 0;
    } else this.sinceBest++;
    const rise = value - this.best;
    this.above = rise > Math.abs(this.best) * overfitRatio ? this.above + 1 : 0;
    this.still = this.sinceBest > 0 && rise <= Math.abs(this.best) * plateauBand ? this.still + 1 : 0;
    return this.judge(value);
  }

  private judge(value: number): 'spike' | 'divergence' | null {
    const { lossWindow, divergenceRun } = this.thresholds;
    if (this.window.length < lossWindow) {
      this.window.push(value);
      return null;
    }
    if (this.ceiling === Infinity || ++this.sinceCeiling >= 2 * lossWindow) this.measure();
    if (value > this.ceiling) {
      this.high++;
      return this.high === 1 ? 'spike' : this.high === divergenceRun ? 'divergence' : null;
    }
    this.high = 0;
    this.window[this.next] = value;
    this.next = (this.next + 1) % lossWindow;
    return null;
  }

  private measure(): void {
    const { spikeScore } = this.thresholds;
    this.sinceCeiling = 0;
    this.usual = median(this.window);
    const spread = 1.4826 * median(this.window.map((v) => Math.abs(v - this.usual)));
    this.ceiling = this.usual + Math.max(spikeScore * spread, Math.abs(this.usual) / 2);
  }
}
