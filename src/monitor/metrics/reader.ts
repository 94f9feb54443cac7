import { hasControl } from '../ansi.ts';
import type { MetricLine } from '../metric.ts';
import { readFormat } from './formats.ts';
import { readGeneric } from './generic.ts';
import type { Plan } from './plan.ts';
import { MAX_METRIC_LINE, SPECIAL, Scan, valueOf } from './scan.ts';
import { readHeader, readRow } from './tables.ts';
import type { Table } from './tables.ts';

/** Shapes remembered; a log has a few dozen, prose with numbers makes new ones without end. */
const MAX_SHAPES = 4_096;
/** Lines that are no row before a table counts as over. */
const TABLE_PATIENCE = 100;
/** Settings in a row, `name: value`, after which one that looks like a metric is taken for a setting too. */
const DUMP_RUN = 3;
/** `optimizer:`, alone on its line, opens a block of YAML: of settings, as long as training did not begin (then it may be a report). */
const BLOCK = /^\s*(?!(?:results?|valid\w*|test\w*|eval\w*|scores?|performance|report|summary)\b)[a-z][\w.-]*:\s*$/;
const BOX = /^\s*[|│┃]/;
const SETTING = /^\s*(?:\S+ - )*[\w.'"-]+\s*[:=]\s*\S/;
/** A line without any of these cannot be a table's header: two names with a gap, a bar or a comma between. */
const MAYBE_HEADER = /[a-z#\d](?: {2,}| ?\t|\s?[|│┃,])/i;

/** What is known of a shape. */
interface Known {
  readonly plan: Plan | null;
  readonly header: Table | null;
  /** `name: value` that is no metric. */
  readonly setting: boolean;
  /** Opens a block of YAML. */
  readonly block: boolean;
  /** Stands in a box. */
  readonly box: boolean;
  /** What others want to know of lines of this shape; see `interest`. */
  readonly flags: number;
}

/** A metric line as the monitor tells it: its event and its history entry are one object. */
export type MetricEvent = { readonly kind: 'metrics' } & MetricLine;

/**
 * Lines to metrics. What a line of some shape means is found out once and remembered: logs repeat their shapes, so almost every line costs one pass over its characters and one look-up.
 */
export class MetricReader {
  private readonly scan = new Scan();
  private readonly known = new Map<number, Known>();
  private current: Known | null = null;
  private table: Table | null = null;
  private sinceRow = 0;
  private settings = 0;
  /** Lines said where training is, or how well it goes. */
  private begun = false;
  /** The box being read has an outcome. */
  private outcomeInBox = false;

  /** `interest`: further questions about a line whose answer depends on its shape alone, as bits. */
  constructor(private readonly interest: (text: string) => number = () => 0) {}

  /** Scans a line; true when it has control characters (and must be cleaned and scanned again). `see` and `metrics` are about the line scanned last. */
  prepare(text: string, bytes: Uint8Array | null = null, at = 0): boolean {
    if (text.length > MAX_METRIC_LINE) return hasControl(text);
    this.scan.scan(text, bytes, at);
    return this.scan.control || (this.scan.full && hasControl(text));
  }

  /** Has a line of this shape been seen before? */
  isKnown(): boolean {
    return !this.scan.full && this.known.has(this.scan.shape);
  }

  /** The answer of `interest` for the line. */
  see(text: string): number {
    const { scan } = this;
    if (text.length > MAX_METRIC_LINE || scan.full) {
      this.current = null;
      return this.interest(text);
    }
    let known = this.known.get(scan.shape);
    if (known === undefined) {
      known = learn(text, scan, this.interest(text));
      if (this.known.size >= MAX_SHAPES) this.known.clear();
      this.known.set(scan.shape, known);
    }
    this.current = known;
    return known.flags;
  }

  /** The metrics or place in training of the line seen last, or null when it has none. */
  metrics(text: string, line: number): MetricEvent | null {
    const plan = this.plan(text);
    return plan === null ? null : this.apply(plan, text, line);
  }

  /** What the numbers of the line seen last are, or null when it has no metrics and does not say where training is. To be asked once a line. */
  plan(text: string): Plan | null {
    const known = this.current;
    if (known === null) return null;
    const row = this.table === null ? null : this.row(this.table, text);
    if (row) return row;
    if (known.header) {
      this.table = known.header;
      this.sinceRow = 0;
    }
    const { plan } = known;
    if (this.outcomeInBox && !known.box) this.outcomeInBox = false;
    if (plan === null) {
      if (known.setting) this.settings++;
      else this.settings = known.block && !this.begun ? DUMP_RUN : 0;
      return null;
    }
    if (plan.lone && this.settings >= DUMP_RUN) return null;
    if (plan.boxed === 'other' && !this.outcomeInBox) return null;
    if (plan.boxed === 'outcome') this.outcomeInBox = true;
    this.settings = 0;
    this.begun = true;
    return plan;
  }

  /** The line seen last, read by its plan. */
  apply(plan: Plan, text: string, line: number): MetricEvent {
    return apply(plan, this.scan, text, line);
  }

  /** One of the line's numbers by its index in the plan, or null for none. */
  number(text: string, index: number): number | null {
    return place(this.scan, text, index);
  }

  /** Is any of its metrics nan or infinite? */
  hasSpecial({ at }: Plan): boolean {
    return at.some((index) => this.scan.kind[index] === SPECIAL);
  }

  read(text: string, line: number): MetricEvent | null {
    this.prepare(text);
    this.see(text);
    return this.metrics(text, line);
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

function learn(text: string, scan: Scan, flags: number): Known {
  const header = text.length < 400 && MAYBE_HEADER.test(text) ? readHeader(text, scan) : null;
  const box = BOX.test(text);
  if (scan.count === 0 || header)
    return { plan: null, header, setting: SETTING.test(text), block: scan.count === 0 && BLOCK.test(text), box, flags };
  const format = readFormat(text, scan, (plan) => readGeneric(text, scan, plan));
  const plan = format === undefined ? readGeneric(text, scan) : format;
  return { plan, header: null, setting: plan === null && SETTING.test(text), block: false, box, flags };
}

function apply(plan: Plan, scan: Scan, text: string, line: number): MetricEvent {
  const metrics: Record<string, number> = {};
  const { names, at } = plan;
  for (let k = 0; k < names.length; k++) {
    const i = at[k]!;
    const name = plan.dynamic
      ? names[k]!.replace(/\0(\d+)\0/g, (_, n: string) => text.slice(scan.start[Number(n)], scan.end[Number(n)]))
      : names[k]!;
    metrics[name] = valueOf(text, scan.start[i]!, scan.end[i]!, scan.kind[i]!);
  }
  return {
    kind: 'metrics',
    line,
    epoch: place(scan, text, plan.epoch),
    epochs: place(scan, text, plan.epochs),
    step: place(scan, text, plan.step),
    steps: place(scan, text, plan.steps),
    metrics,
  };
}

function place(scan: Scan, text: string, i: number): number | null {
  return i < 0 ? null : valueOf(text, scan.start[i]!, scan.end[i]!, scan.kind[i]!);
}
