import { EPOCH_NAMES, STEP_NAMES, classOfName } from './names.ts';
import { PlanBuilder, headLength, isWhole } from './plan.ts';
import type { Plan } from './plan.ts';
import { COMPOUND } from './scan.ts';
import type { Scan } from './scan.ts';

/** A printed table: column names once, numbers below (YOLO, fastai, skorch, chainer, pandas, scikit-learn's report, CSV, Markdown). */
export interface Table {
  readonly columns: readonly string[];
  /** Columns whose rows begin with a label that the header does not count. */
  readonly separator: 'space' | 'bar' | 'comma';
  /** What each row shape means; a row of this table may mean nothing outside it. */
  readonly plans: Map<number, Plan | null>;
}

interface Cell {
  readonly text: string;
  readonly start: number;
}

const MAX_COLUMNS = 40;
/** A header is made of names, not of a sentence. */
const NAME = /^#$|^[A-Za-z][\w@./:%()#' -]{0,39}$/;
const SPLITS = new Set(['train', 'training', 'valid', 'validation', 'val', 'test', 'dev', 'eval']);
/** A column that labels its row. */
const LABELS = /^(?:class|classes|category|name|model|label|dataset|task|metric|phase|split|criterion)$/i;
const OF_ALL = /^(?:all|total|overall)$/i;

/** Vowpal Wabbit prints its column names in two lines; this is the second. */
const VOWPAL = /^loss\s+last\s+counter\s+weight\s+label\s+predict\s+features/;

/** A progress bar behind the last column: `mAP50-95: 100%|███| 4/4 [...]`, `dfl_loss  ................]  0.01%`. */
const BAR_BEHIND = /:?\s+\d+%.*$|\s+[.#=>]{4,}.*$|\s*\\\s*$/;

const PLACE_FIRST = /^\s*(?:epoch|step|iter(?:ation)?|it)(?: [A-Za-z]\w*(?:[/.][A-Za-z]\w*)?){2,12}\s*$/i;

/** The table that a line begins, or null. */
export function readHeader(line: string, scan: Scan): Table | null {
  const from = tableStart(line);
  const text = line.slice(from).replace(BAR_BEHIND, '');
  for (let i = 0; i < scan.count; i++) if (scan.start[i]! >= from && scan.start[i]! < from + text.length) return null;
  if (VOWPAL.test(text))
    return {
      columns: ['average loss', 'since last', 'iteration', 'weight', 'label', 'predict', 'features'],
      separator: 'space',
      plans: new Map(),
    };
  const separator = /[|│┃]/.test(text) ? 'bar' : /,/.test(text) ? 'comma' : 'space';
  let columns = cells(text.replaceAll(/\b(?:Box|Mask|Pose)\((?=P)|(?<=95)\)/g, '').replace(/(mAP@?\S*) (?=mAP)/, '$1  '), separator).map(
    (cell) => cell.text,
  );
  // `Epoch Train_loss Val_loss`: names of one word, a space between
  if (separator === 'space' && columns.length === 1 && PLACE_FIRST.test(text)) columns = words(text, separator).map((cell) => cell.text);
  if (columns.length < 2 || columns.length > MAX_COLUMNS) return null;
  // `print(loss, acc)`: source
  if (separator === 'comma' && columns.some((name) => name.includes('(') !== name.includes(')'))) return null;
  if (!columns.every((name) => NAME.test(name) && name.split(' ').length <= 3)) return null;
  const kinds = columns.map((name) => kindOf(name));
  if (columns.every((name) => SPLITS.has(name.toLowerCase()))) return { columns, separator, plans: new Map() };
  const outcomes = kinds.filter((kind) => kind === 'outcome').length;
  // One outcome among words is prose with wide spaces; two, or one beside an epoch column, are a header.
  if (outcomes < 2 && !(outcomes === 1 && (kinds.includes('epoch') || kinds.includes('step') || /GPU_mem/i.test(text)))) return null;
  return { columns, separator, plans: new Map() };
}

/** Where the first cell begins: behind the log record's head and a label that header and rows share (`copypaste: AP,AP50,AP75`). */
function tableStart(line: string): number {
  const head = headLength(line);
  return head + (/^\w+: (?=[^,:]+,)/.exec(line.slice(head, head + 100))?.[0].length ?? 0);
}

type Kind = 'epoch' | 'step' | 'outcome' | 'other' | 'skip' | 'label';

function kindOf(name: string): Kind {
  const lower = name.toLowerCase();
  if (LABELS.test(name)) return 'label';
  if (EPOCH_NAMES.has(lower) || lower === 'e') return 'epoch';
  if (STEP_NAMES.has(lower) || lower === '#') return 'step';
  if (lower === 'p' || lower === 'r' || /^(?:box|obj|cls|dfl)$/.test(lower)) return 'outcome';
  const kind = classOfName(name);
  return kind === 'outcome' ? 'outcome' : kind === 'skip' ? 'skip' : 'other';
}

/** What a line means as a row of the table, or null when it is none. */
export function readRow(table: Table, line: string, scan: Scan): Plan | null {
  if (scan.count === 0) return null;
  const from = tableStart(line);
  for (const split of [cells, words]) {
    const plan = asRow(table, split(line, table.separator, from), scan);
    if (plan) return plan;
    if (table.separator !== 'space') return null;
  }
  return null;
}

function asRow(table: Table, row: readonly Cell[], scan: Scan): Plan | null {
  const { columns } = table;
  let shift = 0;
  let label = '';
  const first = row[0];
  if (!first) return null;
  const labelled = numberIn(first, scan) < 0;
  if (labelled && !/[A-Za-z]/.test(first.text)) return null;
  // A first column that names no number (`Experiment`, `Scene`) holds the rows' labels.
  const named = kindOf(columns[0]!) === 'other' && row.length === columns.length;
  if (labelled && !named && kindOf(columns[0]!) !== 'label') {
    // A label in front that the header does not count (scikit-learn), unless the first column is a number's.
    if (row.length < 2 || kindOf(columns[0]!) === 'epoch' || (row[0]!.text.includes('/') && kindOf(columns[0]!) === 'epoch')) {
      if (!/^\d+\/\d+$/.test(first.text)) return null;
    } else {
      shift = 1;
      label = first.text;
    }
  } else if (labelled) label = first.text;
  else if (
    row.length === columns.length + 1 &&
    columns.length > 1 &&
    // scikit-learn's report names classes as they are: `0.0`
    (isWhole(scan, numberIn(first, scan)) || columns[0] === 'precision') &&
    table.separator === 'space'
  ) {
    // pandas prints the row's index in front; a bar or a time behind the last column is no index
    if (numberIn(row[row.length - 1]!, scan) >= 0) shift = 1;
    if (columns[0] === 'precision') label = `\0${numberIn(first, scan)}\0`;
  }
  if (row.length < columns.length + shift && !(label === 'accuracy' && row.length >= 2)) return null;
  return fill(table, row, shift, label, scan);
}

function fill(table: Table, row: readonly Cell[], shift: number, label: string, scan: Scan): Plan | null {
  const plan = new PlanBuilder();
  if (label === 'accuracy' && row.length < table.columns.length + shift) {
    const index = numberIn(row[1]!, scan);
    return index < 0 ? null : (plan.metric('accuracy', index), plan.build());
  }
  const splits = table.columns.every((name) => SPLITS.has(name.toLowerCase()));
  if (splits && kindOf(label) !== 'outcome') return null;
  let wrong = 0;
  for (let c = 0; c < table.columns.length; c++) {
    const name = table.columns[c]!;
    const cell = row[c + shift];
    if (!cell) return null;
    const kind = splits ? 'outcome' : kindOf(name);
    if (kind === 'label' || kind === 'skip') continue;
    const index = numberIn(cell, scan);
    if (kind === 'epoch' || kind === 'step') {
      if (index < 0) return null;
      if (kind === 'epoch') {
        plan.epoch = index;
        if (/^\d+\/\d+/.test(cell.text)) plan.epochs = index + 1;
      } else plan.step = index;
      continue;
    }
    if (index < 0) {
      if (kind === 'outcome' && !/^(?:[-–—*+]+|n\/?a|none|nan|no log)$/i.test(cell.text)) wrong++;
      continue;
    }
    if (kind === 'other' && isWhole(scan, index)) continue;
    plan.metric(label === '' || OF_ALL.test(label) ? name : `${label} ${name}`, index);
  }
  if (wrong > 0 || plan.names.length === 0) return null;
  barStep(row, plan, scan);
  return plan.build();
}

/** YOLO: `640: 100% 8/8 [00:09<00:00` behind the last column counts batches. */
function barStep(row: readonly Cell[], plan: PlanBuilder, scan: Scan): void {
  if (plan.epoch < 0 || plan.step >= 0) return;
  for (const cell of row) {
    const match = /(?:\d+%.*?[ |])(\d+)\/(\d+)(?: |$)/.exec(cell.text);
    if (!match) continue;
    const at = cell.start + match.index + match[0].lastIndexOf(`${match[1]}/${match[2]}`);
    for (let i = 0; i + 1 < scan.count; i++) {
      if (scan.start[i] === at) {
        plan.step = i;
        plan.steps = i + 1;
      }
    }
  }
}

/** The number that a cell is (a unit or mark may follow), or -1. */
function numberIn(cell: Cell, scan: Scan): number {
  for (let i = 0; i < scan.count; i++) {
    if (scan.start[i] !== cell.start) continue;
    return scan.kind[i] === COMPOUND || /^[A-Za-z_]/.test(cell.text.slice(scan.end[i]! - scan.start[i]!)) ? -1 : i;
  }
  return -1;
}

function cells(text: string, separator: Table['separator'], from = 0): Cell[] {
  const pattern = separator === 'bar' ? /[^|│┃]+/g : separator === 'comma' ? /[^,]+/g : /\S+(?: \S+)*/g;
  pattern.lastIndex = from;
  const found: Cell[] = [];
  for (let match = pattern.exec(text); match && found.length <= MAX_COLUMNS + 2; match = pattern.exec(text)) {
    const trimmed = match[0].trim();
    if (trimmed !== '') found.push({ text: trimmed, start: match.index + match[0].indexOf(trimmed) });
  }
  return found;
}

function words(text: string, _separator: Table['separator'], from = 0): Cell[] {
  const pattern = /\S+/g;
  pattern.lastIndex = from;
  const found: Cell[] = [];
  for (let match = pattern.exec(text); match && found.length <= MAX_COLUMNS + 2; match = pattern.exec(text))
    found.push({ text: match[0], start: match.index });
  return found;
}
