import { throwIfCancelled } from '../core/errors.ts';
import type { Finding } from '../monitor/finding.ts';
import type { MetricLine } from '../monitor/metric.ts';
import { type MonitorEvent, type MonitorOptions, TrainingMonitor } from '../monitor/monitor.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';

/** A place in the events of a run: after the `index`-th event that byte `offset` of the log (or its end) brought about. */
export interface RunPosition {
  readonly offset: number;
  readonly index: number;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** When to leave the rest for the next time, by this machine's clock; one part is read in any case. Default: never. */
  readonly untilMs?: number;
  readonly onProgress?: (read: { readonly done: number; readonly total: number }) => void;
}

/** What somebody may want to be woken for. */
export type TailEvent =
  | { readonly kind: 'finding'; readonly at: RunPosition; /** As much as is known of it by now. */ readonly finding: Finding }
  | { readonly kind: 'metrics'; readonly at: RunPosition; readonly metrics: MetricLine }
  | { readonly kind: 'finish'; readonly at: RunPosition; readonly run: Run };

const partBytes = 1024 * 1024;
/** So much of it is fed at a time; between, whoever else waits for this process gets a turn. */
const sliceBytes = 128 * 1024;
/** Of a log without epochs, every so many lines with metrics are told. */
const linesAMilestone = 50;
/** Milestones kept; the oldest go first. */
const keptMilestones = 10_000;

/**
 * The events of one run as a function of its log's bytes: whoever reads the log again, in another process or in other chunks, gets the same
 * events at the same positions. That is what makes a position a cursor that survives a time-out and a killed server.
 */
export class RunTail {
  readonly monitor: TrainingMonitor;
  private readonly events: TailEvent[] = [];
  private milestones = 0;
  /** Bytes of a line that has not ended. */
  private rest: Buffer = Buffer.alloc(0);
  private position: { offset: number; index: number } = { offset: 0, index: 0 };
  private epoch: number | null = null;
  private metricLines = 0;
  private end: Run | null = null;
  private last: Run | null = null;
  private quiet = Date.now();
  private isTaking = false;

  constructor(options: MonitorOptions = {}) {
    this.monitor = new TrainingMonitor(options);
  }

  /** The byte of the log to read next. */
  get offset(): number {
    return this.position.offset + this.rest.length;
  }

  /** Behind everything that happened so far. */
  get now(): RunPosition {
    return { ...this.position };
  }

  /** The run as it was when its last byte had been read; null before. */
  get finished(): Run | null {
    return this.end;
  }

  /** The run as it was when it was last asked for; null: never yet. */
  get known(): Run | null {
    return this.end ?? this.last;
  }

  /** When the run last wrote something, by this machine's clock, as far as is known. */
  get quietSinceMs(): number {
    return this.quiet;
  }

  /** False when an error broke off in the middle of a chunk: what stands here is not to be built upon. */
  get isSound(): boolean {
    return !this.isTaking;
  }

  /** Events behind a position, in order. */
  after(position: RunPosition): readonly TailEvent[] {
    return this.events.filter(({ at }) => at.offset > position.offset || (at.offset === position.offset && at.index > position.index));
  }

  /** The next bytes of the log. `nowMs`: when they came, for bytes that came while somebody waited. */
  take(chunk: Uint8Array, nowMs?: number): void {
    this.isTaking = true;
    if (nowMs !== undefined) this.quiet = nowMs;
    const bytes = this.rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.rest, chunk]);
    let from = 0;
    // Positions must not depend on chunks, so the monitor is fed line by line; a redraw (\r) counts as one.
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] !== 10 && bytes[at] !== 13) continue;
      this.feed(bytes.subarray(from, at + 1), nowMs);
      from = at + 1;
    }
    this.rest = bytes.subarray(from);
    this.isTaking = false;
  }

  /** How the run stands now. */
  learn(run: Run): void {
    this.last = run;
    this.quiet = Date.now() - run.silentMs;
  }

  /** The log is whole. */
  finish(run: Run): void {
    if (this.end) return;
    if (this.rest.length > 0) this.feed(this.rest, undefined);
    this.rest = Buffer.alloc(0);
    this.tell(this.monitor.end());
    this.end = run;
    this.push((at) => ({ kind: 'finish', at, run }));
  }

  /** Reads what the pod has; a run that has ended is finished with it. */
  async catchUp(runs: Runs, id: string, signal: AbortSignal): Promise<Run> {
    return (await this.readOn(runs, id, { signal })).run;
  }

  /** The same as far as there is time. What was read stays read, also when it is cancelled. @returns whether that was all there is */
  async readOn(
    runs: Runs,
    id: string,
    { signal, untilMs, onProgress }: ReadOptions,
  ): Promise<{ readonly run: Run; readonly isWhole: boolean }> {
    const run = await runs.get(id, signal);
    this.learn(run);
    if (this.end) return { run, isWhole: true };
    for (;;) {
      const part = await runs.read(id, this.offset, partBytes, signal);
      for (let at = 0; at < part.length; at += sliceBytes) {
        if (at > 0) await new Promise((resolve) => setImmediate(resolve));
        throwIfCancelled(signal, 'Reading the log');
        this.take(part.subarray(at, at + sliceBytes));
      }
      // It wrote while it was read.
      if (this.offset > run.logBytes) this.quiet = Date.now();
      if (part.length < partBytes) break;
      onProgress?.({ done: this.offset, total: Math.max(run.logBytes, this.offset) });
      if (untilMs !== undefined && Date.now() >= untilMs) return { run, isWhole: false };
    }
    if (run.status.kind !== 'running') this.finish(run);
    return { run, isWhole: true };
  }

  private feed(line: Uint8Array, nowMs: number | undefined): void {
    this.position = { offset: this.position.offset + line.length, index: 0 };
    this.tell(this.monitor.write(line, nowMs));
  }

  private tell(events: readonly MonitorEvent[]): void {
    for (const event of events) {
      if (event.kind === 'finding') this.found(event.finding, event.amends);
      else if (event.kind === 'metrics') this.measured(event);
    }
  }

  private found(finding: Finding, amends: Finding | undefined): void {
    let isNews = amends === undefined;
    for (const [i, event] of amends === undefined ? [] : this.events.entries()) {
      if (event.kind !== 'finding' || event.finding !== amends) continue;
      this.events[i] = { ...event, finding };
      // More of the same is no event; another kind of trouble is.
      isNews = finding.type !== amends?.type || finding.severity !== amends.severity;
    }
    if (isNews) this.push((at) => ({ kind: 'finding', at, finding }));
  }

  private measured({ kind: _, ...metrics }: Extract<MonitorEvent, { kind: 'metrics' }>): void {
    const epoch = metrics.epoch ?? this.monitor.latest.epoch;
    const isMilestone = epoch === null ? this.metricLines % linesAMilestone === 0 : epoch !== this.epoch;
    this.metricLines++;
    this.epoch = epoch;
    if (!isMilestone) return;
    this.push((at) => ({ kind: 'metrics', at, metrics: { ...metrics, epoch } }));
    if (++this.milestones <= keptMilestones) return;
    this.milestones--;
    const oldest = this.events.findIndex((event) => event.kind === 'metrics');
    this.events.splice(oldest, 1);
  }

  private push(make: (at: RunPosition) => TailEvent): void {
    this.position = { ...this.position, index: this.position.index + 1 };
    this.events.push(make({ ...this.position }));
  }
}
