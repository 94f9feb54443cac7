import { hasControl } from '../ansi.ts';
import { barEnd } from '../glued.ts';
import { pieceOf } from '../lines.ts';
import type { Piece } from '../lines.ts';
import type { MetricLine } from '../metric.ts';
import { readFormat } from './formats.ts';
import { MARKED, readGeneric } from './generic.ts';
import type { Plan } from './plan.ts';
import { MAX_METRIC_LINE, MAX_NUMBERS, SPECIAL, Scan } from './scan.ts';
import { readHeader, readRow } from './tables.ts';
import type { Table } from './tables.ts';
import { Templates } from './template.ts';
import type { OpenLine } from './template.ts';

/** Shapes remembered; a log has a few dozen, prose with numbers makes new ones without end. */
const MAX_SHAPES = 4_096;
/** Lines that are no row before a table counts as over. */
const TABLE_PATIENCE = 100;
/** Settings in a row, `name: value`, after which one that looks like a metric is taken for a setting too. */
const DUMP_RUN = 3;
/** `optimizer:`, alone on its line, opens a block of YAML: of settings, as long as training did not begin (then it may be a report). */
const BLOCK = /^\s*(?!(?:results?|valid\w*|test\w*|eval\w*|scores?|performance|report|summary)\b)[a-z][\w.-]*:\s*$/;
/** … and these a report of Ray Tune, whose fields stand in alphabetical order, one a line, down to a blank line. */
const REPORT = /^\s*(?:Result for \S+:|(?:custom|connector)_metrics: (?:\{\})?|done: (?:true|false))\s*$/;
const LF = 10;
const BOX = /^\s*[|│┃]/;
const SETTING = /^\s*(?:\S+ - )*[\w.'"-]+\s*[:=]\s*\S/;
/** A line without any of these cannot be a table's header: two names with a gap, a bar or a comma between. */
const MAYBE_HEADER = /[a-z#\d](?: {2,}| ?\t|\s?[|│┃,])|^\s*(?:epoch|step|iter(?:ation)?|it) [a-z]/i;

/** Lines of two columns, which are told apart by their neighbours: rows of a box, `name: value`, or what stands behind an arrow. */
const enum Group {
  None = 0,
  Box = 1,
  List = 2,
  Marked = 3,
}

/** What is known of a shape. */
interface Known {
  readonly plan: Plan | null;
  readonly header: Table | null;
  /** `name: value` that is no metric. */
  readonly setting: boolean;
  /** Opens a block of YAML. */
  readonly block: boolean;
  /** Belongs to a report of Ray Tune. */
  readonly report: boolean;
  /** Stands among lines of its kind. */
  readonly group: Group;
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
  private readonly templates = new Templates<Known>();
  private current: Known | null = null;
  private guessed: Known | null = null;
  /** The line looked at is too long to be scanned. */
  private skipped = false;
  /** … has not been scanned yet: in a traceback nobody asks for it. */
  private unscanned = false;
  /** Its numbers are placed by bytes that are not its characters. */
  private inBytes = false;
  private table: Table | null = null;
  private sinceRow = 0;
  private settings = 0;
  /** Lines said where training is, or how well it goes. */
  private begun = false;
  /** What the lines being read stand in, if there was an outcome in it. */
  private outcomeIn = Group.None;
  /** They are a report, not settings. */
  private inReport = false;
  /** Values of the line applied last, in its plan's order. */
  readonly values = new Float64Array(MAX_NUMBERS);

  /** `interest`: further questions about a line whose answer depends on its shape alone, as bits. */
  constructor(private readonly interest: (text: string) => number = () => 0) {}

  /** Guesses what comes next, and says where it ends; false if it cannot. To be asked at once before the line is looked at. */
  guess(line: OpenLine): boolean {
    this.guessed = line.codes[line.from] === LF ? null : this.templates.guess(this.scan, line);
    if (line.to - line.from > MAX_METRIC_LINE) this.guessed = null;
    return this.guessed !== null;
  }

  /** Looks at a piece of a line; true when it has control characters (and must be cleaned and looked at again). `see` and `plan` are about the one looked at last. */
  look(piece: Piece): boolean {
    const { scan } = this;
    const { bytes, ascii } = piece;
    this.current = null;
    this.skipped = false;
    this.unscanned = false;
    if (bytes !== null && bytes.to - bytes.from <= MAX_METRIC_LINE) {
      this.current = this.guessed ?? this.templates.find(scan, bytes);
      this.guessed = null;
      this.inBytes = !ascii;
      if (this.current !== null) return false;
      if (ascii) {
        this.unscanned = true;
        return scan.take(bytes);
      }
    }
    const { text } = piece;
    this.inBytes = false;
    if (text.length > MAX_METRIC_LINE) {
      this.skipped = true;
      return hasControl(text);
    }
    scan.scan(text);
    return scan.control || (scan.full && hasControl(text));
  }

  /** Has a line of this shape been seen before? */
  isKnown(): boolean {
    if (this.current !== null) return true;
    this.scanNow();
    return !this.skipped && !this.scan.full && this.known.has(this.scan.shape);
  }

  /** The answer of `interest` for the line. */
  see(piece: Piece): number {
    const { scan } = this;
    if (this.current !== null) return this.current.flags;
    this.scanNow();
    if (this.skipped || scan.full) return this.interest(piece.text);
    let known = this.known.get(scan.shape);
    if (known === undefined) {
      known = learn(piece.text, scan, this.interest(piece.text));
      if (this.known.size >= MAX_SHAPES) {
        this.known.clear();
        this.templates.clear();
      }
      this.known.set(scan.shape, known);
    } else if (piece.bytes !== null && (piece.ascii || !piece.text.includes('\ufffd'))) {
      // Prose never comes again: only what has is worth a template. A wrong byte may be a character of the text without being one of the bytes.
      this.templates.add(scan, piece.bytes, known);
    }
    this.current = known;
    return known.flags;
  }

  /** The metrics or place in training of the line seen last, or null when it has none. */
  metrics(piece: Piece, line: number): MetricEvent | null {
    const plan = this.plan(piece);
    return plan === null ? null : this.apply(plan, line);
  }

  /** What the numbers of the line seen last are, or null when it has no metrics and does not say where training is. To be asked once a line. */
  plan(piece: Piece): Plan | null {
    const known = this.current;
    if (known === null) return null;
    const row = this.table === null ? null : this.row(this.table, piece);
    if (row) return row;
    if (known.header) {
      this.table = known.header;
      this.sinceRow = 0;
    }
    const { plan } = known;
    if (this.outcomeIn !== known.group) this.outcomeIn = Group.None;
    if (known.report) this.inReport = true;
    else if (known.group !== Group.List && !known.block) this.inReport = false;
    if (plan === null) {
      if (this.inReport) this.settings = 0;
      else if (known.setting) this.settings++;
      else this.settings = known.block && !this.begun ? DUMP_RUN : 0;
      return null;
    }
    if (plan.lone && this.settings >= DUMP_RUN) return null;
    if (plan.grouped === 'other' && this.outcomeIn === Group.None) {
      if (known.group === Group.List) this.settings++;
      return null;
    }
    if (plan.grouped === 'outcome') this.outcomeIn = known.group;
    this.settings = 0;
    this.begun = true;
    return plan;
  }

  /** The line seen last, read by its plan. */
  apply(plan: Plan, line: number): MetricEvent {
    return apply(plan, this.scan, this.values, line);
  }

  /** One of the line's numbers by its index in the plan, or null for none. */
  number(index: number): number | null {
    return place(this.scan, index);
  }

  /** Is any of its metrics nan or infinite? */
  hasSpecial({ at }: Plan): boolean {
    for (const index of at) if (this.scan.kind[index] === SPECIAL) return true;
    return false;
  }

  read(text: string, line: number): MetricEvent | null {
    const piece = pieceOf(text);
    this.look(piece);
    this.see(piece);
    return this.metrics(piece, line);
  }

  private scanNow(): void {
    if (this.unscanned) this.scan.scanTaken();
    this.unscanned = false;
  }

  private row(table: Table, piece: Piece): Plan | null {
    const { scan } = this;
    if (scan.count === 0) return null;
    const { shape } = scan;
    let plan = table.plans.get(shape);
    if (plan === undefined) {
      // Cells are found by their place in the text.
      if (this.inBytes) scan.scan(piece.text);
      plan = readRow(table, piece.text, scan);
      if (table.plans.size < MAX_SHAPES) table.plans.set(shape, plan);
    }
    if (plan) this.sinceRow = 0;
    else if (++this.sinceRow > TABLE_PATIENCE) this.table = null;
    return plan;
  }
}

function learn(text: string, scan: Scan, flags: number): Known {
  const header = text.length < 400 && MAYBE_HEADER.test(text) ? readHeader(text, scan) : null;
  const report = REPORT.test(text);
  const setting = SETTING.test(text);
  const group = BOX.test(text) ? Group.Box : setting ? Group.List : MARKED.test(text) ? Group.Marked : Group.None;
  if (scan.count === 0 || header) return { plan: null, header, setting, block: scan.count === 0 && BLOCK.test(text), report, group, flags };
  const whole = planOf(text, scan);
  const plan = (whole === null || whole.names.length === 0 ? planOfBar(text, scan) : null) ?? whole;
  return { plan, header: null, setting: plan === null && setting, block: false, report, group, flags };
}

function planOf(text: string, scan: Scan): Plan | null {
  const format = readFormat(text, scan, (plan) => readGeneric(text, scan, plan));
  return format === undefined ? readGeneric(text, scan) : format;
}

/** A bar that makes no sense with what was printed behind it may make sense without. */
function planOfBar(text: string, scan: Scan): Plan | null {
  const end = barEnd(text);
  return end === 0 ? null : scan.before(end, () => planOf(text.slice(0, end), scan));
}

function apply(plan: Plan, scan: Scan, values: Float64Array, line: number): MetricEvent {
  const metrics: Record<string, number> = {};
  const { names, at } = plan;
  for (let k = 0; k < names.length; k++) {
    const name = plan.dynamic ? names[k]!.replace(/\0(\d+)\0/g, (_, n: string) => scan.printed(Number(n))) : names[k]!;
    metrics[name] = values[k] = scan.value(at[k]!);
  }
  return {
    kind: 'metrics',
    line,
    epoch: place(scan, plan.epoch),
    epochs: place(scan, plan.epochs),
    step: place(scan, plan.step),
    steps: place(scan, plan.steps),
    metrics,
  };
}

function place(scan: Scan, index: number): number | null {
  return index < 0 ? null : scan.value(index);
}
