import type { Measure } from '../measure.ts';
import { INT } from './scan.ts';
import type { Scan } from './scan.ts';

/**
 * What the numbers of a line of one shape are: which is which metric, which says where training is. Positions are indices into the line's
 * numbers, so that the plan serves every line of that shape.
 */
export interface Plan {
  /** Metric names as printed, and for each the index of its number. A number inside a name (`class 3 accuracy`) stands as `\0index\0`. */
  readonly names: readonly string[];
  readonly at: readonly number[];
  /** Some name has a number inside. */
  readonly dynamic: boolean;
  /** The names are those of every line, and an object that has them as keys keeps their order. */
  readonly plain: boolean;
  /** What the monitor knows of each metric, once it has looked: only of a plain plan. */
  measures: readonly Measure[] | null;
  /** The line is nothing but `name: value`: in the middle of a dump of settings it is one of them. */
  readonly lone: boolean;
  /** A row of a box of two columns, or `name: value`: whether it names an outcome, or counts only beside one; null when it is no such row. */
  readonly grouped: 'outcome' | 'other' | null;
  /** Indices of the numbers, or -1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
}

/** A key that an object has before its others, or has already. */
const UNORDERED = /^(?:\d+|__proto__)$/;

/** Collects a plan while a format reads a line. */
export class PlanBuilder {
  readonly names: string[] = [];
  readonly at: number[] = [];
  lone = false;
  grouped: Plan['grouped'] = null;
  epoch = -1;
  epochs = -1;
  step = -1;
  steps = -1;

  /** False when there is one of that name already: the first is the current value, what follows is a repeat. */
  metric(name: string, index: number): boolean {
    if (this.at.includes(index)) return true;
    if (this.names.includes(name)) return false;
    this.names.push(name);
    this.at.push(index);
    return true;
  }

  get hasPlace(): boolean {
    return this.epoch >= 0 || this.step >= 0;
  }

  build(): Plan | null {
    if (this.names.length === 0 && !this.hasPlace) return null;
    const { names, at, lone, grouped, epoch, epochs, step, steps } = this;
    const dynamic = names.some((name) => name.includes('\0'));
    const plain = !dynamic && !names.some((name) => UNORDERED.test(name));
    return { names, at, lone, grouped, epoch, epochs, step, steps, dynamic, plain, measures: null };
  }
}

/** The index of the number that begins at `position`, or -1. */
export function numberAt(scan: Scan, position: number): number {
  for (let i = 0; i < scan.count; i++) if (scan.start[i] === position) return i;
  return -1;
}

export function isWhole(scan: Scan, index: number): boolean {
  return scan.kind[index] === INT;
}

/** A name with the line's numbers in it, by index, so that it serves every line of the shape. */
export function templated(name: string, start: number, scan: Scan): string {
  if (start < 0 || !/\d/.test(name)) return name;
  let made = '';
  let from = 0;
  for (let i = 0; i < scan.count; i++) {
    const at = scan.start[i]! - start;
    const end = scan.end[i]! - start;
    if (at < from || end > name.length) continue;
    made += `${name.slice(from, at)}\0${i}\0`;
    from = end;
  }
  return made + name.slice(from);
}

/** Begins a log record; what stands before belongs to the logger. */
const LOG_HEAD =
  /^(?:.{0,120}?(?:[-:|\]]\s*)?\b(?:DEBUG|INFO|WARNING|ERROR)\b\s*(?:[\]|:)-]|\s-)+\s*)(?:[\w.]+(?::[\w.]+)*:\d+ ?(?:-|\])\s*|\[[\w./-]+:\d+\]\s*|[\w.-]+(?:\.[\w-]+)+ - )?|^(?:INFO|DEBUG):[\w.]+:|^[IWEF]\d{4} [\d:.]+\s+\d+ [\w./]+:\d+\] |^\[\d{1,4},\d{1,6}\]<std(?:out|err)>: ?|^\(\w[^()]{0,60}pid=[^)]{1,40}\) |^\[\w+ [IWED] [^\]]{1,80}\] |^v\d \([^()]{1,60}\([^()]{1,80}\) (?=Region )/;
const TIME_HEAD = /^\s*[[(]?\d{2,4}[-/]\d\d(?:[-/]\d{2,4})?[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: [\w.]+\])?[\])]?[ :,|-]*/;
const MAYBE_HEAD = /^\s*[[(\dIWEFD]|^v\d \(|INFO|DEBUG/;

/** Where the message of a log record begins. */
export function headLength(text: string): number {
  if (!MAYBE_HEAD.test(text)) return 0;
  return LOG_HEAD.exec(text)?.[0].length ?? TIME_HEAD.exec(text)?.[0].length ?? 0;
}
