import type { z } from 'zod';
import type { LocatedFinding } from '../fixes/located.ts';
import type { MetricLine } from '../monitor/metric.ts';
import type { Orchestrator, OrchestratorPorts } from '../orchestrator.ts';

/** `read` changes nothing, `write` changes what can be changed back, `destroy` loses something. */
export type Effect = 'read' | 'write' | 'destroy';

/** What an operation tells while it works; faces show it, stream it, or drop it. */
export type OperationEvent =
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | ({ readonly kind: 'metrics'; readonly file?: string } & MetricLine)
  | { readonly kind: 'finding'; readonly file?: string; readonly located: LocatedFinding }
  | { readonly kind: 'note'; readonly text: string };

/** How far: `done` of `total` in `unit`, or only words. */
export interface Progress {
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: 'bytes' | 'files';
}

export interface Call {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
  readonly emit: (event: OperationEvent) => void;
}

/** What operations need from the face that calls them. */
export interface OperationContext {
  /** Absolute local folder of the project. */
  readonly projectRoot: string;
  /** RPO_HOME or ~/.runpod. */
  readonly home: string | undefined;
  readonly ports: OrchestratorPorts;
  /** The project on the named (or selected) pod; opened once, closed by the face. */
  readonly orchestrator: (pod?: string) => Promise<Orchestrator>;
}

/**
 * One thing that a person or an agent can ask for. The command line, and later MCP and language model tools, are made
 * from these records: a new operation is a new record, and no face has to be touched.
 */
export interface Operation<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodType = z.ZodType> {
  /** Words as on the command line: `deploy`, `pods add`. */
  readonly name: string;
  readonly title: string;
  /** What it does, for whom has to choose among them; one or two sentences. */
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly effect: Effect;
  /** Input fields that stand without a flag on the command line, in order; an array field takes the rest. */
  readonly positional?: readonly (keyof z.output<Input> & string)[];
  handle(context: OperationContext, input: z.output<Input>, call: Call): Promise<z.output<Output>>;
  /** The answer in words: what happened and what to do next. */
  render(output: z.output<Output>): string;
  /** Exit code of the command line for an answer; default 0. */
  exitCode?(output: z.output<Output>): number;
}

/** Keeps the record's own types while it goes into a table of many. */
export function operation<Input extends z.ZodObject, Output extends z.ZodType>(record: Operation<Input, Output>): Operation {
  return record as unknown as Operation;
}
