import { isUserError, throwIfCancelled } from '../core/errors.ts';
import type { Run } from '../runs/run.ts';
import type { Judgement } from '../results/judgeAll.ts';
import type { RunEvent, WatchedRun } from '../runs/watch.ts';
import type { Clues } from './investigate.ts';
import { investigate, readClues } from './investigate.ts';
import { type Job, type PipelinePlan, runIdOf } from './plan.ts';
import type { StoredPipeline } from './store.ts';

export type JobState =
  | 'waiting'
  | 'running'
  | 'fetching' // it ended well; its results are being fetched and judged
  | 'succeeded'
  | 'failed'
  | 'left-out'; // something before it failed

/** A job as it stands. */
export interface JobView {
  readonly key: string;
  /** Model, or the stage's own name. */
  readonly label: string;
  readonly state: JobState;
  /** Id of its run; null before it was started. */
  readonly run: string | null;
  readonly seconds: number | null;
  /** 0 to 1; null without labels. */
  readonly accuracy: number | null;
  /** What it came to, or why it failed. */
  readonly summary: string;
  /** What may have made its predictions collapse, likeliest first. */
  readonly hints: readonly string[];
}

export interface StageView {
  readonly name: string;
  readonly state: JobState;
  readonly jobs: readonly JobView[];
}

/** A pipeline as it stands. Plain data. */
export interface PipelineView {
  readonly id: string;
  readonly state: 'running' | 'succeeded' | 'failed';
  readonly startedAt: string;
  /** How many times what had not succeeded was tried. */
  readonly rounds: number;
  readonly stages: readonly StageView[];
}

/** What a job's results came to. */
export interface Judged {
  readonly files: number;
  /** Of its predictions. */
  readonly verdicts: readonly Judgement[];
  /** Result files that are missing or not whole. */
  readonly problems: readonly string[];
}

/** What driving a pipeline needs of the pod. */
export interface PipelinePorts {
  runs(signal?: AbortSignal): Promise<readonly Run[]>;
  /** Fails when a run with this id is there already. */
  start(job: Job, id: string, signal?: AbortSignal): Promise<Run>;
  watch(id: string, onEvent: (event: RunEvent) => void, signal?: AbortSignal): Promise<WatchedRun>;
  /** Fetches and judges what a run left. */
  collect(job: Job, id: string, signal?: AbortSignal): Promise<Judged>;
  beginRound(number: number, startedAt: string): Promise<StoredPipeline>;
  reject(run: string): Promise<void>;
  /** All jobs have succeeded. */
  finish(): Promise<void>;
}

export interface DriveOptions {
  /** What failed before is tried again, in a new round. Default false. */
  readonly retry?: boolean;
  readonly signal?: AbortSignal;
  readonly onChange?: (view: PipelineView) => void;
  readonly onRunEvent?: (job: JobView, event: RunEvent) => void;
  /** What a job that ended well left. */
  readonly onJudged?: (job: JobView, judged: Judged) => void;
  /** For a new round; default: the clock. */
  readonly now?: () => Date;
}

/**
 * Brings a pipeline to its end, from wherever it is: what has succeeded is only fetched, what runs is followed, what is
 * left is started. Everything it needs to know is on the pod, so that it may be interrupted anywhere, taken up anywhere
 * else, and driven by two at once; no job is started twice in a round.
 *
 * @throws UserError 'cancelled' (the run goes on), and what the ports throw
 */
export async function drivePipeline(stored: StoredPipeline, ports: PipelinePorts, options: DriveOptions = {}): Promise<PipelineView> {
  return new Drive(stored, ports, options).run();
}

class Drive {
  private readonly plan: PipelinePlan;
  private readonly views = new Map<string, JobView>();
  private readonly known = new Map<string, Run>();
  private ended = false;

  constructor(
    private stored: StoredPipeline,
    private readonly ports: PipelinePorts,
    private readonly options: DriveOptions,
  ) {
    this.plan = stored.plan;
    for (const job of this.jobs()) this.views.set(job.key, waiting(job));
  }

  async run(): Promise<PipelineView> {
    for (const run of await this.ports.runs(this.options.signal)) this.known.set(run.manifest.id, run);
    if (this.options.retry && this.jobs().some((job) => this.hasFailed(job))) {
      const startedAt = (this.options.now?.() ?? new Date()).toISOString();
      this.stored = await this.ports.beginRound(this.stored.rounds.length + 1, startedAt);
    }
    this.changed();
    let failed = false;
    for (const stage of this.plan.stages) {
      for (const job of stage.jobs) {
        const cause = this.inTheWay(stage.needs, failed);
        if (cause !== null) this.update(job, { state: 'left-out', summary: cause });
        else failed = !(await this.bring(job)) || failed;
      }
    }
    this.ended = true;
    const view = this.view();
    if (view.state === 'succeeded' && !this.stored.isFinished) await this.ports.finish();
    this.changed();
    return view;
  }

  /** Why a job is not even begun; null when nothing is in its way. */
  private inTheWay(needs: readonly string[], failed: boolean): string | null {
    const lacking = needs.filter((need) => this.stageState(need) !== 'succeeded');
    if (lacking.length > 0) return `needs ${lacking.join(', ')}`;
    return failed && this.plan.onFailure === 'stop' ? 'the pipeline stops at the first failure' : null;
  }

  /** @returns whether it succeeded */
  private async bring(job: Job): Promise<boolean> {
    throwIfCancelled(this.options.signal, 'The pipeline');
    const { rounds } = this.stored;
    const current = runIdOf(this.plan, job, rounds.at(-1) ?? this.plan.startedAt);
    // What an earlier round began may be good, or may go on still.
    for (const round of rounds.toReversed()) {
      const run = this.known.get(runIdOf(this.plan, job, round));
      if (run && (this.isGood(run) || run.status.kind === 'running') && (await this.follow(job, run))) return true;
    }
    if (this.views.get(job.key)?.run === current) return false;
    if (this.stored.isFinished && !rounds.some((round) => this.known.has(runIdOf(this.plan, job, round)))) {
      this.update(job, { state: 'succeeded', summary: 'done; its run was cleaned up since' });
      return true;
    }
    return this.follow(job, this.known.get(current) ?? (await this.start(job, current)));
  }

  private async start(job: Job, id: string): Promise<Run> {
    try {
      return await this.ports.start(job, id, this.options.signal);
    } catch (error) {
      if (isUserError(error, 'cancelled')) throw error;
      // Somebody else may have been quicker, or the answer was lost on the way.
      const there = (await this.ports.runs(this.options.signal)).find((run) => run.manifest.id === id);
      if (there) return there;
      throw error;
    }
  }

  private async follow(job: Job, run: Run): Promise<boolean> {
    const { id } = run.manifest;
    this.update(job, { state: 'running', run: id, summary: '', hints: [] });
    const clues: Clues = { frozen: null, classWeights: false };
    const watched = await this.ports.watch(
      id,
      (event) => {
        if (event.kind === 'output') readClues(clues, event.text);
        const view = this.views.get(job.key);
        // What ended long ago is read again for its clues, not told again.
        if (view && run.status.kind === 'running') this.options.onRunEvent?.(view, event);
      },
      this.options.signal,
    );
    this.known.set(id, watched.run);
    const seconds = secondsOf(watched.run);
    if (watched.exitCode !== 0) {
      // Its log and last checkpoint; that they cannot be had is no news beside the failure.
      await this.ports.collect(job, id, this.options.signal).catch(() => undefined);
      this.update(job, { state: 'failed', seconds, summary: whyFailed(watched) });
      return false;
    }
    this.update(job, { state: 'fetching', seconds });
    const judged = await this.ports.collect(job, id, this.options.signal);
    const { verdicts, problems } = judged;
    const view = this.views.get(job.key);
    if (view) this.options.onJudged?.(view, judged);
    const bad = verdicts.filter(({ verdict }) => !verdict.ok);
    const accuracy = verdicts.map(({ verdict }) => verdict.accuracy).find((value) => value !== undefined) ?? null;
    const summary = [...problems, ...(bad.length > 0 ? bad : verdicts).map(({ verdict }) => verdict.summary)].join(' ');
    const hints = [...new Set(verdicts.flatMap(({ verdict }) => investigate(verdict, watched, clues, job)))];
    if (bad.length + problems.length === 0) {
      this.update(job, { state: 'succeeded', accuracy, summary, hints });
      return true;
    }
    await this.ports.reject(id);
    this.stored = { ...this.stored, rejected: new Set([...this.stored.rejected, id]) };
    this.update(job, { state: 'failed', accuracy, summary, hints });
    return false;
  }

  private isGood(run: Run): boolean {
    return isGood(this.stored, run);
  }

  /** In all rounds so far, and not going on. */
  private hasFailed(job: Job): boolean {
    const runs = this.stored.rounds.flatMap((round) => this.known.get(runIdOf(this.plan, job, round)) ?? []);
    return runs.length > 0 && !runs.some((run) => this.isGood(run) || run.status.kind === 'running');
  }

  private jobs(): readonly Job[] {
    return this.plan.stages.flatMap(({ jobs }) => jobs);
  }

  private update(job: Job, change: Partial<JobView>): void {
    const view = this.views.get(job.key);
    if (view) this.views.set(job.key, { ...view, ...change });
    this.changed();
  }

  private changed(): void {
    this.options.onChange?.(this.view());
  }

  private stageState(name: string): JobState {
    const jobs = this.plan.stages.find((stage) => stage.name === name)?.jobs ?? [];
    return stateOf(jobs.flatMap(({ key }) => this.views.get(key) ?? []));
  }

  private view(): PipelineView {
    return viewOf(this.stored, this.views, this.ended);
  }
}

/**
 * A pipeline as its runs tell it, without driving it: what their results came to is known only as far as a run was rejected
 * for them. Whether anybody drives it is not known either: one that is not at its end counts as running while a run of it does.
 */
export function lookAt(stored: StoredPipeline, runs: readonly Run[]): PipelineView {
  const known = new Map(runs.map((run) => [run.manifest.id, run]));
  const jobs = stored.plan.stages.flatMap((stage) => stage.jobs);
  const views = jobs.map((job): [string, JobView] => {
    const own = stored.rounds.flatMap((round) => known.get(runIdOf(stored.plan, job, round)) ?? []);
    const run = own.findLast((one) => isGood(stored, one)) ?? own.at(-1);
    if (run === undefined) return [job.key, stored.isFinished ? { ...waiting(job), state: 'succeeded' } : waiting(job)];
    const { manifest, status } = run;
    const state = status.kind === 'running' ? 'running' : isGood(stored, run) ? 'succeeded' : 'failed';
    const summary =
      state !== 'failed'
        ? ''
        : stored.rejected.has(manifest.id)
          ? 'its results were rejected'
          : status.kind === 'exited'
            ? `exit code ${status.exitCode}`
            : status.kind;
    return [job.key, { ...waiting(job), state, run: manifest.id, seconds: secondsOf(run), summary }];
  });
  return viewOf(stored, new Map(views), !views.some(([, { state }]) => state === 'running'));
}

function viewOf({ plan, rounds }: StoredPipeline, views: ReadonlyMap<string, JobView>, isAtRest: boolean): PipelineView {
  const stages = plan.stages.map(({ name, jobs }): StageView => {
    const own = jobs.flatMap(({ key }) => views.get(key) ?? []);
    return { name, state: stateOf(own), jobs: own };
  });
  const hasSucceeded = stages.every(({ state }) => state === 'succeeded');
  return {
    id: plan.id,
    state: !isAtRest ? 'running' : hasSucceeded ? 'succeeded' : 'failed',
    startedAt: plan.startedAt,
    rounds: rounds.length,
    stages,
  };
}

function waiting({ key, model, stage }: Job): JobView {
  return { key, label: model ?? stage, state: 'waiting', run: null, seconds: null, accuracy: null, summary: '', hints: [] };
}

function isGood({ rejected }: StoredPipeline, { manifest, status }: Run): boolean {
  return status.kind === 'exited' && status.exitCode === 0 && !rejected.has(manifest.id);
}

/** Of several jobs together. */
function stateOf(jobs: readonly JobView[]): JobState {
  const has = (state: JobState) => jobs.some((job) => job.state === state);
  for (const state of ['running', 'fetching', 'failed', 'left-out'] as const) if (has(state)) return state;
  if (has('waiting')) return has('succeeded') ? 'running' : 'waiting';
  return 'succeeded';
}

function secondsOf({ tookMs }: Run): number | null {
  return tookMs === null ? null : tookMs / 1000;
}

function whyFailed({ run, exitCode, errors }: WatchedRun): string {
  if (run.status.kind === 'exited' && run.status.stopped) return 'stopped by hand';
  const how = exitCode === null ? 'gone without an exit code: the pod was restarted, or ended it' : `exit code ${exitCode}`;
  const [first] = errors.filter(({ severity }) => severity === 'error');
  return first ? `${first.message.split('\n')[0] ?? ''} (${how})` : how;
}
