import { type DriveOptions, drivePipeline, lookAt, type PipelinePorts, type PipelineView } from '../pipeline/pipeline.ts';
import { makePlan, type PlanOptions } from '../pipeline/plan.ts';
import type { PipelineStore, StoredPipeline } from '../pipeline/store.ts';
import { trainingCommand } from '../project/project.ts';
import type { Runs } from '../runs/runs.ts';
import type { ProjectOnPod } from './projectOnPod.ts';
import type { Results } from './results.ts';
import type { Training } from './training.ts';

/** What to train, in which way, and where its results go. */
export interface RetrainOptions extends Omit<PlanOptions, 'startedBy'>, Omit<DriveOptions, 'retry'> {
  /** Local folder for results; default `results`. */
  readonly folder?: string;
  /** How a run is followed to its end; default: as Training.watch() does. */
  readonly watch?: PipelinePorts['watch'];
}

/** Stages of training one after the other. */
export class Pipelines {
  constructor(
    private readonly on: ProjectOnPod,
    private readonly training: Training,
    private readonly results: Results,
    private readonly runs: Runs,
    private readonly store: PipelineStore,
    private readonly startedBy: string,
  ) {}

  /**
   * Trains the stages of runpod.json one after the other, fetches and judges what each leaves.
   *
   * @throws UserError 'not-configured' or 'bad-argument' before anything is started; what drivePipeline() throws
   */
  async retrain(options: RetrainOptions = {}): Promise<PipelineView> {
    const plan = makePlan(this.on.project.config, { ...options, startedBy: this.startedBy }, new Date(), Math.random);
    // A command that cannot be made is told before the first stage has been trained for hours.
    for (const { request } of plan.stages.flatMap(({ jobs }) => jobs)) trainingCommand(this.on.project, request, this.on.places);
    return this.drive(await this.store.create(plan, options.signal), options);
  }

  /** Goes on with a pipeline, by default the newest, from the first stage that has not succeeded. */
  async resume(id: string | undefined, options: Omit<RetrainOptions, keyof PlanOptions> = {}): Promise<PipelineView> {
    return this.drive(await this.store.read(id, options.signal), { ...options, retry: true });
  }

  /** The pipelines of the pod as their runs tell them, whoever drives them; oldest first. */
  async look(signal?: AbortSignal): Promise<readonly { readonly stored: StoredPipeline; readonly view: PipelineView }[]> {
    const [runs, pipelines] = await Promise.all([this.runs.list(signal), this.store.list(signal)]);
    return pipelines.map((stored) => ({ stored, view: lookAt(stored, runs) }));
  }

  private async drive(stored: StoredPipeline, options: Omit<RetrainOptions, keyof PlanOptions> & { readonly retry?: boolean }) {
    const { id } = stored.plan;
    const folder = options.folder ?? 'results';
    return drivePipeline(
      stored,
      {
        runs: async (signal) => this.runs.list(signal),
        start: async (job, run, signal) => this.training.start(job.request, signal, { id: run, pipeline: id }),
        watch: options.watch ?? (async (run, onEvent, signal) => this.training.watch(run, { onEvent, signal })),
        collect: async (job, run, signal) => this.results.ofJob(job, await this.runs.get(run, signal), folder, signal),
        beginRound: async (number, startedAt) => {
          await this.store.beginRound(id, number, startedAt, options.signal);
          return this.store.read(id, options.signal);
        },
        reject: async (run) => this.store.reject(id, run),
        finish: async () => this.store.finish(id),
      },
      options,
    );
  }
}
