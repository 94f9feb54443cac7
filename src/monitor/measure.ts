import type { Role } from './metrics/names.ts';
import type { LossSeries, Place } from './series.ts';

/** What is known of one metric: its last value and its extremes, and what the trends follow it by. Plans keep theirs, so that a line need not look them up by name. */
export class Measure {
  last = Number.NaN;
  low = Number.NaN;
  lowAt: Place = NOWHERE;
  high = Number.NaN;
  highAt: Place = NOWHERE;
  count = 0;
  /** Kept by the trends. */
  series: LossSeries | null = null;

  constructor(
    readonly name: string,
    readonly role: Role,
  ) {}

  add(value: number, place: Place): void {
    this.last = value;
    this.count++;
    if (value < this.low || Number.isNaN(this.low)) {
      this.low = value;
      this.lowAt = { epoch: place.epoch, step: place.step };
    }
    if (value > this.high || Number.isNaN(this.high)) {
      this.high = value;
      this.highAt = { epoch: place.epoch, step: place.step };
    }
  }
}

const NOWHERE: Place = { epoch: null, step: null };
