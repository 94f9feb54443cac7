import { cutName, nameIn } from './nameBefore.ts';
import { classOfName, roleOf } from './names.ts';
import type { NameClass } from './names.ts';
import { bar, consumePair, leading, ordinal, placeOf } from './places.ts';
import { PlanBuilder, headLength, isWhole, templated } from './plan.ts';
import type { Plan } from './plan.ts';
import { COMPOUND, SPECIAL } from './scan.ts';
import type { Scan } from './scan.ts';

/** A number with the name before it. */
interface Named {
  readonly index: number;
  name: string;
  kind: NameClass;
  /** `:` or `=` stood between; a mere space binds less. */
  readonly strong: boolean;
  /** What stands behind it: `%`, `ms`, `it/s`. */
  readonly unit: string;
  /** train, val, test: said by a word before it rather than by its own name. */
  readonly scope: string;
}

/** Units that make a number a time, a size or a rate of the machine rather than a metric. */
const MACHINE_UNIT =
  /^(?:ms|us|s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?|[kmgt]i?b?|b|bytes?|it\/s|s\/it|x|px|ns|µs|w|°c|c|mhz|params|im\/s|record|records|s\/step|ms\/step|times|epochs?|steps?|iters?|iterations?|files?|images?|examples?)$/i;
/** Attached (`1.4s`), or apart (`0.4 sec`, `35 (sec)`) and then not the name of what follows: `step 100`, `iter time (s): 1.2`. */
const UNIT =
  /^(?:(%|[A-Za-zµ°]+(?:\/[A-Za-z]+)?)(?![\w-]|\.\w)|(?: \(?|\()(%|[A-Za-zµ°]+(?:\/[A-Za-z]+)?)(?![\w-]|\.\w| ?[:=]| +(?:[-+]?[.\d]|(?:nan|inf)\b)| +\w+(?: \(\w+\))?[:=]))/i;
/** How much of the line behind a number its unit, and what follows that, are looked for in. */
const UNIT_REACH = 32;
/** `| 1023456 tok/s`, `: 13596.73 words/s`: what names itself by its unit, in a column of its own. */
const RATE_UNIT = /^(?!it\/|s\/|[kmg]?i?b\/)[a-z]{2,12}\/s(?:ec)?$/;
/** A dump of settings, not progress: a shell's variables, Python values and constructors that progress lines do not print. */
const DUMP =
  /^\s*(?:\+{1,3} )?(?:export|declare -x|setenv) |\bNamespace\(|\bdict\(|\b(?:PosixPath|device|dtype|torch\.Size|lambda|Linear|Conv\dd|Dropout|BatchNorm\dd|Adam\w?|SGD|LayerNorm)\(|<class |\barg(?:ument)?s?:|^[^\d]*\b[Cc]onfig(?:uration)?[ :({=]|\.{4,} \S+$|^\s*[\w.]+=[^,;\s]+,\s*$|^\s*(?:cfg|args|config|hparams|opt|FLAGS)[.:]|\b[A-Z]\w*(?<!Output|Results?|Metrics?|Loss(?:es)?|Stats|History|State)\((?:\w+=[^,()]+, ?){2,}|\b[Ff]eature importances?\b/;
/**
 * Words of settings that a progress line may have too: Python's constants, what a split or a weight is, verbs of setting up, several `name=word`. They speak for a dump
 * unless the line says where training is.
 */
const MAYBE_DUMP =
  /\b(?:True|False)\b|[=:] ?None\b|\b[Cc]onfig(?:uration)?[ :({=]|\b[Hh]yper-?param|\b(?:loss|class|task|sample)[ _]?(?:weights|weighting|coefficients|coeffs|scales)\b|\bsplit ratios?\b|\btrain\/(?:val\w*\/)?test\b|\bsplit:? (?:of )?\d|^\W*(?:using|loading (?:the )?\w+ (?:function|config)|building|initiali[sz]ing|setting|creating|configured?)\b|(?:\b\w+=(?!(?:nan|inf(?:inity)?)\b)[A-Za-z_]\w*(?:\.\w+)?, .*){2}/i;
/** Says where training, or a search, is, and how well it goes. */
const PROGRESS =
  /\b(?:epoch|step|iter(?:ation)?|trial|fold|episode|round)\b['"]?[ :#=[(]*\d.*(?:loss|acc\b|accuracy|err\b|error|f1|auc|score|reward|return|metric|bleu|ppl|perplexity|map\b|m?iou)|(?:loss|acc|score|reward)\w*['"]?[ :=]+[-\d.].*\b(?:epoch|step|iter(?:ation)?)\b['"]?[ :=]*\d/i;
/** A dictionary that is said to hold results: spaCy names a loss by the part of the pipeline. */
const RESULTS = /\b(?:[Ll]oss(?:es)?|[Mm]etrics|[Ss]cores?|[Rr]esults?)['"]?\s*[:=]?\s*\{\s*u?['"]/;
const SCOPE = /(?:^|[\s[(|,;'"])(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?|dev)\b(?!-|\.py)/i;
const JOINED = /^(-[a-z][\w-]*)\s*[:=]?\s*$/i;
/** `Precision at k = 5: 0.4`, `Hits at 10: 0.7`, `IoU of class 3: 0.5`: what a score was taken at stands behind such a word. */
const TAKEN_AT = /(?:^|[ _@])(?:at|@|k|n|top|rank|class|label|task|fold|fpr|tpr|iou|at (?:recall|precision|sensitivity|specificity))$/i;
/** Between a name and its number: it stands alone there when the name ends in a number of its own. */
const SEPARATED = /^["']?\s*(?::|=+>?|->|→|\bis|\bwas)\s*$/;
/** Behind a number in a bracket behind a name: `Mean reward (last 100 episodes): 23.1`. */
const BRACKET_END = /^(-[a-z]{1,12}|[^()]{0,40})\)\s*[:=]\s*$/i;
/** A bracket that says where training is; the name is the same without it. */
const PLACED = /\b(?:ep|epoch|step|it|iter|iteration|batch|round)\b/i;
/** What in such a bracket is a metric of its own: its number is another each time, as no name's is. */
const OWN = /^(?:best|prev(?:ious)?|last|avg|mean|ema|lr|learning[ _]rate)$/i;
/** `loss.0: 0.4`, `loss.0.cls: 0.4`: a key that ends in a point, its number, and how it goes on. */
const KEY = /([A-Za-z][\w/-]{0,60}(?:\.[A-Za-z][\w/-]{0,60}){0,4}\.)$/;
const KEY_END = /^((?:\.[A-Za-z][\w/-]{0,60}){0,4})["']?\s*[:=]\s*$/;
/** `Cost after 100 iterations: 0.6` */
const AFTER = /\s+(?:after|at|in)$/i;
const COUNTERS = /^(?:(epochs?)|iterations?|iters?|steps?|updates?)$/i;
const STATISTIC = /^(?:(?:Mean|Avg|Average)[A-Z]\w*|(?:mean|avg|average)_\w+)$/;
const LENGTH = /len(?:gth)?$/i;
/** Papers call losses L with an index, and so do programs: `Lrec: 0.2, Ladv: 1.1, Lsty: 0.4`. */
const LETTER_LOSS = /^L_?[A-Za-z]\w{0,14}$/;
/** … which no other word begins with (Left, Level, Low) … */
const NO_WORD = /^L(?:_|[b-df-hj-np-tv-xz])/;
/** … and of which none is a box's length along an axis, or a bound of one: `Lx: 0.1, Ly: 0.2, Lz: 0.3`, `Lmin: 0.25, Lmax: 0.75`. */
const LENGTHS = /^L_?(?:[xyz]|min|max|step|th|thr|bound)$/;
/** What RLlib's reports have beside the rewards, and settings never have. */
const MEASURED = /(?:^|_)throughput$/i;
const OUTER = /\b(\w+)\[\w+=$/;
/** A phase by itself names a score (`Validation: 33.5%`), but not a counter (`Test: [20/24]`). */
const SPLIT = /^(?:train|training|val|valid|validation|test|testing|dev|eval)$/i;
/** A limit, a wish or a rule rather than a value. */
const RULE = /\b(?:should|must|need(?:s|ed)?|stop|until|unless|thresh(?:old)?s?|did not|does not|didn't)\b/i;
/** `precision: 16-mixed`: of the numbers, not of the model. */
const PRECISION = /\bprecision$/i;
const BITS = /^(?:8|16|32|64)$/;
/** Behind how full a bar is. */
const FILLED = /^%(?:\||\s+\d{1,12}\/\d{1,12} \[\d)/;
/**
 * `Loss for final step: 0.007`, `Mean loss after inner updates: 0.3`: of which steps, not which step. A number that is not whole can be no step; but behind a bare `at` it may
 * be an epoch that is not over.
 */
const PHASE =
  /^(.{1,60}?) (?:(?:after|before|for|over|during|of)|(?:at|in|on)(?= (?:the )?(?:final|last|first|each|every|all|this|current|inner|outer)\b))(?: [A-Za-z]{1,12}){0,2} (?:epochs?|steps?|iter(?:ation)?s?|batch(?:es)?|updates?|rounds?)$/i;
/** `Epoch 3 | train: 1.42 (2.05 bpd)`: the same in another unit, behind a number that may have one too. */
const BESIDE = /^(?:%| ?[A-Za-z]{1,8})? \($/;
const OTHER_UNIT = /^ ?([A-Za-z]\w{0,12}(?:\/(?!s)[A-Za-z]{1,8})?)\)/;
/** The line of the meters that DETR, MAE, BEiT, DINO print: nothing else is in it than what is measured or scheduled … */
const METERS = /\] {2}eta: \d|\bAveraged stats: /;
/** … and these. */
const MACHINE_METER = /time|data|mem|scale|size/i;
/** An output of an operation, as TensorFlow names tensors and variables: `loss/kernel:0, shape = (10, 10)`, `Tensor("loss/Mean:0", shape=()`, `loss/bias:0 (10,)`. */
const OUTPUT = /\/[\w./-]{0,80}\w:$/;
const OF_TENSOR = /^['"]?(?:[, ]{1,2}\(?(?:shape|dtype)\b| \(\d{0,9},)/;
/** A warning of Python's, which may stand behind what had no line end yet: `loss 0.41 (0.40)/w/net.py:12: UserWarning: …`. */
const WARNED = /(?:^|\/|[A-Z]:\\)[^\s:]{1,300}\.py:\d{1,6}: \w{0,40}Warning: /;
/** `->> lr: 0.001`, `==> Loss: 0.5`: behind an arrow. */
export const MARKED = /^\s*[-=]{1,4}>{1,3} ?(?=[A-Za-z])/;
/** `loss < 0.01` */
const COMPARED = /<=?\s*$/;
/** Part of a file's name, or of an absolute path: `epoch=3-val_loss=0.41.ckpt`. */
const FILE_END = /^[^\s,;|]*\.(?:ckpt|pth?|pkl|h5|hdf5|keras|bin|safetensors|npz|npy|tar|zip|onnx|params|pdparams|joblib)\b/;
/**
 * Reads `name: 0.5, other name=1e-3 | word 7` in whatever mixture: each number is named by what stands between it and the number before. A line counts when it
 * names an outcome (loss, accuracy, reward …), or says where training is and gives real numbers.
 */
export function readGeneric(whole: string, scan: Scan, plan = new PlanBuilder()): Plan | null {
  const warned = whole.includes('Warning: ') ? WARNED.exec(whole) : null;
  const text = warned ? whole.slice(0, warned.index) : whole;
  if (scan.count === 0 || DUMP.test(text) || (MAYBE_DUMP.test(text) && !PROGRESS.test(text))) return null;
  const from = headLength(text);
  const found = readNames(text, scan, from, plan);
  const counted = bar(text, scan, plan);
  leading(text, scan, from, plan, found);
  if (isLetterLosses(found, text, scan)) for (const n of found) n.kind = 'outcome';
  if (METERS.test(text))
    for (const n of found) if (n.kind === 'skip' && n.strong && !isWhole(scan, n.index) && !MACHINE_METER.test(n.name)) n.kind = 'aux';
  if (RESULTS.test(text)) for (const n of found) if (n.kind === 'unknown' && n.strong && !isWhole(scan, n.index)) n.kind = 'outcome';
  const telling = (n: Named): boolean =>
    (n.kind === 'outcome' && (n.strong || !isWhole(scan, n.index) || plan.hasPlace)) ||
    (plan.hasPlace && (n.kind === 'aux' || (n.kind === 'unknown' && !isWhole(scan, n.index) && (n.strong || n.name.length < 24))));
  if (!found.some(telling)) {
    if (!plan.hasPlace && found.length === 1 && isStatistic(found[0]!, text, scan)) {
      plan.metric(found[0]!.name, found[0]!.index);
      plan.grouped = 'other';
      return plan.build();
    }
    if (!plan.hasPlace && found.length === 1 && isRate(found[0]!, text)) {
      plan.metric(found[0]!.name, found[0]!.index);
      plan.grouped = 'other';
      return plan.build();
    }
    // A bar that counts something else (files, shards) says nothing about training; a bare one does, the Trainer's has no words.
    if (plan.epoch < 0 && counted && !/^\s*\d+%/.test(text)) return null;
    return plan.build();
  }
  for (const n of found) {
    if (n.kind === 'place' || n.kind === 'skip' || n.index === plan.step || n.index === plan.epoch) continue;
    if (n.kind === 'unknown' && (isWhole(scan, n.index) || (!n.strong && !plan.hasPlace))) continue;
    if (n.kind === 'outcome' && !n.strong && isWhole(scan, n.index) && !plan.hasPlace) continue;
    if (!plan.metric(n.name, n.index) && n.scope !== '') plan.metric(`${n.scope} ${n.name}`, n.index);
  }
  const only = found[0];
  plan.lone = found.length === 1 && only !== undefined && isLone(only, text);
  if ((plan.lone || MARKED.test(text)) && plan.grouped === null) plan.grouped = 'outcome';
  return plan.build();
}

function isLetterLosses(found: readonly Named[], text: string, scan: Scan): boolean {
  return (
    found.length > 2 &&
    text.trimStart().startsWith(found[0]!.name) &&
    found.every((n) => n.kind === 'unknown' && n.strong && !isWhole(scan, n.index) && LETTER_LOSS.test(n.name) && !LENGTHS.test(n.name)) &&
    found.filter((n) => NO_WORD.test(n.name)).length > found.length / 2
  );
}

function isLone({ name, strong }: Named, text: string): boolean {
  return strong && text.trimStart().startsWith(name);
}

/** `MeanSlowdown: 8.2` alone on its line: beside outcomes it is one, under its environment's own name. */
function isStatistic(only: Named, text: string, scan: Scan): boolean {
  const isNamedSo = MEASURED.test(only.name) || ((only.kind === 'unknown' || LENGTH.test(only.name)) && STATISTIC.test(only.name));
  return isNamedSo && !isWhole(scan, only.index) && isLone(only, text);
}

/** `->> lr: 0.001` alone on its line: beside outcomes behind the same kind of mark it is the current one. */
function isRate(only: Named, text: string): boolean {
  return only.strong && roleOf(only.name) === 'rate' && MARKED.test(text);
}

function readNames(text: string, scan: Scan, from: number, plan: PlanBuilder): Named[] {
  const found: Named[] = [];
  let previousEnd = from;
  let scope = '';
  for (let i = 0; i < scan.count; i++) {
    const start = scan.start[i]!;
    if (start < from) continue;
    if (start >= text.length) break;
    const first = previousEnd === from;
    const gap = text.slice(previousEnd, start);
    previousEnd = scan.end[i]!;
    // icefall: `tot_loss[loss=0.5, simple_loss=0.6`
    scope = SCOPE.exec(gap)?.[1] ?? OUTER.exec(gap)?.[1] ?? scope;
    if (scan.kind[i] === COMPOUND) continue;
    const [, attached, apart] = UNIT.exec(text.slice(previousEnd, previousEnd + UNIT_REACH)) ?? [];
    const unit = attached ?? apart ?? '';
    // `Map: 100%|███`, and where no bar is drawn `Map: 100% 500/500 [00:03`: how full it is
    if (text[previousEnd] === '%' && FILLED.test(text.slice(previousEnd, previousEnd + UNIT_REACH))) continue;
    // `lr=0.1_acc=0.9`, `https://…/acc=0.9`: the name of a run or a page
    if (
      /^_[A-Za-z]/.test(gap) ||
      /^_[A-Za-z]/.test(text.slice(previousEnd, previousEnd + 2)) ||
      /:\/\/\S*$/.test(text.slice(Math.max(0, start - 120), start))
    )
      continue;
    if (FILE_END.test(text.slice(previousEnd, previousEnd + 80))) continue;
    // `the loss is nan`: a sentence, which the rules judge
    if (scan.kind[i] === SPECIAL && /\b(?:is|was|became|turned|got|of)\s*$/.test(gap)) continue;
    if (COMPARED.test(gap) && text[previousEnd] !== '>') continue;
    // `Mouth=13.0-21.6`: from … to
    if (text[previousEnd] === '-' && scan.start[i + 1] === previousEnd + 1 && i + 1 < scan.count) continue;
    if (consumePair(text, scan, i, gap, plan) || ordinal(text, scan, i, gap, plan)) continue;
    const last = found[found.length - 1];
    // `Train loss/acc: 0.35/0.88`: two names for two numbers, or three for three
    const slash =
      last?.index === i - 1 && last.strong && last.kind !== 'skip' && /^%? ?\/ ?$/.test(gap) && !(isWhole(scan, i - 1) && isWhole(scan, i))
        ? last.name.indexOf('/')
        : -1;
    if (slash > 0) {
      const name = last!.name.slice(slash + 1).trim();
      const before = last!.name.slice(0, slash).trim();
      found[found.length - 1] = { ...last!, name: before, kind: classOfName(before) };
      found.push({ index: i, name, kind: classOfName(name), strong: true, unit, scope });
      continue;
    }
    if (OUTPUT.test(gap) && OF_TENSOR.test(text.slice(previousEnd, previousEnd + UNIT_REACH))) continue;
    const beside = last?.index === i - 1 && last.kind === 'outcome' && !isWhole(scan, i) && BESIDE.test(gap);
    const other = beside ? OTHER_UNIT.exec(text.slice(previousEnd, previousEnd + UNIT_REACH))?.[1] : undefined;
    if (other !== undefined && classOfName(other) === 'outcome' && !MACHINE_UNIT.test(other) && !SPLIT.test(other) && !OWN.test(other)) {
      const name = SPLIT.test(last!.name) ? `${last!.name} ${other}` : other;
      found.push({ index: i, name, kind: 'outcome', strong: true, unit: '', scope });
      continue;
    }
    const named = nameIn(gap, !first);
    // `class 0 0.95`, `for 10 images per label: 62`: the whole number before belongs to the name
    if (
      last?.index === i - 1 &&
      isWhole(scan, i - 1) &&
      !last.strong &&
      last.kind !== 'place' &&
      last.unit === '' &&
      (named.name === '' ? /^\s+$/.test(gap) : named.strong && /^ [a-z][\w ]*\s*[:=]/.test(gap))
    ) {
      const head = last.name.replace(AFTER, '');
      const counter = head !== last.name && classOfName(head) === 'outcome' && !/^no\b/i.test(head) ? COUNTERS.exec(named.name) : null;
      if (counter && !plan.hasPlace) {
        if (counter[1] === undefined) plan.step = i - 1;
        else plan.epoch = i - 1;
      }
      last.name = counter ? head : `${last.name} \0${i - 1}\0${named.name === '' ? '' : ` ${named.name}`}`;
      found[found.length - 1] = { ...last, index: i, unit, strong: true, kind: classOfName(last.name) };
      continue;
    }
    // `Top 1-err 48.9`, `Recall 5-shot: 0.4`: so does what is joined to it
    const joined = JOINED.exec(gap)?.[1];
    if (
      joined !== undefined &&
      last?.index === i - 1 &&
      isWhole(scan, i - 1) &&
      !last.strong &&
      last.kind !== 'place' &&
      last.unit === ''
    ) {
      last.name = `${last.name} \0${i - 1}\0${joined}`;
      found[found.length - 1] = { ...last, index: i, unit, strong: true, kind: classOfName(last.name) };
      continue;
    }
    // `Recall at k = 5: 0.4`; but `loss at 500: 0.4` is no loss of its own, and `loss: 0.5 = 0.3 + 0.2` is a sum
    if (
      last?.index === i - 1 &&
      last.kind === 'outcome' &&
      last.unit === '' &&
      named.name === '' &&
      TAKEN_AT.test(last.name) &&
      SEPARATED.test(gap) &&
      !(last.strong && gap.includes('=')) &&
      roleOf(last.name) !== 'loss'
    ) {
      const name = printed(text.lastIndexOf(last.name, scan.start[i - 1]), scan.end[i - 1]!, text, scan);
      found[found.length - 1] = { ...last, index: i, name, strong: true, unit };
      continue;
    }
    const key = i > 0 && isWhole(scan, i - 1) && last?.index !== i - 1 ? keyBefore(text, scan, i, gap) : null;
    if (key) {
      found.push({ index: i, ...key, strong: true, unit, scope });
      continue;
    }
    // `Best Validation (Ep. 2): 33`, `Loss (top 1) = 0.3`, `Accuracy (4-digits): 98`: the name stands before the bracket
    const rest = named.name === '' ? BRACKET_END.exec(gap)?.[1] : undefined;
    if (rest !== undefined) {
      const open = text.lastIndexOf('(', start);
      const before = open > from ? cutName(text.slice(from, open)) : '';
      if (!/[A-Za-z]/.test(before) || before.length >= 40) continue;
      // `Mean cosine (100 pairs): 0.9`, `mAP (IoU = 0.5): 0.4`: what is in it tells one score from another, unless it is where training is
      const inner = last !== undefined && scan.start[last.index]! > open && !OWN.test(last.name) ? found.pop() : undefined;
      const whole = (rest !== '' && !rest.startsWith('-')) || (inner?.strong ?? false) ? !PLACED.test(text.slice(open, start)) : false;
      const name = whole ? printed(text.lastIndexOf(before, open), start - (gap.length - gap.indexOf(')') - 1), text, scan) : before;
      found.push({ index: i, name: name.length > 80 ? before : name, kind: classOfName(before), strong: true, unit, scope });
      continue;
    }
    if (named.name === '' && RATE_UNIT.test(unit) && (/[|:]\s*$/.test(gap) || (last?.kind === 'outcome' && gap === ', '))) {
      found.push({ index: i, name: unit, kind: 'aux', strong: true, unit: '', scope });
      continue;
    }
    if (named.name === '') continue;
    if (RULE.test(named.name) || (PRECISION.test(named.name) && isWhole(scan, i) && BITS.test(text.slice(start, previousEnd)))) continue;
    const phase = named.strong && !isWhole(scan, i) ? PHASE.exec(named.name)?.[1] : undefined;
    if (phase !== undefined && classOfName(phase) === 'outcome') {
      found.push({ index: i, name: named.name, kind: 'outcome', strong: true, unit, scope });
      continue;
    }
    // `Loss after epoch 3: 0.43`: the name stands before the place
    const kind = placeOf(text, named.name, scan, i, named.strong, plan, first);
    if (kind === 'place') {
      const head = named.strong ? '' : named.name.replace(/\s+(?:after|at|for|in|of|on|over)\s+(?:the )?\w+$/i, '');
      const next = i + 1 < scan.count ? text.slice(scan.end[i], scan.start[i + 1]) : '';
      if (head !== named.name && SEPARATED.test(next) && classOfName(head) === 'outcome')
        found.push({ index: i + 1, name: head, kind: 'outcome', strong: true, unit: '', scope });
      continue;
    }
    // `loss = 0.09 h`: a lone letter apart from an outcome is no unit (Vowpal Wabbit marks held-out data so)
    const machine = MACHINE_UNIT.test(unit) && !(kind === 'outcome' && unit.length === 1 && apart !== undefined);
    found.push({
      index: i,
      name: named.name,
      kind:
        machine || (SPLIT.test(named.name) && isWhole(scan, i))
          ? 'skip'
          : // `Computation: 46045 steps/s`
            kind === 'unknown' && named.strong && RATE_UNIT.test(unit) && !named.name.includes(' ')
            ? 'outcome'
            : kind,
      strong: named.strong,
      unit,
      scope,
    });
  }
  return found;
}

/** A stretch of the line as a name: its numbers by index. */
function printed(from: number, to: number, text: string, scan: Scan): string {
  return templated(text.slice(from, to), from, scan).replace(/\s+/g, ' ');
}

/** The name when what stands before the number is a key with a number in it, and names an outcome: `loss.0: `. */
function keyBefore(text: string, scan: Scan, i: number, gap: string): { name: string; kind: NameClass } | null {
  const rest = KEY_END.exec(gap)?.[1];
  if (rest === undefined) return null;
  const at = scan.start[i - 1]!;
  const base = KEY.exec(text.slice(Math.max(0, at - 80), at))?.[1];
  if (base === undefined) return null;
  const kind = classOfName(`${base}${rest.slice(1)}`);
  return kind === 'outcome' ? { name: `${base}\0${i - 1}\0${rest}`, kind } : null;
}
