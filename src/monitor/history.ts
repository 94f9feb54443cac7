import type { Plan } from './metrics/plan.ts';
import type { MetricEvent } from './metrics/reader.ts';

/** Metric lines kept; older ones are thinned out when there are more, so that a chart still spans the whole run. */
const MAX_HISTORY = 4_000;
/** In front of a line's values: its number, epoch, epochs, step and steps. */
const HEAD = 5;

/**
 * The metric lines of a run: the newest in full, older ones thinned out. Kept as bare numbers, one line behind the other: as objects that live on while all around them die,
 * they would be most of what there is for the garbage collector to do.
 */
export class History {
  /** Of each line its plan; or itself, if its names are its own. */
  private readonly kept = new Array<Plan | MetricEvent | null>(MAX_HISTORY).fill(null);
  /** Where the numbers of each begin. */
  private readonly starts = new Int32Array(MAX_HISTORY);
  private count = 0;
  private numbers = new Float64Array(1_024);
  private end = 0;

  /** A line whose metrics are those of a plain plan, in its order. */
  add(plan: Plan, { line, epoch, epochs, step, steps }: MetricEvent, values: Float64Array): void {
    const { length } = plan.names;
    if (this.end + HEAD + length > this.numbers.length) this.compact(HEAD + length);
    const { numbers } = this;
    let at = this.end;
    this.note(plan, at);
    numbers[at++] = line;
    numbers[at++] = epoch ?? 0;
    numbers[at++] = epochs ?? 0;
    numbers[at++] = step ?? 0;
    numbers[at++] = steps ?? 0;
    for (let k = 0; k < length; k++) numbers[at++] = values[k]!;
    this.end = at;
  }

  /** Any other line. */
  addWhole(line: MetricEvent): void {
    this.note(line, this.end);
  }

  /** As they stand now. */
  lines(): MetricEvent[] {
    return this.kept
      .slice(0, this.count)
      .map((kept, i) => ('kind' in kept! ? kept : restored(kept!, this.numbers.subarray(this.starts[i]))));
  }

  private note(kept: Plan | MetricEvent, start: number): void {
    if (this.count === MAX_HISTORY) this.thin();
    this.kept[this.count] = kept;
    this.starts[this.count++] = start;
  }

  private thin(): void {
    const { kept, starts } = this;
    let count = 0;
    for (let i = 0; i < this.count; i++) {
      if (i < MAX_HISTORY / 2 && i % 2 !== 0) continue;
      kept[count] = kept[i]!;
      starts[count++] = starts[i]!;
    }
    kept.fill(null, count);
    this.count = count;
  }

  /** Makes room for as many numbers more: moves together what was not thinned out. Its room is at least twice what is kept, so that this is seldom. */
  private compact(more: number): void {
    const { starts } = this;
    const from = this.numbers;
    let end = 0;
    for (let i = 0; i < this.count; i++) {
      const kept = this.kept[i]!;
      const start = starts[i]!;
      const stop = 'kind' in kept ? start : start + HEAD + kept.names.length;
      starts[i] = end;
      for (let k = start; k < stop; k++) from[end++] = from[k]!;
    }
    this.end = end;
    if ((end + more) * 2 <= from.length) return;
    this.numbers = new Float64Array((end + more) * 3);
    this.numbers.set(from.subarray(0, end));
  }
}

function restored({ names, epoch, epochs, step, steps }: Plan, numbers: Float64Array): MetricEvent {
  const metrics: Record<string, number> = {};
  names.forEach((name, k) => (metrics[name] = numbers[HEAD + k]!));
  return {
    kind: 'metrics',
    line: numbers[0]!,
    epoch: epoch < 0 ? null : numbers[1]!,
    epochs: epochs < 0 ? null : numbers[2]!,
    step: step < 0 ? null : numbers[3]!,
    steps: steps < 0 ? null : numbers[4]!,
    metrics,
  };
}
