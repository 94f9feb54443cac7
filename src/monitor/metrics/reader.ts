import type { MetricLine } from '../metric.ts';
import { readFormat } from './formats.ts';
import { readGeneric } from './generic.ts';
import type { Plan } from './plan.ts';
import { MAX_METRIC_LINE, Scan, valueOf } from './scan.ts';
import { readHeader, readRow } from './tables.ts';
import type { Table } from './tables.ts';

/** Shapes remembered; a log has a few dozen, prose with numbers makes new ones without end. */
const MAX_SHAPES = 4_096;
/** Lines that are no row before a table counts as over. */
const TABLE_PATIENCE = 100;
/** Settings in a row, `name: value`, after which one that looks like a metric is taken for a setting too. */
const DUMP_RUN = 3;
const SETTING = /^\s*(?:\S+ - )*[\w.'"-]+\s*[:=]\s*\S/;
/** A line without any of these cannot be a table's header: two names with a gap, a bar or a comma between. */
const MAYBE_HEADER = /[a-z]\S*(?: {2,}|\t|\s*[|│┃,]\s*)\S*[a-z@)]/i;

/** What is known of a shape. */
interface Known {
  readonly plan: Plan | null;
  readonly header: Table | null;
  /** `name: value` that is no metric. */
  readonly setting: boolean;
}

/** Lines to metrics. What a line of some shape means is found out once and remembered. */
export class MetricReader {
  private readonly scan = new Scan();
  private readonly known = new Map<number, Known>();
  private table: Table | null = null;
  private sinceRow = 0;
  private settings = 0;

  /** The line's metrics or place in training, or null when it has none. */
  read(text: string, line: number): MetricLine | null {
    if (text.length > MAX_METRIC_LINE) return null;
    const scan = this.scan;
    scan.scan(text);
    const row = this.table === null ? null : this.row(this.table, text);
    if (row) return apply(row, scan, text, line);
    let known = this.known.get(scan.shape);
    if (known === undefined) {
      known = learn(text, scan);
      if (this.known.size >= MAX_SHAPES) this.known.clear();
      this.known.set(scan.shape, known);
    }
    if (known.header) {
      this.table = known.header;
      this.sinceRow = 0;
    }
    const plan = known.plan;
    if (plan === null) {
      this.settings = known.setting ? this.settings + 1 : 0;
      return null;
    }
    if (plan.lone && this.settings >= DUMP_RUN) return null;
    this.settings = 0;
    return apply(plan, scan, text, line);
  }

  private row(table: Table, text: string): Plan | null {
    if (this.scan.count === 0) return null;
    const { shape } = this.scan;
    let plan = table.plans.get(shape);
    if (plan === undefined) {
      plan = readRow(table, text, this.scan);
      if (table.plans.size < MAX_SHAPES) table.plans.set(shape, plan);
    }
    if (plan) this.sinceRow = 0;
    else if (++this.sinceRow > TABLE_PATIENCE) this.table = null;
    return plan;
  }
}

function learn(text: string, scan: Scan): Known {
  const header = text.length < 400 && MAYBE_HEADER.test(text) ? readHeader(text, scan) : null;
  if (scan.count === 0 || header) return { plan: null, header, setting: SETTING.test(text) };
  const format = readFormat(text, scan, (plan) => readGeneric(text, scan, plan));
  const plan = format === undefined ? readGeneric(text, scan) : format;
  return { plan, header: null, setting: plan === null && SETTING.test(text) };
}

function apply(plan: Plan, scan: Scan, text: string, line: number): MetricLine {
  const metrics: Record<string, number> = {};
  const { names, at } = plan;
  for (let k = 0; k < names.length; k++) {
    const name = plan.dynamic
      ? names[k]!.replace(/\0(\d+)\0/g, (_, i: string) => text.slice(scan.start[Number(i)], scan.end[Number(i)]))
      : names[k]!;
    metrics[name] = number(scan, text, at[k]!)!;
  }
  return {
    line,
    epoch: number(scan, text, plan.epoch),
    epochs: number(scan, text, plan.epochs),
    step: number(scan, text, plan.step),
    steps: number(scan, text, plan.steps),
    metrics,
  };
}

function number(scan: Scan, text: string, i: number): number | null {
  return i < 0 ? null : valueOf(text, scan.start[i]!, scan.end[i]!, scan.kind[i]!);
}
