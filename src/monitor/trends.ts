import type { FindingType } from './finding.ts';
import type { MetricLine } from './metric.ts';
import { isGradientNorm, isLoss } from './metrics/names.ts';
import type { Thresholds } from './thresholds.ts';

/** What the numbers say, to become a finding. */
export interface Trend {
  readonly type: FindingType;
  readonly message: string;
}

/** Norms whose median is "normal". */
const WINDOW = 32;

/** Watches the metric series; each kind of trouble is told once. */
export class Trends {
  private readonly told = new Set<FindingType>();
  private readonly norms: number[] = [];
  private nonFinite = 0;

  constructor(private readonly thresholds: Thresholds) {}

  read(line: MetricLine): Trend[] {
    const trends: Trend[] = [];
    for (const name in line.metrics) {
      const value = line.metrics[name]!;
      if (!Number.isFinite(value)) {
        if (isLoss(name))
          this.tell(trends, 'nan-loss', `${name} became ${Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'}${where(line)}`);
        else if (isGradientNorm(name) && ++this.nonFinite >= this.thresholds.gradientNonFiniteRun)
          this.tell(
            trends,
            'gradient-explosion',
            `${name} is ${String(value).toLowerCase()} ${this.nonFinite} times in a row${where(line)}`,
          );
      } else if (isGradientNorm(name)) this.norm(trends, name, value, line);
    }
    return trends;
  }

  private norm(trends: Trend[], name: string, value: number, line: MetricLine): void {
    this.nonFinite = 0;
    const { gradientExplosionFactor: factor, gradientExplosionNorm: limit } = this.thresholds;
    const usual = this.norms.length >= 5 ? median(this.norms) : null;
    if (value > limit || (usual !== null && usual > 0 && value > 10 && value > factor * usual))
      this.tell(trends, 'gradient-explosion', `${name} is ${value}${usual === null ? '' : `, usually ${usual}`}${where(line)}`);
    else {
      if (this.norms.length >= WINDOW) this.norms.shift();
      this.norms.push(value);
    }
  }

  private tell(trends: Trend[], type: FindingType, message: string): void {
    if (this.told.has(type)) return;
    this.told.add(type);
    trends.push({ type, message });
  }
}

function where(line: MetricLine): string {
  if (line.epoch !== null) return ` in epoch ${line.epoch}${line.step !== null ? `, step ${line.step}` : ''}`;
  return line.step !== null ? ` at step ${line.step}` : '';
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
