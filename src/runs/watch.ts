import type { LocatedFinding } from '../fixes/located.ts';
import type { Finding } from '../monitor/finding.ts';
import type { MetricLine } from '../monitor/metric.ts';
import { type MonitorEvent, TrainingMonitor } from '../monitor/monitor.ts';
import type { Thresholds } from '../monitor/thresholds.ts';
import type { Run, RunManifest } from './run.ts';
import type { Runs } from './runs.ts';

/** What a run shows while it is watched. */
export type RunEvent =
  | { readonly kind: 'output'; readonly text: string }
  | Extract<MonitorEvent, { kind: 'line' } | { kind: 'metrics' }>
  | {
      readonly kind: 'finding';
      readonly located: LocatedFinding;
      /** The earlier finding that this one replaces. */ readonly amends?: Finding;
    }
  | { readonly kind: 'interrupted'; readonly message: string; readonly delayMs: number };

export interface WatchOptions {
  /**
   * First byte of the log that is told of. What stands before it is read silently, so that lines, findings and metrics are
   * those of the whole log. Default 0.
   */
  readonly from?: number;
  readonly signal?: AbortSignal;
  /** In the log's order. What it throws ends the watching, and is what watching rejects with. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Other limits than the monitor's own. */
  readonly thresholds?: Partial<Thresholds>;
  /** Default: this machine's. */
  readonly clock?: WatchClock;
}

/** The time by which a run hangs. */
export interface WatchClock {
  /** Milliseconds; steady. */
  readonly now: () => number;
  /** Calls again and again, until what it returns is called. */
  readonly every: (ms: number, call: () => void) => () => void;
}

const steadyClock: WatchClock = {
  now: () => performance.now(),
  every: (ms, call) => {
    const timer = setInterval(call, ms);
    return () => clearInterval(timer);
  },
};

/** How often is asked whether the run stands still. */
const checkEveryMs = 15_000;

/** How a watched run ended. */
export interface WatchedRun {
  readonly run: Run;
  /** Null when it vanished. */
  readonly exitCode: number | null;
  readonly errors: readonly Finding[];
  /** The same, each with its local place and what can be done. */
  readonly located: readonly LocatedFinding[];
  readonly metrics: readonly MetricLine[];
  /** Bytes of the log. */
  readonly bytes: number;
}

/** Finds out where a finding of a run belongs on this machine. */
export type Locate = (finding: Finding, manifest: RunManifest) => Promise<LocatedFinding>;

/**
 * Follows a run to its end and tells what the monitor sees. Stopping to watch does not stop the run.
 *
 * @throws UserError what Runs.follow throws
 */
export async function watchRun(runs: Runs, id: string, locate: Locate, options: WatchOptions = {}): Promise<WatchedRun> {
  const { manifest, logBytes } = await runs.get(id, options.signal);
  const monitor = new TrainingMonitor({ thresholds: options.thresholds });
  const clock = options.clock ?? steadyClock;
  const teller = new Teller((finding) => locate(finding, manifest), options.onEvent);
  const decoder = new TextDecoder();
  const from = options.from ?? 0;
  for (let at = 0; at < from;) {
    const part = await runs.read(id, at, Math.min(partBytes, from - at), options.signal);
    if (part.length === 0) break; // the log is not that long yet
    at += part.length;
    monitor.write(part).forEach((event) => teller.learn(event));
  }
  let read = from;
  // While the pod is out of reach, silence says nothing of the run.
  let reachableAtMs = -Infinity;
  const stopChecking = clock.every(checkEveryMs, () => {
    const nowMs = clock.now();
    if (nowMs >= reachableAtMs && !teller.failed) monitor.check(nowMs).forEach((event) => teller.tell(event));
  });
  const { run, offset } = await runs
    .follow(id, {
      from,
      signal: options.signal,
      onBytes: (chunk) => {
        const text = decoder.decode(chunk, { stream: true });
        if (text !== '') teller.tell({ kind: 'output', text });
        read += chunk.length;
        // What was in the log before comes all at once, whenever it was printed.
        monitor.write(chunk, read > logBytes ? clock.now() : undefined).forEach((event) => teller.tell(event));
      },
      onInterrupted: ({ message, delayMs }) => {
        reachableAtMs = clock.now() + delayMs + checkEveryMs;
        teller.tell({ kind: 'interrupted', message, delayMs });
      },
    })
    .finally(stopChecking);
  const rest = decoder.decode();
  if (rest !== '') teller.tell({ kind: 'output', text: rest });
  monitor.end().forEach((event) => teller.tell(event));
  const located = await teller.end();
  return {
    run,
    exitCode: run.status.kind === 'exited' ? run.status.exitCode : null,
    errors: located.map(({ finding }) => finding),
    located,
    metrics: monitor.getMetrics(),
    bytes: offset,
  };
}

/** How much of the log is read at a time. */
const partBytes = 4 * 1024 * 1024;

/** Keeps events in the log's order although finding a place asks the disk: what comes meanwhile waits. */
class Teller {
  private readonly located = new Map<Finding, LocatedFinding>();
  private readonly waiting: (MonitorEvent | RunEvent | Learnt)[] = [];
  private draining: Promise<void> | null = null;
  private failure: { readonly error: unknown } | null = null;

  constructor(
    private readonly locate: (finding: Finding) => Promise<LocatedFinding>,
    private readonly onEvent: (event: RunEvent) => void = () => undefined,
  ) {}

  /** Whether telling throws from now on. */
  get failed(): boolean {
    return this.failure !== null;
  }

  /** A finding to be known in the end, and not told of. */
  learn(event: MonitorEvent): void {
    if (isBare(event)) this.tell({ ...event, kind: 'learnt' });
  }

  tell(event: MonitorEvent | RunEvent | Learnt): void {
    if (this.failure) throw this.failure.error;
    if (this.draining === null && !isBare(event) && event.kind !== 'learnt') return this.onEvent(event);
    this.waiting.push(event);
    this.draining ??= this.drain()
      .catch((error: unknown) => {
        this.failure = { error };
      })
      .finally(() => (this.draining = null));
  }

  async end(): Promise<readonly LocatedFinding[]> {
    await this.draining;
    if (this.failure) throw this.failure.error;
    return [...this.located.values()];
  }

  private async drain(): Promise<void> {
    for (let event = this.waiting.shift(); event !== undefined; event = this.waiting.shift()) {
      if (!isBare(event) && event.kind !== 'learnt') {
        this.onEvent(event);
        continue;
      }
      const { finding, amends } = event;
      const located = await this.locate(finding);
      if (amends) this.located.delete(amends);
      this.located.set(finding, located);
      if (event.kind === 'finding') this.onEvent({ kind: 'finding', located, ...(amends ? { amends } : {}) });
    }
  }
}

type BareFinding = Extract<MonitorEvent, { kind: 'finding' }>;
type Learnt = Omit<BareFinding, 'kind'> & { readonly kind: 'learnt' };

/** A finding as the monitor gives it, not located yet. */
function isBare(event: MonitorEvent | RunEvent | Learnt): event is BareFinding {
  return event.kind === 'finding' && 'finding' in event;
}
