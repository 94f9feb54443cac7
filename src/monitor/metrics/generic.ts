import { EPOCH_NAMES, STEP_NAMES, classOfName } from './names.ts';
import type { NameClass } from './names.ts';
import { PlanBuilder } from './plan.ts';
import type { Plan } from './plan.ts';
import { COMPOUND, INT } from './scan.ts';
import type { Scan } from './scan.ts';

/** A number with the name before it. */
interface Named {
  readonly index: number;
  readonly name: string;
  readonly kind: NameClass;
  /** `:` or `=` stood between; a mere space binds less. */
  readonly strong: boolean;
  /** What stands behind it: `%`, `ms`, `it/s`. */
  readonly unit: string;
}

/** Units that make a number a time, a size or a rate of the machine rather than a metric. */
const MACHINE_UNIT =
  /^(?:ms|us|s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?|[kmgt]i?b?|bytes?|it\/s|s\/it|x|px|fps|ns|µs|w|°c|c|mhz|params)$/i;
const UNIT = /^ ?(%|[A-Za-zµ°]+(?:\/[A-Za-z]+)?)/;
/** A dump of settings, not progress: Python values and constructors that progress lines do not print. */
const DUMP =
  /\b(?:True|False)\b|[=:] ?None\b|\bNamespace\(|\bdict\(|\b(?:PosixPath|device|dtype|torch\.Size)\(|<class |\bargs?:|[Cc]onfig(?:uration)?[ :({=]|[Hh]yper-?param/;
/** Begins a log record; what stands before belongs to the logger. */
const LOG_HEAD =
  /^(?:.{0,120}?(?:[-:|\]]\s*)?\b(?:DEBUG|INFO|WARNING|ERROR)\b\s*(?:[\]|:)-]|\s-)+\s*)(?:[\w.]+(?::[\w.]+)*:\d+ ?(?:-|\])\s*|\[[\w./-]+:\d+\]\s*|[\w.-]+(?:\.[\w-]+)+ - )?/;

/**
 * Reads `name: 0.5, other name=1e-3 | word 7` in whatever mixture: each number is named by what stands between it and the number before. A line counts when it
 * names an outcome (loss, accuracy, reward …), or says where training is and gives real numbers.
 */
export function readGeneric(text: string, scan: Scan): Plan | null {
  if (scan.count === 0 || DUMP.test(text)) return null;
  const from = LOG_HEAD.exec(text)?.[0].length ?? 0;
  const plan = new PlanBuilder();
  const found = readNames(text, scan, from, plan);
  bar(text, scan, plan);
  leading(text, scan, from, plan, found);
  const outcome = found.some((n) => n.kind === 'outcome');
  if (!outcome && !(plan.hasPlace && found.some((n) => n.kind === 'aux' || (n.kind === 'unknown' && scan.kind[n.index] !== INT))))
    return plan.hasPlace ? placeOnly(plan) : null;
  for (const n of found) {
    if (n.kind === 'place' || n.kind === 'skip' || MACHINE_UNIT.test(n.unit)) continue;
    const whole = scan.kind[n.index] === INT;
    if (n.kind === 'unknown' && (whole || (!n.strong && !plan.hasPlace))) continue;
    plan.metric(n.name, n.index);
  }
  return plan.names.length > 0 || plan.hasPlace ? plan.build() : null;
}

function placeOnly(plan: PlanBuilder): Plan | null {
  return plan.build();
}

function readNames(text: string, scan: Scan, from: number, plan: PlanBuilder): Named[] {
  const found: Named[] = [];
  let previousEnd = from;
  for (let i = 0; i < scan.count; i++) {
    const start = scan.start[i]!;
    if (start < from) continue;
    const gap = text.slice(previousEnd, start);
    previousEnd = scan.end[i]!;
    if (scan.kind[i] === COMPOUND) continue;
    const unit = UNIT.exec(text.slice(previousEnd, previousEnd + 16))?.[1] ?? '';
    if (consumePair(text, scan, i, gap, plan)) continue;
    const { name, strong } = nameIn(gap, i > 0 && scan.end[i - 1]! >= from);
    if (name === '') continue;
    const kind = placeOf(name, scan, i, strong, plan);
    if (kind === 'place') continue;
    found.push({ index: i, name, kind, strong, unit });
  }
  return found;
}

/** `3/10` after an epoch or step, `[3][50/271]`, `[1](100/2500)`: totals and steps that have no name of their own. */
function consumePair(text: string, scan: Scan, i: number, gap: string, plan: PlanBuilder): boolean {
  if (scan.kind[i] !== INT || i === 0) return false;
  if (/^ ?(?:\/|of|out of) ?$/.test(gap.replace(/\s+/g, ' ')) && scan.kind[i - 1] === INT) {
    if (plan.epoch === i - 1) plan.epochs = i;
    else if (plan.step === i - 1) plan.steps = i;
    else return false;
    return true;
  }
  if (
    plan.epoch >= 0 &&
    plan.step < 0 &&
    (i === plan.epoch + 1 || i === plan.epochs + 1) &&
    /^\]?\s*[[(,]\s*$/.test(gap) &&
    /^\s*[\])/]/.test(text.slice(scan.end[i]!, scan.end[i]! + 8))
  ) {
    plan.step = i;
    return true;
  }
  return false;
}

function placeOf(name: string, scan: Scan, i: number, strong: boolean, plan: PlanBuilder): NameClass {
  const lower = name.toLowerCase();
  const last = lower.slice(Math.max(lower.lastIndexOf(' '), lower.lastIndexOf('(')) + 1).replace(/[^\w/-]/g, '');
  const whole = scan.kind[i] === INT;
  if ((EPOCH_NAMES.has(lower) || EPOCH_NAMES.has(last)) && !/\bper epoch/.test(lower)) {
    if (plan.epoch < 0 && (whole || strong)) plan.epoch = i;
    return 'place';
  }
  if ((STEP_NAMES.has(lower) || STEP_NAMES.has(last)) && !/\bper \w+$/.test(lower)) {
    if (plan.step < 0 && whole) plan.step = i;
    return 'place';
  }
  if (lower === 'total_steps' || lower === 'max_steps') {
    if (plan.steps < 0 && plan.step >= 0 && whole) plan.steps = i;
    return 'place';
  }
  return classOfName(name);
}

/** The name at the end of what stands between two numbers. */
function nameIn(gap: string, afterNumber: boolean): { name: string; strong: boolean } {
  let text = gap;
  if (afterNumber) text = text.replace(/^(?:%|[A-Za-zµ]+(?:\/[A-Za-z]+)?(?=[\s,;|)\]]))/, '');
  const tuple = /\(['"]([^'"]{1,60})['"], $/.exec(text);
  if (tuple) return { name: tuple[1]!, strong: true };
  text = text.replace(/[\s[('"<{+-]*$/, '');
  let strong = false;
  const separator = /(?:\s*(?::|=+>?|->|→)|\s+(?:is|was)(?: ?:)?)$/.exec(text);
  if (separator) {
    strong = true;
    text = text.slice(0, separator.index);
  } else if (text === gap && !/[[(]$/.test(gap)) return { name: '', strong }; // nothing at all between: `159.4+0.3`
  text = text.replace(/["'\s\])]+$/, (end) => (end.includes(')') && !text.includes('(') ? '' : end.replace(/["'\s]+$/, '')));
  const cut = Math.max(
    text.lastIndexOf(','),
    text.lastIndexOf(';'),
    text.lastIndexOf('|'),
    text.lastIndexOf('\t'),
    text.lastIndexOf('{'),
    text.lastIndexOf('['),
    text.lastIndexOf(']'),
    text.lastIndexOf('│'),
    text.lastIndexOf(':'),
    text.lastIndexOf('='),
    text.lastIndexOf('"'),
    text.endsWith(')') ? -1 : Math.max(text.lastIndexOf('('), text.lastIndexOf(')')),
    text.lastIndexOf(' - ') + 2,
    text.lastIndexOf('--') + 1,
    text.lastIndexOf('. ') >= 0 && !/\bavg\. /.test(text) ? text.lastIndexOf('. ') : -1,
    text.lastIndexOf('>'),
    text.lastIndexOf('*'),
  );
  if (cut > 1 || (cut >= 0 && /[,;|\t{[\]│:="()>*-]/.test(text[cut]!))) text = text.slice(cut + 1);
  const wide = text.trimStart().lastIndexOf('  ');
  if (wide >= 0 && !text.trimEnd().endsWith(')')) text = text.trimStart().slice(wide);
  const name = text
    .trim()
    .replace(/^['"]+|['"]+$/g, '')
    .trim();
  if (name.length > 80 || !/[\p{L}%]/u.test(name)) return { name: '', strong };
  if (!strong) {
    // Without a separator only a short name is one: prose before a number is not.
    const words = name.split(/\s+/);
    if (words.length > 5) return { name: words.slice(-3).join(' '), strong };
  }
  return { name, strong };
}

/** tqdm: `| 34/313 [00:32<04:25`; Keras: `363/363 [====`, `51/51 ━━━`. */
function bar(text: string, scan: Scan, plan: PlanBuilder): void {
  if (plan.step >= 0) return;
  const match = /\|\s*(\d+)\/(\d+)\s+\[|^\s*(?:step )?(\d+)\/(\d+)\s+(?:\[[=>.-]|[━─-]{4}|\x20?[━─])/d.exec(text);
  if (!match) return;
  const at = match.indices![1] ?? match.indices![3]!;
  for (let i = 0; i + 1 < scan.count; i++) {
    if (scan.start[i] === at[0] && scan.kind[i] === INT) {
      plan.step = i;
      plan.steps = i + 1;
    }
  }
}

/** A number that opens the line: `[100]\tvalid rmse: …` counts rounds, `0  Train loss: …` epochs. */
function leading(text: string, scan: Scan, from: number, plan: PlanBuilder, found: readonly Named[]): void {
  if (plan.hasPlace || scan.count < 2 || !found.some((n) => n.kind === 'outcome' || n.kind === 'aux')) return;
  let i = 0;
  while (i < scan.count && scan.start[i]! < from) i++;
  if (i >= scan.count || scan.kind[i] !== INT) return;
  const before = text.slice(from, scan.start[i]);
  const after = text.slice(scan.end[i]!, scan.end[i]! + 3);
  if (/^\s*(?:[\w:]+:)?\[\s*$/.test(before) && /^\s*\]/.test(after)) plan.step = i;
  else if (/^\s*$/.test(before) && /^(?:\t|\s+[A-Za-z])/.test(after)) plan.epoch = i;
}
