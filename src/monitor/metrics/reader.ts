import type { MetricLine } from '../metric.ts';
import { readGeneric } from './generic.ts';
import type { Plan } from './plan.ts';
import { Scan, valueOf } from './scan.ts';

/** Shapes remembered; a log has a few dozen, prose with numbers makes new ones without end. */
const MAX_SHAPES = 4_096;

/** Lines to metrics. What a line of some shape means is found out once and remembered. */
export class MetricReader {
  private readonly scan = new Scan();
  private plans = new Map<number, Plan | null>();

  /** The line's metrics or place in training, or null when it has none. */
  read(text: string, line: number): MetricLine | null {
    const scan = this.scan;
    scan.scan(text);
    if (scan.count === 0) return null;
    let plan = this.plans.get(scan.shape);
    if (plan === undefined) {
      plan = readGeneric(text, scan);
      if (this.plans.size >= MAX_SHAPES) this.plans.clear();
      this.plans.set(scan.shape, plan);
    }
    return plan === null ? null : apply(plan, scan, text, line);
  }
}

function apply(plan: Plan, scan: Scan, text: string, line: number): MetricLine {
  const metrics: Record<string, number> = {};
  const number = (i: number): number => valueOf(text, scan.start[i]!, scan.end[i]!, scan.kind[i]!);
  for (let k = 0; k < plan.names.length; k++) metrics[plan.names[k]!] = number(plan.at[k]!);
  return {
    line,
    epoch: plan.epoch < 0 ? null : number(plan.epoch),
    epochs: plan.epochs < 0 ? null : number(plan.epochs),
    step: plan.step < 0 ? null : number(plan.step),
    steps: plan.steps < 0 ? null : number(plan.steps),
    metrics,
  };
}
