import type { Fix } from '../monitor/finding.ts';

/** A suggested edit of a training loop: `oldText` stands at `start` of the file's text (UTF-16 units). */
export interface LoopEdit {
  /** 1-based. */
  readonly line: number;
  readonly start: number;
  readonly oldText: string;
  readonly newText: string;
}

interface Line {
  readonly text: string;
  readonly indent: string;
  /** 0-based. */
  readonly number: number;
  readonly start: number;
}

// optimizer.step()   self.optimizer.step()   opt.step()
const STEP = /^\s*(?<optimizer>[\w.]*\bopt\w*)\.step\(\)\s*(?:#.*)?$/;
// scaler.step(optimizer)
const SCALED_STEP = /^\s*(?<scaler>[\w.]*scaler\w*)\.step\((?<optimizer>[\w.]+)\)\s*(?:#.*)?$/;
const BACKWARD = /^\s*(?<loss>[\w.]+)\.backward\(\)\s*(?:#.*)?$/;
const ZERO_GRAD = /^\s*(?<optimizer>[\w.]*\bopt\w*)\.zero_grad\([^()]*\)\s*(?:#.*)?$/;
const LOOP = /^\s*for (?<index>\w+), ?.+ in enumerate\((?<batches>[\w.]+)\):\s*(?:#.*)?$/;

/** What is advised as source to be added, as an edit of this file; null unless it is clear where it belongs and what the variables are called. */
export function suggestLoopEdit(text: string, fix: Extract<Fix, { kind: 'suggest-edit' }>): LoopEdit | null {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = linesOf(text, eol);
  if (fix.code.includes('clip_grad_norm_')) return clipping(text, lines, eol);
  return fix.code.includes('accumulation') ? accumulation(lines, eol) : null;
}

/** Clips before the one step of the one optimizer, by the name its model has; with a gradient scaler, what is clipped is unscaled first. */
function clipping(text: string, lines: readonly Line[], eol: string): LoopEdit | null {
  if (/clip_grad|clip_by_global_norm/.test(text)) return null;
  const plain = only(lines, STEP);
  const scaled = only(lines, SCALED_STEP);
  if (plain === null || scaled === null || (plain === undefined) === (scaled === undefined)) return null;
  const step = (plain ?? scaled)!;
  const models = new Set([...text.matchAll(/([A-Za-z_][\w.]*)\.parameters\(\)/g)].map(([, name]) => name!));
  const [model] = models;
  const utils = /^\s*import torch\b(?! as)/m.test(text)
    ? 'torch.nn.utils'
    : /^\s*from torch import .*\bnn\b/m.test(text)
      ? 'nn.utils'
      : null;
  if (models.size !== 1 || utils === null) return null;
  const { scaler, optimizer } = SCALED_STEP.exec(step.text)?.groups ?? {};
  const added = [
    ...(scaler === undefined ? [] : [`${scaler}.unscale_(${optimizer})`]),
    `${utils}.clip_grad_norm_(${model}.parameters(), max_norm=1.0)`,
  ];
  return { ...placeOf(step), oldText: step.text, newText: [...added.map((code) => step.indent + code), step.text].join(eol) };
}

/** Steps every second batch. Only where the loop counts its batches, and clears, differentiates and steps once each, one below the other. */
function accumulation(lines: readonly Line[], eol: string): LoopEdit | null {
  const step = only(lines, STEP);
  const backward = only(lines, BACKWARD);
  const clear = only(lines, ZERO_GRAD);
  if (!step || !backward || !clear || backward.number >= step.number) return null;
  if (backward.indent !== step.indent || clear.indent !== step.indent) return null;
  const loop = lines
    .slice(0, Math.min(backward.number, clear.number))
    .findLast((line) => line.text.trim() !== '' && line.indent.length < step.indent.length);
  const { index, batches } = LOOP.exec(loop?.text ?? '')?.groups ?? {};
  const { loss } = BACKWARD.exec(backward.text)?.groups ?? {};
  if (index === undefined) return null;
  const first = Math.min(clear.number, backward.number);
  const last = Math.max(clear.number, step.number);
  const { indent } = step;
  const deeper = indent + (indent.includes('\t') ? '\t' : '    ');
  const old = lines.slice(first, last + 1);
  const changed = old.flatMap((line) => {
    if (line === clear) return [];
    if (line === backward) return [`${indent}(${loss} / 2).backward()`];
    if (line !== step) return [line.text];
    return [
      `${indent}if (${index} + 1) % 2 == 0 or ${index} + 1 == len(${batches}):`,
      deeper + step.text.trim(),
      deeper + clear.text.trim(),
    ];
  });
  return { ...placeOf(old[0]!), oldText: old.map(({ text }) => text).join(eol), newText: changed.join(eol) };
}

/** The only line that matches; undefined when none does, null when several do. */
function only(lines: readonly Line[], pattern: RegExp): Line | undefined | null {
  const found = lines.filter(({ text }) => pattern.test(text));
  return found.length > 1 ? null : found[0];
}

function placeOf({ number, start }: Line): { readonly line: number; readonly start: number } {
  return { line: number + 1, start };
}

function linesOf(text: string, eol: string): Line[] {
  let start = 0;
  return text.split(eol).map((line, number) => {
    const made = { text: line, indent: /^\s*/.exec(line)![0], number, start };
    start += line.length + eol.length;
    return made;
  });
}

/** An edit as people read it: the lines it takes away and adds, with those around them that stay. */
export function diffOf({ oldText, newText }: Pick<LoopEdit, 'oldText' | 'newText'>): string {
  const was = oldText.split(/\r?\n/);
  const is = newText.split(/\r?\n/);
  // Length of the longest common subsequence of what follows line i of the old and line j of the new text.
  const common = was.concat('').map(() => is.concat('').map(() => 0));
  for (let i = was.length - 1; i >= 0; i--)
    for (let j = is.length - 1; j >= 0; j--)
      common[i]![j] = was[i] === is[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
  const lines: string[] = [];
  for (let i = 0, j = 0; i < was.length || j < is.length;) {
    if (i < was.length && j < is.length && was[i] === is[j]) {
      lines.push(`  ${was[i]}`);
      i++;
      j++;
    } else if (i < was.length && (j === is.length || common[i + 1]![j]! >= common[i]![j + 1]!)) lines.push(`- ${was[i++]}`);
    else lines.push(`+ ${is[j++]}`);
  }
  return lines.join('\n');
}
