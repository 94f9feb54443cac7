import { z } from 'zod';
import { isUserError, UserError } from '../core/errors.ts';
import { stripControl } from '../core/terminal.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { type Run, statusWord } from '../runs/run.ts';
import type { RunTail, TailEvent } from '../runs/tail.ts';
import { cut, evidenceOf, evidenceSchema, evidenceText } from './evidence.ts';
import { metricsRecord, metricsSchema, metricsText } from './findings.ts';
import { type Call, operation } from './operation.ts';
import { type Cursor, cursorText, parseCursor, startCursor, withTail } from './tails.ts';
import { duration } from './text.ts';
import { chosenRun, statusSchema } from './training.ts';

const kindSchema = z.enum(['finding', 'advice', 'metrics', 'finish', 'hang']);
type Kind = z.output<typeof kindSchema>;

const eventSchema = z.object({
  kind: kindSchema,
  finding: evidenceSchema.optional(),
  metrics: metricsSchema.optional(),
  message: z.string().optional(),
});

type Event = z.output<typeof eventSchema>;

/** Events of one answer: what goes beyond comes with the next cursor. */
const eventsAnAnswer = 3;
/** After the first event of a live run: its traceback, other ranks and the end often follow at once. */
const settleMs = 700;

export const wait = operation({
  name: 'wait',
  tool: 'wait_for_event',
  title: 'Wait for an event',
  description:
    'Waits until something happens in a run: a failure (finding), a new epoch (metrics), its end (finish), no output for long (hang). Pass the cursor of each answer to the next call; nothing is lost or told twice, also after a time-out. Without a cursor it begins at the start of the log.',
  effect: 'read',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    cursor: z.string().min(1).optional().describe('Cursor from the previous answer.'),
    kinds: z
      .array(kindSchema)
      .min(1)
      .default(['finding', 'finish', 'hang'])
      .describe('What to wait for; advice: findings that are no failures.'),
    timeoutSeconds: z.number().min(0).max(3600).default(45).describe('Timeout in seconds; 0 returns at once.'),
    everyEpochs: z.int().min(1).default(1).describe('Report metrics every this many epochs.'),
    hangSeconds: z.number().min(1).default(600).describe('Seconds of silence that count as a hang.'),
  }),
  output: z.object({
    run: z.string(),
    status: statusSchema,
    exitCode: z.int().nullable(),
    events: z.array(eventSchema).describe('Empty if the timeout was reached.'),
    cursor: z.string().describe('Pass it to the next call.'),
    moreEvents: z.int().describe('More events are known; the next call returns them at once.'),
    latest: metricsSchema.omit({ line: true }).describe('How far training is.'),
    milliseconds: z.number(),
  }),
  positional: ['run'],
  examples: [
    ['rpo wait', 'until the newest run fails or ends'],
    ['rpo wait RUN --kinds metrics --every-epochs 10', 'the next tenth epoch'],
  ],
  async handle(context, input, call) {
    const startedAt = Date.now();
    const orchestrator = await context.orchestrator();
    const given = input.cursor === undefined ? null : parseCursor(input.cursor);
    if (given && input.run !== undefined && given.run !== input.run)
      throw new UserError('bad-argument', `The cursor belongs to run ${given.run}, not to ${input.run}. Leave one of them out.`);
    const id = given?.run ?? input.run ?? (await chosenRun(orchestrator, undefined, call.signal)).manifest.id;
    const cursor = given ?? startCursor(id);
    return withTail(orchestrator, id, async (tail) => {
      let run = await tail.catchUp(orchestrator.runs, id, call.signal);
      const wanted = () => tail.after(cursor.position).filter((event) => isWanted(event, input.kinds, input.everyEpochs));
      let hang: string | null = null;
      if (wanted().length === 0 && !tail.finished && input.timeoutSeconds > 0) {
        hang = await follow(orchestrator, tail, id, { ...input, cursor, wanted }, call);
        run = tail.finished ?? (await orchestrator.runs.get(id, call.signal));
      }
      const found = wanted();
      const told = found.slice(0, eventsAnAnswer);
      const events = await Promise.all(told.map(async (event) => eventRecord(orchestrator, event, run, tail)));
      if (hang !== null && events.length === 0) events.push({ kind: 'hang', message: hang });
      const { latest } = tail.monitor;
      const isHang = hang !== null && found.length === 0;
      return {
        run: id,
        status: statusWord(run.status),
        exitCode: run.status.kind === 'exited' ? run.status.exitCode : null,
        events,
        cursor: cursorText({ run: id, position: told.at(-1)?.at ?? tail.now, hungAt: isHang ? tail.offset : cursor.hungAt }),
        moreEvents: found.length - told.length,
        latest: latestRecord(latest),
        milliseconds: Date.now() - startedAt,
      };
    });
  },
  render({ run, status, exitCode, events, cursor, moreEvents, latest, milliseconds }) {
    const where = [
      latest.epoch === null ? '' : `epoch ${latest.epoch}`,
      latest.step === null ? '' : `step ${latest.step}`,
      metricsText(latest).slice(0, 200),
    ]
      .filter(Boolean)
      .join(', ');
    const head = `Run ${run}: ${status}${exitCode === null ? '' : `, exit code ${exitCode}`}${where === '' ? '' : ` (${where})`}.`;
    const told = events.map((event) => eventText(event));
    const next = moreEvents > 0 ? `${moreEvents} more known already.` : status === 'running' ? 'It goes on.' : '';
    if (events.length === 0) return `${head}\nNothing happened for ${duration(milliseconds)}. ${next} Cursor: ${cursor}`;
    return [head, ...told, `${next} Cursor: ${cursor}`.trim()].join('\n');
  },
});

function isWanted(event: TailEvent, kinds: readonly Kind[], everyEpochs: number): boolean {
  switch (event.kind) {
    case 'finding':
      return kinds.includes(event.finding.severity === 'info' ? 'advice' : 'finding');
    case 'metrics':
      return kinds.includes('metrics') && (event.metrics.epoch === null || event.metrics.epoch % everyEpochs === 0);
    case 'finish':
      // Nothing can be waited for behind the end, so it is always told.
      return true;
  }
}

interface Waiting {
  readonly timeoutSeconds: number;
  readonly hangSeconds: number;
  readonly kinds: readonly Kind[];
  readonly cursor: Cursor;
  readonly wanted: () => readonly TailEvent[];
}

/** Reads on until there is something to tell or the time is up. @returns the hang, if that is what there is to tell */
async function follow(orchestrator: Orchestrator, tail: RunTail, id: string, waiting: Waiting, call: Call): Promise<string | null> {
  const enough = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const onAbort = () => enough.abort();
  call.signal.addEventListener('abort', onAbort, { once: true });
  timers.push(setTimeout(onAbort, waiting.timeoutSeconds * 1000));
  let hang: string | null = null;
  let lastMs = Date.now();
  let settling = false;
  let lost: string | null = null;
  timers.push(
    setInterval(() => {
      const { epoch, step } = tail.monitor.latest;
      call.progress({
        message: lost ?? `waiting for run ${id}${epoch === null ? '' : `, epoch ${epoch}`}${step === null ? '' : `, step ${step}`}`,
      });
      if (!waiting.kinds.includes('hang') || waiting.cursor.hungAt === tail.offset) return;
      const silentMs = Date.now() - lastMs;
      const seen = tail.monitor.check(Date.now()).find((event) => event.kind === 'finding');
      if (seen?.kind === 'finding') hang = seen.finding.message;
      else if (silentMs > waiting.hangSeconds * 1000) hang = `no output for ${duration(silentMs)}`;
      if (hang !== null) enough.abort();
    }, 1_000),
  );
  try {
    const { run } = await orchestrator.runs.follow(id, {
      from: tail.offset,
      signal: enough.signal,
      giveUpAfterMs: waiting.timeoutSeconds * 1000,
      onBytes: (chunk) => {
        lastMs = Date.now();
        lost = null;
        tail.take(chunk, lastMs);
        if (settling || waiting.wanted().length === 0) return;
        settling = true;
        timers.push(setTimeout(onAbort, settleMs));
      },
      onInterrupted: ({ message }) => (lost = `the pod cannot be reached (${message}); the run goes on there`),
    });
    tail.finish(run);
  } catch (error) {
    if (call.signal.aborted || !enough.signal.aborted || !isUserError(error, 'cancelled')) throw error;
  } finally {
    call.signal.removeEventListener('abort', onAbort);
    timers.forEach(clearTimeout);
  }
  return hang;
}

async function eventRecord(orchestrator: Orchestrator, event: TailEvent, run: Run, tail: RunTail): Promise<Event> {
  switch (event.kind) {
    case 'finding':
      return {
        kind: event.finding.severity === 'info' ? 'advice' : 'finding',
        finding: await evidenceOf(await orchestrator.locate(event.finding, run.manifest), orchestrator.project.root),
      };
    case 'metrics':
      return { kind: 'metrics', metrics: metricsRecord(event.metrics) };
    case 'finish': {
      const { status } = event.run;
      const how = status.kind === 'exited' ? `, exit code ${status.exitCode}` : ': the process is gone without an exit code';
      const isUnexplained = (status.kind !== 'exited' || status.exitCode !== 0) && !tail.monitor.hasErrors();
      const last = isUnexplained ? await lastWords(orchestrator, run) : '';
      return { kind: 'finish', message: `${statusWord(status)}${how}${last}` };
    }
  }
}

/** What a run said last that failed for no reason the monitor knows. */
async function lastWords(orchestrator: Orchestrator, { manifest, logBytes }: Run): Promise<string> {
  const bytes = await orchestrator.runs.read(manifest.id, Math.max(0, logBytes - 2_000), 2_000);
  const lines = stripControl(bytes.toString('utf8')).trim().split('\n').slice(-8);
  return lines.join('').trim() === ''
    ? '. It said nothing.'
    : `. Its last words:\n${lines.map((line) => `  ${cut(line, 300)}`).join('\n')}`;
}

function eventText({ kind, finding, metrics, message }: Event): string {
  if (finding) return `[${kind}] ${evidenceText(finding)}`;
  if (metrics) return `[metrics] ${metrics.epoch === null ? '' : `epoch ${metrics.epoch}: `}${metricsText(metrics).slice(0, 300)}`;
  return `[${kind}] ${message ?? ''}`;
}

/** What the monitor last read, as a record without its line. */
export function latestRecord(latest: RunTail['monitor']['latest']): {
  epoch: number | null;
  step: number | null;
  metrics: Record<string, number | 'nan' | 'inf' | '-inf'>;
} {
  const { line: _, ...record } = metricsRecord({
    ...latest,
    line: 0,
    metrics: Object.fromEntries(Object.entries(latest.metrics).slice(0, 20)),
  });
  return record;
}
