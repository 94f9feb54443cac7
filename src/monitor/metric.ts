/** The metrics of one log line. */
export interface MetricLine {
  /** 1-based log line. */
  readonly line: number;
  readonly epoch: number | null;
  /** Total epochs, if printed. */
  readonly epochs: number | null;
  readonly step: number | null;
  readonly steps: number | null;
  /** Name as printed -> value; may be NaN or ±Infinity. Percent signs are dropped (`93.5%` is 93.5). */
  readonly metrics: Readonly<Record<string, number>>;
}
