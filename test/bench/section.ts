import type { PracticePod } from '../../src/practice/practicePod.ts';

/** What a section works with. */
export interface Bench {
  readonly practice: PracticePod;
  /** An empty local folder of this run. */
  readonly folder: string;
  readonly choice: Choice;
}

/** What was asked for on the command line; everything when nothing was. */
export interface Choice {
  readonly roundTripMs: number | undefined;
  readonly megabits: number | undefined;
  /** Whether to measure what has this title. */
  wants(title: string): boolean;
}

/** One section of docs/benchmarks.md. */
export interface Section {
  readonly title: string;
  /** Measures, and says what came out as Markdown below the title; undefined when nothing of it was asked for. */
  run(bench: Bench): Promise<string | undefined>;
}

/** A line of progress for whoever waits; the report goes elsewhere. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
