import { UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { RunPosition, RunTail } from '../runs/tail.ts';

/** What was read of each run stays for the next question about it; reading a log again from its start gives the same. */
const known = new WeakMap<Orchestrator, Map<string, RunTail>>();
const keptTails = 16;

/** Lends the tail of a run to one question at a time; a second one at the same time reads for itself. */
export async function withTail<T>(orchestrator: Orchestrator, run: string, work: (tail: RunTail) => Promise<T>): Promise<T> {
  const tails = known.get(orchestrator) ?? new Map<string, RunTail>();
  known.set(orchestrator, tails);
  // The monitor is loaded by the verbs that need it.
  const tail = tails.get(run) ?? new (await import('../runs/tail.ts')).RunTail({ thresholds: orchestrator.project.config.monitor });
  tails.delete(run);
  try {
    return await work(tail);
  } finally {
    // Also after a cancel: a long log is not begun anew because a client has less patience than it takes. Of two readers the one that got further stays.
    const other = tails.get(run);
    if (tail.isSound && (other === undefined || other.offset <= tail.offset)) tails.set(run, tail);
    const [oldest] = tails.keys();
    if (tails.size > keptTails && oldest !== undefined) tails.delete(oldest);
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
