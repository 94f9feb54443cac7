import type { Scan } from './scan.ts';

/**
 * What the numbers of a line of one shape are: which is which metric, which says where training is. Positions are indices into the line's
 * numbers, so that the plan serves every line of that shape.
 */
export interface Plan {
  /** Metric names as printed, and for each the index of its number. */
  readonly names: readonly string[];
  readonly at: readonly number[];
  /** Indices of the numbers, or -1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
}

/** Collects a plan while a format reads a line. */
export class PlanBuilder {
  readonly names: string[] = [];
  readonly at: number[] = [];
  epoch = -1;
  epochs = -1;
  step = -1;
  steps = -1;

  metric(name: string, index: number): void {
    if (this.names.includes(name)) return; // the first is the current value, what follows is a repeat or an average
    this.names.push(name);
    this.at.push(index);
  }

  get hasPlace(): boolean {
    return this.epoch >= 0 || this.step >= 0;
  }

  build(): Plan | null {
    if (this.names.length === 0 && !this.hasPlace) return null;
    return { names: this.names, at: this.at, epoch: this.epoch, epochs: this.epochs, step: this.step, steps: this.steps };
  }
}

/** The index of the number that begins at or after `position`, or -1. */
export function numberAt(scan: Scan, position: number): number {
  for (let i = 0; i < scan.count; i++) if (scan.end[i]! > position) return i;
  return -1;
}
