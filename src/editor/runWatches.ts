import type * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';
import { isUserError, messageOf } from '../core/errors.ts';
import { Emitter } from '../core/event.ts';
import { firstSentence } from '../core/sentence.ts';
import type { MetricLine } from '../monitor/metric.ts';
import type { Orchestrator, RunEvent, WatchedRun } from '../orchestrator.ts';
import type { Run } from '../runs/run.ts';
import type { FindingNotices } from './findingNotices.ts';
import type { Log } from './log.ts';
import type { Problems } from './problems.ts';
import type { RunOutput, RunOutputs } from './runOutput.ts';
import { type RunRef, titleOf } from './runRef.ts';
import { lossOf } from './runText.ts';
import type { Sessions } from './sessions.ts';
import { forEditor } from './words.ts';

/** How a run stands, as far as this window has seen. */
export interface RunView {
  readonly ref: RunRef;
  readonly startedAtMs: number;
  readonly output: RunOutput;
  readonly metrics: MetricLine | null;
  readonly loss: number | null;
  readonly errors: number;
  readonly state:
    | { readonly kind: 'following' }
    | { readonly kind: 'interrupted'; readonly message: string }
    | { readonly kind: 'ended'; readonly exitCode: number | null; readonly stopped: boolean }
    /** It goes on, but nobody here looks any more. */
    | { readonly kind: 'left'; readonly message: string };
}

const followingKey = 'runs.following';
const lastKey = 'runs.last';

/** The runs this window follows: output, Problems, notifications and metrics come from here. A run goes on without it. */
export class RunWatches implements Disposable {
  private readonly views = new Map<string, RunView>();
  private readonly watches = new Map<string, { readonly ended: Promise<WatchedRun>; readonly controller: AbortController }>();
  private readonly changes = new Emitter<RunView>();

  private readonly ends = new Emitter<{ readonly ref: RunRef; readonly watched: WatchedRun }>();

  /** Pipelines that this window drives: it follows their runs itself, as parts of them. */
  readonly driven = new Set<string>();
  readonly onDidChange = this.changes.event;
  /** A run that was followed has ended; not for one that had ended long before. */
  readonly onDidEnd = this.ends.event;

  constructor(
    private readonly sessions: Sessions,
    private readonly outputs: RunOutputs,
    private readonly problems: Problems,
    private readonly notices: FindingNotices,
    private readonly memory: vscode.Memento,
    private readonly log: Log,
  ) {}

  /** The run that was started or taken up last, also before a reload. */
  get last(): RunRef | undefined {
    return this.memory.get<RunRef>(lastKey);
  }

  /** Runs that were being followed when this window was closed. */
  get interruptedByReload(): readonly RunRef[] {
    return this.memory.get<readonly RunRef[]>(followingKey, []).filter(({ id }) => !this.views.has(id));
  }

  /** Newest last. */
  get all(): readonly RunView[] {
    return [...this.views.values()];
  }

  get following(): readonly RunView[] {
    return this.all.filter(({ ref }) => this.watches.has(ref.id));
  }

  view(id: string): RunView | undefined {
    return this.views.get(id);
  }

  /**
   * Follows a run to its end, from its first byte on: the output and the findings are whole, whoever started it.
   *
   * @param quiet What the log holds already is shown but not announced: it was, before a reload, or is old.
   * @param tap The run is part of something larger, which is told its events, and itself tells what its end means.
   */
  follow(run: Run, ref: RunRef, orchestrator: Orchestrator, quiet: boolean, tap?: (event: RunEvent) => void): Promise<WatchedRun> {
    const known = this.watches.get(ref.id);
    if (known) return known.ended;
    const controller = new AbortController();
    const { output, free } = this.outputs.take(ref.model);
    const hold = this.sessions.hold(orchestrator);
    const startedAtMs = Date.parse(run.manifest.startedAt) || Date.now();
    this.views.set(ref.id, { ref, startedAtMs, output, metrics: null, loss: null, errors: 0, state: { kind: 'following' } });
    this.problems.clear(ref);
    output.note(`${titleOf(ref)} on ${ref.pod}, run ${ref.id}: ${run.manifest.command}`);

    let seenBytes = 0;
    const onEvent = (event: RunEvent) => {
      if (event.kind === 'output') seenBytes += Buffer.byteLength(event.text);
      this.take(ref, output, event, quiet && seenBytes <= run.logBytes);
      tap?.(event);
    };
    const isNews = tap === undefined && (!quiet || run.status.kind === 'running');
    const ended = orchestrator.training
      .watch(ref.id, { signal: controller.signal, onEvent })
      .then((watched) => this.finish(ref, output, watched, isNews))
      .catch((error: unknown) => this.leave(ref, output, error))
      .finally(() => {
        output.end();
        free();
        hold.dispose();
        this.watches.delete(ref.id);
        this.changed(ref.id);
      });
    // Whoever asked for it waits or not; a failure is shown by the one that does.
    ended.catch(() => undefined);
    this.watches.set(ref.id, { ended, controller });
    void this.memory.update(lastKey, ref);
    void this.remember();
    this.changed(ref.id);
    return ended;
  }

  /** Ends the watching, never the runs. */
  dispose(): void {
    for (const { controller } of this.watches.values()) controller.abort();
    this.changes.dispose();
    this.ends.dispose();
  }

  private take(ref: RunRef, output: RunOutput, event: RunEvent, quiet: boolean): void {
    switch (event.kind) {
      case 'output':
        output.write(event.text);
        if (this.views.get(ref.id)?.state.kind === 'interrupted') this.update(ref.id, { state: { kind: 'following' } });
        return;
      case 'metrics': {
        const { kind: _, ...metrics } = event;
        const before = this.views.get(ref.id);
        this.update(ref.id, {
          metrics: {
            ...metrics,
            epoch: metrics.epoch ?? before?.metrics?.epoch ?? null,
            epochs: metrics.epochs ?? before?.metrics?.epochs ?? null,
          },
          loss: lossOf(metrics) ?? before?.loss ?? null,
        });
        return;
      }
      case 'finding': {
        const shown = this.problems.add(ref, event.located, event.amends);
        if (!event.amends && event.located.finding.severity === 'error')
          this.update(ref.id, { errors: (this.views.get(ref.id)?.errors ?? 0) + 1 });
        if (!quiet) this.notices.tell(ref, event.located, shown, event.amends);
        return;
      }
      case 'interrupted':
        output.note(`${firstSentence(event.message)} The run keeps going; reconnecting in ${Math.ceil(event.delayMs / 1000)} s.`);
        this.update(ref.id, { state: { kind: 'interrupted', message: event.message } });
        return;
      case 'line':
        return;
    }
  }

  private finish(ref: RunRef, output: RunOutput, watched: WatchedRun, isNews: boolean): WatchedRun {
    output.end();
    const { status } = watched.run;
    const seconds = Math.round((Date.now() - (this.views.get(ref.id)?.startedAtMs ?? Date.now())) / 1000);
    const stopped = status.kind === 'exited' && status.stopped;
    output.note(
      watched.exitCode === null
        ? 'The run is gone without an exit code: the pod was restarted, or ended it.'
        : `${stopped ? 'Stopped' : 'Ended'} with exit code ${watched.exitCode} after ${seconds} s.`,
    );
    this.watches.delete(ref.id);
    void this.remember();
    this.update(ref.id, { state: { kind: 'ended', exitCode: watched.exitCode, stopped } });
    if (isNews) {
      this.notices.ended(ref, watched);
      this.ends.fire({ ref, watched });
    }
    return watched;
  }

  private leave(ref: RunRef, output: RunOutput, error: unknown): never {
    this.update(ref.id, { state: { kind: 'left', message: messageOf(error) } });
    if (!isUserError(error, 'cancelled')) {
      output.note(`Not followed any more: ${forEditor(messageOf(error))}`);
      this.log.info(`run ${ref.id} is not followed any more: ${messageOf(error)}`);
      this.watches.delete(ref.id);
      void this.remember();
    }
    throw error;
  }

  private update(id: string, change: Partial<Omit<RunView, 'ref'>>): void {
    const view = this.views.get(id);
    if (!view) return;
    this.views.set(id, { ...view, ...change });
    this.changed(id);
  }

  private changed(id: string): void {
    const view = this.views.get(id);
    if (view) this.changes.fire(view);
  }

  private async remember(): Promise<void> {
    await this.memory.update(
      followingKey,
      this.following.map(({ ref }) => ref),
    );
  }
}
