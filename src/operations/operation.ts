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
  | {
      readonly kind: 'finding';
      readonly file?: string;
      readonly located: LocatedFinding;
      /** It replaces one that was told before. */ readonly amends?: boolean;
    }
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
  /** Resolves when the face has room for more events; whoever emits without end waits for it. Absent: it always has. */
  readonly ready?: () => Promise<void>;
}

/** What operations need from the face that calls them. */
export interface OperationContext {
  /** Absolute local folder of the project. */
  readonly projectRoot: string;
  /** Where relative paths of files start that need not be the project's; default: the project. */
  readonly currentFolder?: string;
  /** RPO_HOME or ~/.runpod. */
  readonly home: string | undefined;
  readonly ports: OrchestratorPorts;
  /** The pod that was named for this call; default: the selected one. */
  readonly pod?: string;
  /** The project on the named (or selected) pod; opened once, closed by the face. */
  readonly orchestrator: (pod?: string) => Promise<Orchestrator>;
  /** Characters that an answer may have, its words and its JSON each; absent: any number. Who can cut where it harms least does so, and says what is missing. */
  readonly answerLimit?: number;
  /** Asks the person yes or no, with what they need to see for that; absent where there is nobody to ask. */
  readonly confirm?: (question: string, detail?: string) => Promise<boolean>;
  /** What `-` stands for where a file is asked for; absent where there is no such stream. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

/** How the command line reads a field that is itself a line of words, like a shell command. */
export interface WordsField {
  /** A string field, or one that a string is parsed from. Several words become one line, each quoted. */
  readonly field: string;
  /** `theirs`: from its first word on, flags belong to the line (`exec ls -l`). `ours`: only flags we do not know do. */
  readonly flags: 'ours' | 'theirs';
}

/**
 * One thing that a person or an agent can ask for. The command line, MCP tools and the editor's language model tools are made
 * from these records: a new operation is a new record, and no face has to be touched.
 */
export interface Operation<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
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
  /** The positional that takes the rest of the command line. */
  readonly words?: WordsField;
  /** Fields that are local paths: a face with a current folder of its own makes them absolute. Relative ones start at the project. */
  readonly localPaths?: readonly (keyof z.output<Input> & string)[];
  /** Lines for a person's help: what to type, and what it does. */
  readonly examples?: readonly (readonly [command: string, what: string])[];
  handle(context: OperationContext, input: z.output<Input>, call: Call): Promise<z.output<Output>>;
  /**
   * The answer in words: what happened and what to do next; bounded in size. `eventsShown`: the face has shown the events
   * as they came, so that they need not be told again.
   */
  render(output: z.output<Output>, face: { readonly eventsShown: boolean }): string;
  /** Whom it is offered to; default: people and agents. */
  readonly audience?: 'people' | 'agents';
  /** Its name as a tool of agents; default: its own with `_` for blanks. */
  readonly tool?: string;
  /** The shell line of the caller's own that a call would run; an owner may have limited these for agents. */
  ownCommand?(input: z.output<Input>): string | undefined;
  /** Exit code of the command line for an answer; default 0. */
  exitCode?(output: z.output<Output>): number;
}

/** Keeps the record's own types while it goes into a table of many. */
export function operation<Input extends z.ZodObject, Output extends z.ZodObject>(record: Operation<Input, Output>): Operation {
  return record;
}
