import { z } from 'zod';
import { isUserError, messageOf, UserError } from '../core/errors.ts';
import { stripControl } from '../core/terminal.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { type Run, statusWord } from '../runs/run.ts';
import type { RunTail, TailEvent } from '../runs/tail.ts';
import { cut, evidenceOf, evidenceSchema, evidenceText } from './evidence.ts';
import { metricsRecord, metricsSchema, metricsText } from './findings.ts';
import { type Call, operation } from './operation.ts';
import { type Cursor, cursorText, parseCursor, startCursor, withTail } from './tails.ts';
import { bytes, duration } from './text.ts';
import { chosenRun, statusSchema } from './training.ts';
import { longestThatFits } from './fitting.ts';
import { within } from './within.ts';

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
/** How long the pod may take over an answer after the time is up, before it counts as out of reach. */
const patienceMs = 1_500;
/** How long leaving a log that is followed may take. */
const leavingMs = 400;
/** A first answer of the pod may need a new connection, whatever the time-out. */
const firstAnswerMs = 5_000;
/** So much time there is for reading a long log, whatever the time-out. */
const readingMs = 1_000;
/** What a lost connection looks like; everything else is not cured by waiting. */
const curable = ['connection-lost', 'unreachable', 'timeout'] as const;

const waitedSchema = z.object({
  run: z.string(),
  status: statusSchema,
  exitCode: z.int().nullable(),
  events: z.array(eventSchema).describe('Empty if the timeout was reached.'),
  cursor: z.string().describe('Pass it to the next call.'),
  moreEvents: z.int().describe('More events are known; the next call returns them at once.'),
  unreadBytes: z.int().describe('Of the log, for the next call to read; 0: all was.'),
  lost: z.string().nullable().describe('Why the pod cannot be reached; then the rest is what was known before.'),
  latest: metricsSchema.omit({ line: true }).describe('How far training is.'),
  milliseconds: z.number(),
});

type Waited = z.output<typeof waitedSchema>;

export const wait = operation({
  name: 'wait',
  tool: 'wait_for_event',
  title: 'Wait for an event',
  description:
    'Waits until something happens in a run: a failure (finding), a new epoch (metrics), its end (finish), no output for long (hang). Pass the cursor of each answer to the next call; nothing asked for is lost or told twice, also after a time-out. Without a cursor it begins at the start of the log.',
  effect: 'read',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    cursor: z.string().min(1).optional().describe('Cursor from the previous answer.'),
    kinds: z
      .array(kindSchema)
      .min(1)
      .default(['finding', 'finish', 'hang'])
      .describe('What to wait for; other events are skipped, but never errors and the end. advice: findings that are no failures.'),
    timeoutSeconds: z.number().min(0).max(3600).default(45).describe('Timeout in seconds; 0 returns at once.'),
    everyEpochs: z.int().min(1).default(1).describe('Report metrics every this many epochs.'),
    hangSeconds: z.number().min(1).default(600).describe('Seconds of silence that count as a hang.'),
  }),
  output: waitedSchema,
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
    return withTail(orchestrator, id, call.signal, async (tail) => {
      const untilMs = startedAt + 1000 * input.timeoutSeconds;
      const waiting = { ...input, cursor, wanted: () => tail.after(cursor.position).filter((event) => isWanted(event, input)) };
      let lost: string | null = null;
      const ask = async <T extends object>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T | null> => {
        const answer = await within(ms, call.signal, work).catch((error: unknown) => {
          if (!curable.some((reason) => isUserError(error, reason))) throw error;
          lost = messageOf(error);
          return null;
        });
        if (answer === null) lost ??= `no answer within ${duration(ms)}`;
        return answer;
      };
      const read = await ask(Math.max(untilMs - Date.now() + patienceMs, firstAnswerMs), async (signal) =>
        tail.readOn(orchestrator.runs, id, {
          signal,
          untilMs: Math.max(untilMs, startedAt + readingMs),
          onProgress: ({ done, total }) => call.progress({ message: `reading the log of run ${id}`, done, total, unit: 'bytes' }),
        }),
      );
      let hang: string | null = null;
      if (read?.isWhole === true && waiting.wanted().length === 0 && !tail.finished) {
        hang = silence(tail, waiting);
        if (hang === null && Date.now() < untilMs) hang = await follow(orchestrator, tail, id, waiting, untilMs, call);
      }
      // While it was waited for, nobody asked how the run is; and silence of a pod that is gone is no hang.
      const isOld = read?.isWhole === true && !tail.finished && Date.now() > startedAt + readingMs;
      const now = isOld ? await ask(patienceMs, async (signal) => orchestrator.runs.get(id, signal)) : null;
      if (now !== null) tail.learn(now);
      const run = known(tail, orchestrator, lost);
      const found = waiting.wanted();
      const told = found.slice(0, eventsAnAnswer);
      const events = await Promise.all(told.map(async (event) => eventRecord(orchestrator, event, run, tail)));
      const isHang = hang !== null && lost === null && found.length === 0;
      const unreadBytes = read?.isWhole === false ? Math.max(0, run.logBytes - tail.offset) : 0;
      const reached = unreadBytes > 0 || lost !== null ? cursor.position : tail.now;
      const answer = (count: number) => ({
        run: id,
        status: statusWord(run.status),
        exitCode: run.status.kind === 'exited' ? run.status.exitCode : null,
        events: isHang ? [{ kind: 'hang' as const, message: hang ?? '' }] : events.slice(0, count),
        // Not beyond what is told: the next call tells the rest.
        cursor: cursorText({ run: id, position: told[count - 1]?.at ?? reached, hungAt: isHang ? tail.offset : cursor.hungAt }),
        moreEvents: found.length - count,
        unreadBytes,
        lost,
        latest: latestRecord(tail.monitor.latest),
        milliseconds: Date.now() - startedAt,
      });
      return longestThatFits(told.length, answer, renderWaited, context.answerLimit);
    });
  },
  render: renderWaited,
});

function renderWaited({ run, status, exitCode, events, cursor, moreEvents, unreadBytes, lost, latest, milliseconds }: Waited): string {
  const where = [
    latest.epoch === null ? '' : `epoch ${latest.epoch}`,
    latest.step === null ? '' : `step ${latest.step}`,
    metricsText(latest).slice(0, 200),
  ]
    .filter(Boolean)
    .join(', ');
  const head = `Run ${run}: ${status}${exitCode === null ? '' : `, exit code ${exitCode}`}${where === '' ? '' : ` (${where})`}.`;
  const told = events.map((event) => eventText(event));
  const next =
    lost !== null
      ? `The pod cannot be reached (${cut(lost, 400)}). This is what was known before; on the pod the run goes on as long as that does. Call this again with the cursor, or \`rpo verify\` for the cause.`
      : moreEvents > 0
        ? `${moreEvents} more known already.`
        : unreadBytes > 0
          ? `Its log is long: ${bytes(unreadBytes)} are still to be read. Call this again with the cursor; reading goes on where it stopped.`
          : events.length === 0
            ? `Nothing happened for ${duration(milliseconds)}. ${status === 'running' ? 'It goes on.' : ''}`.trim()
            : status === 'running'
              ? 'It goes on.'
              : '';
  return [head, ...told, `${next} Cursor: ${cursor}`.trim()].join('\n');
}

function isWanted(event: TailEvent, { kinds, everyEpochs }: Pick<Waiting, 'kinds' | 'everyEpochs'>): boolean {
  switch (event.kind) {
    case 'finding':
      // The cursor goes past what was not asked for, and nobody means to miss a failure.
      return event.finding.severity === 'error' || kinds.includes(event.finding.severity === 'info' ? 'advice' : 'finding');
    case 'metrics':
      return kinds.includes('metrics') && (event.metrics.epoch === null || event.metrics.epoch % everyEpochs === 0);
    case 'finish':
      // Nothing can be waited for behind the end, so it is always told.
      return true;
  }
}

interface Waiting {
  readonly hangSeconds: number;
  readonly everyEpochs: number;
  readonly kinds: readonly Kind[];
  readonly cursor: Cursor;
  readonly wanted: () => readonly TailEvent[];
}

/** @throws UserError 'unreachable' when nothing is known of the run yet */
function known(tail: RunTail, { pod }: Orchestrator, lost: string | null): Run {
  if (tail.known !== null) return tail.known;
  throw new UserError('unreachable', `${pod.name} cannot be reached (${lost ?? ''}). Try again; \`rpo verify\` looks for the cause.`);
}

/** What there is to tell of a run that has been silent for too long, once as long as it stays so. */
function silence(tail: RunTail, { kinds, cursor, hangSeconds }: Waiting): string | null {
  if (!kinds.includes('hang') || cursor.hungAt === tail.offset) return null;
  const seen = tail.monitor.check(Date.now()).find((event) => event.kind === 'finding');
  if (seen?.kind === 'finding') return seen.finding.message;
  const silentMs = Date.now() - tail.quietSinceMs;
  return silentMs > hangSeconds * 1000 ? `no output for ${duration(silentMs)}` : null;
}

/** Reads on until there is something to tell or the time is up. @returns the hang, if that is what there is to tell */
async function follow(
  orchestrator: Orchestrator,
  tail: RunTail,
  id: string,
  waiting: Waiting,
  untilMs: number,
  call: Call,
): Promise<string | null> {
  const enough = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const onEnough = () => enough.abort();
  call.signal.addEventListener('abort', onEnough, { once: true });
  timers.push(setTimeout(onEnough, untilMs - Date.now()));
  let hang: string | null = null;
  let settling = false;
  let isOver = false;
  let lost: string | null = null;
  timers.push(
    setInterval(() => {
      const { epoch, step } = tail.monitor.latest;
      call.progress({
        message: lost ?? `waiting for run ${id}${epoch === null ? '' : `, epoch ${epoch}`}${step === null ? '' : `, step ${step}`}`,
      });
      hang = silence(tail, waiting);
      if (hang !== null) enough.abort();
    }, 1_000),
  );
  const following = orchestrator.runs.follow(id, {
    from: tail.offset,
    signal: enough.signal,
    giveUpAfterMs: Math.max(0, untilMs - Date.now()),
    onBytes: (chunk) => {
      // What comes after we went is read again by the next call.
      if (isOver) return;
      lost = null;
      tail.take(chunk, Date.now());
      if (settling || waiting.wanted().length === 0) return;
      settling = true;
      timers.push(setTimeout(onEnough, settleMs));
    },
    onInterrupted: ({ message }) => (lost = `the pod cannot be reached (${message}); the run goes on there`),
  });
  // A pod that is frozen does not confirm that the following has ended.
  const left = new Promise<null>((resolve) => {
    enough.signal.addEventListener('abort', () => timers.push(setTimeout(() => resolve(null), leavingMs)), { once: true });
  });
  try {
    const followed = await Promise.race([following, left]);
    if (followed) tail.finish(followed.run);
  } catch (error) {
    // Whether the pod is there is asked afterwards.
    if (call.signal.aborted || !(curable.some((reason) => isUserError(error, reason)) || isUserError(error, 'cancelled'))) throw error;
  } finally {
    isOver = true;
    following.catch(() => undefined);
    call.signal.removeEventListener('abort', onEnough);
    timers.forEach(clearTimeout);
  }
  return hang;
}

async function eventRecord(orchestrator: Orchestrator, event: TailEvent, run: Run, tail: RunTail): Promise<Event> {
  switch (event.kind) {
    case 'finding':
      return {
        kind: event.finding.severity === 'info' ? 'advice' : 'finding',
        finding: await evidenceOf(await orchestrator.findings.locate(event.finding, run.manifest), orchestrator.project.root),
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
