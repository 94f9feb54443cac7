import type { Thresholds } from './thresholds.ts';

/** What is in the middle, of any number of values but none (the first `count`); by Hoare's selection, since sorting them all is more than is asked. */
export function median(values: ArrayLike<number>, count = values.length): number {
  if (kept.length < count) kept = new Float64Array(count);
  for (let i = 0; i < count; i++) kept[i] = values[i]!;
  const middle = count >> 1;
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const pivot = kept[middle]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (kept[i]! < pivot) i++;
      while (pivot < kept[j]!) j--;
      if (i > j) break;
      const moved = kept[i]!;
      kept[i++] = kept[j]!;
      kept[j--] = moved;
    }
    if (j < middle) low = i;
    if (middle < i) high = j;
  }
  return kept[middle]!;
}

/** Room for the values of which the median is looked for. */
let kept = new Float64Array(64);

/** Where training is, as far as it was printed; it moves on. */
export interface Place {
  readonly epoch: number | null;
  readonly step: number | null;
}

/** One loss: its recent values, its best, how long ago that was. Constant memory. */
export class LossSeries {
  /** Which of several began earlier. */
  order = 0;
  first = Number.NaN;
  last = Number.NaN;
  best = Infinity;
  /** Values since the last improvement. */
  sinceBest = 0;
  /** Values in a row that lie above the best by the overfitting ratio. */
  above = 0;
  /** Values in a row that are no improvement, yet next to the best. */
  still = 0;
  /** Times in a row that a value lay above the one before. */
  rises = 0;
  /** A value an epoch, as far as was seen. */
  perEpoch = false;
  /** The window's median when it was last needed. */
  usual = Number.NaN;

  /** Of which the first `filled` count. */
  private readonly window: number[] = [];
  private filled = 0;
  private next = 0;
  private high = 0;
  /** No spike lies at or below this: kept so that an ordinary value costs one comparison. */
  private ceiling = Infinity;
  private sinceCeiling = 0;
  private epoch: number | null = null;
  private step: number | null = null;

  constructor(
    private readonly thresholds: Thresholds,
    /** It is measured on other data than what is trained on. */
    readonly isValidation: boolean,
    /** It is what training brings down. */
    readonly isTraining: boolean,
  ) {}

  /** A model's loss begins here; what was seen before belongs to another. `order`: grows with every beginning. */
  begin(epoch: number | null, step: number | null, order: number): void {
    this.epoch = epoch;
    this.step = step;
    this.order = order;
    this.perEpoch = epoch !== null;
    this.first = this.last = this.usual = Number.NaN;
    this.best = this.ceiling = Infinity;
    this.sinceBest = this.above = this.still = this.rises = 0;
    this.filled = this.next = this.high = this.sinceCeiling = 0;
  }

  /**
   * Takes note of where training is; true when that is further back than before: another fold, stage or model has begun, with which this series has nothing to do.
   * Where epochs are printed, a step that starts over is only the loader's next pass.
   */
  startsOver(epoch: number | null, step: number | null): boolean {
    const { epoch: lastEpoch, step: lastStep } = this;
    if (epoch === null || lastEpoch === null || epoch < lastEpoch + 1) this.perEpoch = false;
    this.epoch = epoch;
    this.step = step;
    if (epoch !== null && lastEpoch !== null) return epoch < lastEpoch;
    return epoch === null && lastEpoch === null && step !== null && lastStep !== null && step < lastStep;
  }

  /** Takes a finite value; says whether it is the first of a spike, or the one that makes a lasting one a divergence. */
  add(value: number): 'spike' | 'divergence' | null {
    const { plateauBand, plateauDelta, overfitRatio } = this.thresholds;
    if (Number.isNaN(this.first)) this.first = value;
    this.rises = value > this.last ? this.rises + 1 : 0;
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

  /** It rose and rose, to above where it began: that needs no window. */
  get climbs(): boolean {
    return this.rises >= this.thresholds.riseRun && this.last > this.first && this.last - this.best >= Math.abs(this.best);
  }

  private judge(value: number): 'spike' | 'divergence' | null {
    const { thresholds, perEpoch } = this;
    const size = perEpoch ? thresholds.epochLossWindow : thresholds.lossWindow;
    const run = perEpoch ? thresholds.epochDivergenceRun : thresholds.divergenceRun;
    if (this.filled < size) {
      this.window[this.filled++] = value;
      return null;
    }
    if (this.ceiling === Infinity || ++this.sinceCeiling >= 2 * size) this.measure();
    if (value > this.ceiling) {
      this.high++;
      return this.high === 1 ? 'spike' : this.high === run ? 'divergence' : null;
    }
    this.high = 0;
    this.window[this.next] = value;
    this.next = (this.next + 1) % size;
    return null;
  }

  private measure(): void {
    const { spikeScore } = this.thresholds;
    this.sinceCeiling = 0;
    const window = this.window.slice(0, this.filled);
    this.usual = median(window);
    const spread = 1.4826 * median(window.map((v) => Math.abs(v - this.usual)));
    // Few values tell little of their spread: there a spike is what doubles.
    this.ceiling = this.usual + Math.max(spikeScore * spread, Math.abs(this.usual) / (this.perEpoch ? 1 : 2));
  }
}

/** The newest values of a kind. */
export class Recent {
  private readonly values: Float64Array;
  private next = 0;
  count = 0;

  constructor(private readonly size: number) {
    this.values = new Float64Array(size);
  }

  add(value: number): void {
    this.values[this.next] = value;
    this.next = this.next + 1 === this.size ? 0 : this.next + 1;
    if (this.count < this.size) this.count++;
  }

  clear(): void {
    this.count = 0;
    this.next = 0;
  }

  /** Of any but none. */
  get median(): number {
    return median(this.values, this.count);
  }
}
