import { hostname, userInfo } from 'node:os';
import { isUserError, messageOf, type Reason, UserError } from '../core/errors.ts';
import { maskSecrets } from '../core/secrets.ts';
import { stripControl } from '../core/terminal.ts';
import { Journal } from '../journal/journal.ts';
import type { Call, Operation, OperationContext } from '../operations/operation.ts';
import { toolName } from '../operations/table.ts';
import { complaint } from '../project/expectation.ts';
import { Home } from '../project/home.ts';
import { answerLimit, boundText, shrink } from './bounds.ts';
import { type LimitSource, Limits } from './limits.ts';
import { planOf } from './plans.ts';
import { forAgents } from './words.ts';

/** What an agent gets. */
export interface Answer {
  readonly ok: boolean;
  readonly text: string;
  /** As the tool's output schema says; null for an error. */
  readonly structured: Record<string, unknown> | null;
  /** Of a UserError; null: it went well, or it is a bug of ours. */
  readonly reason: Reason | null;
}

/** What a call would do. */
export interface Plan {
  readonly lines: readonly string[];
  /** Where; null when that could not be found out. */
  readonly pod: string | null;
}

/** Makes the context in which an agent's operations are handled; what it opens must ask these ports. */
export type AgentContext = (ports: Pick<OperationContext['ports'], 'startedBy' | 'may'>) => OperationContext;

export interface AgentCallerOptions {
  readonly projectRoot: string;
  readonly home: string | undefined;
  /** Beside those that stand in files. */
  readonly limits?: LimitSource | undefined;
  readonly context: AgentContext;
}

/**
 * The one way by which agents reach operations, whatever face they come through: limits first, then the operation, then an answer that is bounded and without secrets,
 * and an entry in the journal.
 */
export class AgentCaller {
  private readonly limits: Limits;
  private readonly journal: Journal;
  private readonly context: OperationContext;
  private by = 'agent';

  constructor(options: AgentCallerOptions) {
    const home = new Home(options.home);
    this.limits = new Limits(options.projectRoot, home, options.limits);
    this.journal = new Journal(home.stateFolder);
    this.context = options.context({
      startedBy: `${userInfo().username}@${hostname()} (agent)`,
      may: this.limits,
    });
  }

  /** The program that asks, as far as it says. */
  introduce(name: string | undefined): void {
    if (name !== undefined && name !== '') this.by = stripControl(name).slice(0, 60);
  }

  get projectRoot(): string {
    return this.context.projectRoot;
  }

  /** How a run stands, without an entry in the journal; null when that cannot be found out now. */
  async peek(run: string): Promise<{ readonly logBytes: number; readonly ended: boolean } | null> {
    try {
      const { logBytes, status } = await (await this.context.orchestrator()).runs.get(run);
      return { logBytes, ended: status.kind !== 'running' };
    } catch (error) {
      return isUserError(error, 'run-unknown') ? { logBytes: 0, ended: true } : null;
    }
  }

  /** Something that is another text when a run was started, has ended or is gone, without an entry in the journal; null when that cannot be found out now. */
  async peekList(): Promise<string | null> {
    try {
      const runs = await (await this.context.orchestrator()).runs.list();
      return runs.map(({ manifest, status }) => `${manifest.id} ${status.kind}`).join('\n');
    } catch {
      return null;
    }
  }

  /** Words that such an argument can be, the likeliest first; none when that cannot be found out now. */
  async known(argument: 'run' | 'model'): Promise<readonly string[]> {
    try {
      const { runs, project } = await this.context.orchestrator();
      return argument === 'model'
        ? Object.keys(project.config.train.models)
        : (await runs.list()).map(({ manifest }) => manifest.id).reverse();
    } catch {
      return [];
    }
  }

  /**
   * What a call would do, line by line, for a person who has to agree to it; null when it only reads, or would be refused. Changes nothing, and throws nothing: what
   * cannot be found out now is told as it was asked for.
   */
  async plan(record: Operation, args: unknown, signal: AbortSignal): Promise<Plan | null> {
    if (record.effect === 'read') return null;
    let input: Record<string, unknown>;
    try {
      await this.limits.read();
      input = parse(record, given(args));
      this.limits.checkCall(record, input);
    } catch {
      return null;
    }
    let pod: string | null = null;
    const context: OperationContext = {
      ...this.context,
      orchestrator: async () => {
        const orchestrator = await this.context.orchestrator();
        pod = orchestrator.pod.name;
        return orchestrator;
      },
    };
    const lines = await planOf(record, context, input, signal).catch(() => [`${record.title}: ${JSON.stringify(input)}`]);
    return lines.length === 0 ? null : { lines: lines.map(safe), pod };
  }

  /**
   * Never throws: what went wrong is an answer, too.
   *
   * @param pod the one that a person was told; default: the selected one
   */
  async call(record: Operation, args: unknown, call: Call, pod?: string): Promise<Answer> {
    const startedAt = Date.now();
    const by = this.by;
    const asked = given(args);
    const answer = await this.answer(record, asked, call, pod);
    const run = answer.structured?.['run'] ?? asked['run'];
    await this.journal.add({
      at: new Date().toISOString(),
      who: 'agent',
      by,
      operation: toolName(record),
      project: this.context.projectRoot,
      arguments: asked,
      ok: answer.ok,
      result: answer.text,
      ...(typeof run === 'string' ? { run } : {}),
      milliseconds: Date.now() - startedAt,
      ...(record.effect === 'read' ? { reads: true } : {}),
    });
    return answer;
  }

  private async answer(record: Operation, given: Readonly<Record<string, unknown>>, call: Call, pod: string | undefined): Promise<Answer> {
    try {
      await this.limits.read();
      const input = parse(record, given);
      this.limits.checkCall(record, input);
      const asked = typeof input['characters'] === 'number' ? Math.ceil(1.15 * input['characters']) + 1_000 : 0;
      const limit = Math.max(answerLimit, asked);
      const context = { ...this.context, answerLimit: limit, orchestrator: async () => this.context.orchestrator(pod) };
      const output = await record.handle(context, input, call);
      const text = safe(forAgents(record.render(output, { eventsShown: false })));
      const { value, shortened } = shrink(cleaned(output), limit);
      const structured = { ...(value as Record<string, unknown>), ...(shortened.length === 0 ? {} : { shortened }) };
      return { ok: true, text: boundText(text, limit), structured, reason: null };
    } catch (error) {
      const text = isUserError(error)
        ? `${forAgents(error.message)} [${error.reason}]`
        : `${messageOf(error)} [bug of RunPod Orchestrator: say so to the person; trying again may help]`;
      return { ok: false, text: boundText(safe(text), answerLimit), structured: null, reason: isUserError(error) ? error.reason : null };
    }
  }
}

function given(args: unknown): Readonly<Record<string, unknown>> {
  return (typeof args === 'object' && args !== null ? args : {}) as Readonly<Record<string, unknown>>;
}

/** @throws UserError 'bad-argument' that names every bad field */
function parse(record: Operation, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(record.input.shape, name));
  const parsed = record.input.safeParse(given);
  if (parsed.success && unknown.length === 0) return parsed.data;
  const known = Object.keys(record.input.shape).join(', ') || 'none';
  const problems = [
    ...unknown.map((name) => `there is no argument ${JSON.stringify(name)}`),
    ...(parsed.success
      ? []
      : parsed.error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${complaint(issue, record.input, given)}`)),
  ];
  throw new UserError('bad-argument', `${toolName(record)} was not understood: ${problems.join('; ')}. Its arguments are: ${known}.`);
}

function safe(text: string): string {
  return maskSecrets(stripControl(text));
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return safe(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, one]) => (one === undefined ? [] : [[name, cleaned(one)]])));
}
