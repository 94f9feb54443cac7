import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { RunPosition, RunTail } from '../runs/tail.ts';

interface Tails {
  /** What was read of each run stays for the next question about it; reading a log again from its start gives the same. */
  readonly kept: Map<string, RunTail>;
  /** Of runs whose reader was cancelled and has not let go yet. */
  readonly leaving: Map<string, Promise<void>>;
}

const known = new WeakMap<Orchestrator, Tails>();
const keptTails = 16;
/** A pod that is frozen may keep a cancelled reader for longer than anybody wants to wait. */
const leavingMs = 1_000;

/**
 * Lends the tail of a run to one question at a time; a second one at the same time reads for itself. One that follows upon a
 * cancelled one waits until that has let go: a client that gave up asks again at once, and shall find what was read.
 *
 * @param signal cancels `work`
 */
export async function withTail<T>(
  orchestrator: Orchestrator,
  run: string,
  signal: AbortSignal,
  work: (tail: RunTail) => Promise<T>,
): Promise<T> {
  const tails: Tails = known.get(orchestrator) ?? { kept: new Map(), leaving: new Map() };
  known.set(orchestrator, tails);
  const { kept, leaving } = tails;
  // The monitor is loaded by the verbs that need it.
  const { RunTail } = await import('../runs/tail.ts');
  const leaver = leaving.get(run);
  if (leaver) await Promise.race([leaver, sleep(leavingMs, undefined, { ref: false })]);
  const tail = kept.get(run) ?? new RunTail({ thresholds: orchestrator.project.config.monitor });
  kept.delete(run);
  let letGo: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  const onAbort = () => leaving.set(run, gone);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(tail);
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (leaving.get(run) === gone) leaving.delete(run);
    // Also after a cancel: a long log is not begun anew because a client has less patience than it takes. Of two readers the one that got further stays.
    const other = kept.get(run);
    if (tail.isSound && (other === undefined || other.offset <= tail.offset)) kept.set(run, tail);
    const [oldest] = kept.keys();
    if (kept.size > keptTails && oldest !== undefined) kept.delete(oldest);
    letGo();
  }
}

/** Where somebody who waits for events of a run got to. */
export interface Cursor {
  readonly run: string;
  readonly position: RunPosition;
  /** How long the log was when it was told that the run stands still. */
  readonly hungAt: number | null;
}

export function cursorText({ run, position, hungAt }: Cursor): string {
  return `${run}@${position.offset}.${position.index}${hungAt === null ? '' : `~${hungAt}`}`;
}

/** @throws UserError 'bad-argument' */
export function parseCursor(text: string): Cursor {
  const match = /^([\w-]+)@(\d{1,15})\.(\d{1,9})(?:~(\d{1,15}))?$/.exec(text);
  if (!match?.[1])
    throw new UserError(
      'bad-argument',
      `${JSON.stringify(text)} is not a cursor. Pass the cursor from the previous answer, or none to begin at the start of the log.`,
    );
  return {
    run: match[1],
    position: { offset: Number(match[2]), index: Number(match[3]) },
    hungAt: match[4] === undefined ? null : Number(match[4]),
  };
}

export function startCursor(run: string): Cursor {
  return { run, position: { offset: 0, index: 0 }, hungAt: null };
}
