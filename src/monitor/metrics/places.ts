/** Which numbers of a line say where training is: its epoch and step, and of how many. */

import { COUNTED } from './nameBefore.ts';
import { EPOCH_NAMES, STEP_NAMES, classOfName } from './names.ts';
import type { NameClass } from './names.ts';
import type { PlanBuilder } from './plan.ts';
import { INT } from './scan.ts';
import type { Scan } from './scan.ts';

/** Names that end in a file's, a function's or a setting's form. */
const NOT_A_NAME =
  /\.(?:py|cc|cpp|cu|yaml|json|pt|pth|ckpt)$|^(?:https?|file)$|^[\w.]+\.(?:weight|bias)$|\.{3,}|^(?:cfg|args|config|hparams|opt)\./i;

const PREPOSITION =
  /(?:^| )(?:in|to|from|than|within|after|by|with|took|for|until|over|every|about|and|or|a|the|around|only|per|least|most|below|above|under|beyond)$/i;

/** `3/10` after an epoch or step, `[3][50/271]`, `[1](100/2500)`: totals and steps that have no name of their own. */
export function consumePair(text: string, scan: Scan, i: number, gap: string, plan: PlanBuilder): boolean {
  if (scan.kind[i] !== INT || i === 0) return false;
  if (/^ ?(?:\/|of|out of) ?$/.test(gap.replace(/\s+/g, ' ')) && scan.kind[i - 1] === INT) {
    if (plan.epoch === i - 1) plan.epochs = i;
    else if (plan.step === i - 1) plan.steps = i;
    else return false;
    return true;
  }
  const afterEpoch = plan.epoch >= 0 && (i === plan.epoch + 1 || i === plan.epochs + 1);
  if (plan.step < 0 && afterEpoch && /^[\])]?:?\s*[[(,]\s*$/.test(gap) && /^\s*[\])/]/.test(text.slice(scan.end[i], scan.end[i]! + 8))) {
    plan.step = i;
    return true;
  }
  // [1,     0/  476] : epoch and step in one bracket at the start
  if (
    plan.epoch < 0 &&
    plan.step < 0 &&
    scan.kind[i - 1] === INT &&
    /^,\s*$/.test(gap) &&
    /^(?:\w+:\w+:)?\s*\[\s*$/.test(text.slice(0, scan.start[i - 1])) &&
    /^(?:\]|\/)/.test(text.slice(scan.end[i]).trimStart())
  ) {
    plan.epoch = i - 1;
    plan.step = i;
    return true;
  }
  return false;
}

/** `第3轮 损失: 0.5` (the third round, loss), `第 120 步` (the 120th step). */
export function ordinal(text: string, scan: Scan, i: number, gap: string, plan: PlanBuilder): boolean {
  if (scan.kind[i] !== INT || !/第\s*$/.test(gap)) return false;
  const counted = COUNTED.exec(text.slice(scan.end[i], scan.end[i]! + 10))?.[1];
  if (counted === undefined) return false;
  if (/步|迭代/.test(counted)) plan.step = i;
  else plan.epoch = i;
  return true;
}

export function placeOf(text: string, name: string, scan: Scan, i: number, strong: boolean, plan: PlanBuilder, first: boolean): NameClass {
  const lower = name.toLowerCase();
  const last = lower.slice(Math.max(lower.lastIndexOf(' '), lower.lastIndexOf('(')) + 1).replace(/[^\w/-]/g, '');
  // `steps:  10%|█` : a bar's percentage, not the step
  const whole = scan.kind[i] === INT && text[scan.end[i]!] !== '%';
  // `Total optimization steps = 375` counts, `Steps: 375` says where
  if (last !== lower && /^(?:steps|iters|iterations|batches|updates|epochs)$/.test(last))
    return classOfName(name) === 'aux' ? 'aux' : 'skip';
  if ((EPOCH_NAMES.has(lower) || EPOCH_NAMES.has(last)) && !/\b(?:per|best|max|num|total|each|every) epochs?$/.test(lower)) {
    if (
      plan.epoch < 0 &&
      (whole || strong || lower === 'epoch') &&
      !(lower === 'epochs' && strong && !/^\s*\//.test(text.slice(scan.end[i])))
    )
      plan.epoch = i;
    return 'place';
  }
  if ((STEP_NAMES.has(lower) || STEP_NAMES.has(last)) && !/\b(?:per|best|max|num|total|each|every) \w+$/.test(lower)) {
    // `iter 12 step 3`: the step is the optimizer's
    if (whole && (plan.step < 0 || (plan.steps < 0 && /^(?:global[_ ])?step$/.test(lower)))) plan.step = i;
    return 'place';
  }
  if (first && strong && whole && lower === 's' && plan.step < 0) {
    plan.step = i;
    return 'place';
  }
  if (lower === 'total_steps' || lower === 'max_steps') {
    if (plan.steps < 0 && plan.step >= 0 && whole) plan.steps = i;
    return 'place';
  }
  return NOT_A_NAME.test(name) || PREPOSITION.test(name) ? 'skip' : classOfName(name);
}

/** tqdm: `| 34/313 [00:32<04:25`, where no bar is drawn `10% 34/313 [00:32`; Keras: `363/363 [====`, `51/51 ━━━`; rich: `━━━╸━ 44/57 0:02:03`; Paddle and TFLearn: `step 7/7 -`, `iter: 1309/1309`. */
export function bar(text: string, scan: Scan, plan: PlanBuilder): boolean {
  if (plan.step >= 0) return false;
  const match =
    /(?:\||\d%)\s*(\d+)\/(\d+)\s+\[|^\s*(?:step )?(\d+)\/(\d+)\s+(?:\[[=>.-]|[━─-]{4}|\x20?[━─]|- )|\b(?:train|val|valid|validation|test|eval)\w*\]?:?\s*[[(]\s*(\d+)\/(\d+)|[━╸╺] (\d+)\/(\d+) \d+:\d\d/di.exec(
      text,
    );
  if (!match) return false;
  const at = match.indices?.[1] ?? match.indices?.[3] ?? match.indices?.[5] ?? match.indices?.[7];
  for (let i = 0; at && i + 1 < scan.count; i++) {
    if (scan.start[i] === at[0] && scan.kind[i] === INT) {
      plan.step = i;
      plan.steps = i + 1;
    }
  }
  return true;
}

/** A number that opens the line: `[100]\tvalid rmse: …` and `10:\tlearn: …` count rounds, `0  Train loss: …` epochs. */
export function leading(text: string, scan: Scan, from: number, plan: PlanBuilder, found: readonly { readonly kind: NameClass }[]): void {
  if (plan.hasPlace || scan.count < 2 || !found.some((n) => n.kind === 'outcome' || n.kind === 'aux')) return;
  let i = 0;
  while (i < scan.count && scan.start[i]! < from) i++;
  if (i >= scan.count || scan.kind[i] !== INT) return;
  const before = text.slice(from, scan.start[i]);
  const after = text.slice(scan.end[i], scan.end[i]! + 3);
  if (/^\s*(?:[\w:]+:)?\[\s*$/.test(before) && /^\s*\]/.test(after)) plan.step = i;
  else if (/\[\w+\]\($/.test(before) && /^\/\d/.test(after)) {
    plan.step = i;
    plan.steps = i + 1;
  } else if (/^\s*$/.test(before) && /^:\s/.test(after)) plan.step = i;
  else if (/^\s*$/.test(before) && /^(?:\t|\s+[A-Za-z[])/.test(after)) plan.epoch = i;
}
