import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { type GpuStatus, gpuStatus } from '../doctor/gpuStatus.ts';
import type { Locator } from '../fixes/locator.ts';
import { StartedRuns } from '../journal/startedRuns.ts';
import { isConfigured } from '../project/configured.ts';
import { withLock } from '../project/fileLock.ts';
import { expandTemplates, findStage, type Project, type TrainingRequest, trainingCommand } from '../project/project.ts';
import { checkpointCommand, checkpointInput, parseCheckpoint, resumingCommand } from '../runs/checkpoint.ts';
import { newRunId, type Run, type RunManifest } from '../runs/run.ts';
import type { Runs, StopOptions } from '../runs/runs.ts';
import { parseSourceCheck, type SourceCheck, sourceCheckCommand, sourceCheckInput } from '../runs/sourceCheck.ts';
import { type Locate, type WatchedRun, type WatchOptions, watchRun } from '../runs/watch.ts';
import type { Environment } from './environment.ts';
import type { ProjectFiles } from './files.ts';
import type { ProjectOnPod } from './projectOnPod.ts';

/** The stage that the seeds call pre-training. */
export const pretrainStage = 'pretrain';

export interface PretrainingOptions extends WatchOptions {
  /** Default `pretrain`. */
  readonly stage?: string;
  readonly device?: string;
  readonly seed?: number;
}

/** Runs of the project on the pod, from their start to their end. */
export class Training {
  private readonly started: StartedRuns;
  /** Held from asking whether a run may be started until it is there to be counted. */
  private readonly startLock: string;
  private readonly startedBy: string;

  constructor(
    private readonly on: ProjectOnPod,
    private readonly files: ProjectFiles,
    private readonly environment: Environment,
    private readonly runs: Runs,
    private readonly locator: Locator,
    /** Where it is noted what was started here, and who starts it. */
    { stateFolder, startedBy }: { readonly stateFolder: string; readonly startedBy: string },
  ) {
    this.started = new StartedRuns(stateFolder);
    this.startedBy = startedBy;
    const place = createHash('sha256').update(`${on.pod.name}\0${on.remoteRoot}`).digest('hex').slice(0, 16);
    this.startLock = join(stateFolder, `start-${place}.lock`);
  }

  /**
   * Starts a run on the pod, detached: it outlives the connection.
   *
   * @param job of a pipeline: its id, and the run's, of the form of newRunId(); fails when there is such a run
   */
  async start(request: TrainingRequest, signal?: AbortSignal, job?: { readonly id: string; readonly pipeline: string }): Promise<Run> {
    const training = trainingCommand(this.on.project, request, this.on.places);
    if (request.command !== undefined && !isConfigured(this.on.project, training, this.on.places)) this.on.may.mayRun?.(training.command);
    const now = new Date();
    const manifest: RunManifest = {
      id: job?.id ?? newRunId(training.model, now, Math.random),
      model: training.model,
      command: training.command,
      cwd: this.on.remoteRoot,
      variables: Object.keys(training.variables),
      seed: training.seed,
      device: training.device,
      startedAt: now.toISOString(),
      startedBy: this.startedBy,
      sources: await this.files.deployedSources(),
      ...(job && { pipeline: job.pipeline }),
    };
    return this.begin(manifest, signal);
  }

  /**
   * Starts the command of a run again as a new run, with the files that are on the pod now.
   *
   * @param options.resume from the newest whole checkpoint that the run wrote, where runpod.json says how; default true
   */
  async restart(
    { manifest: { pipeline: _, ...manifest } }: Run,
    options: { readonly resume?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly run: Run; readonly checkpoint: string | null }> {
    // What the pod says was run may never have been a command of runpod.json.
    if (!isConfigured(this.on.project, manifest, this.on.places)) this.on.may.mayRun?.(manifest.command);
    const resume = options.resume === false ? undefined : this.on.project.config.train.resume;
    const checkpoint = resume === undefined ? null : await this.newestCheckpoint(manifest, resume.checkpoints, options.signal);
    const command = resume && checkpoint !== null ? resumingCommand(manifest.command, resume.argument, checkpoint) : manifest.command;
    const now = new Date();
    const again: RunManifest = {
      ...manifest,
      id: newRunId(manifest.model, now, Math.random),
      command,
      startedAt: now.toISOString(),
      startedBy: this.startedBy,
      sources: await this.files.deployedSources(),
    };
    return { run: await this.begin(again, options.signal), checkpoint };
  }

  /**
   * Starts a run and watches it to its end.
   *
   * @returns also when training failed: its exit code, its findings and last metrics
   * @throws UserError 'not-configured' or 'bad-argument' before anything is started; 'cancelled' and 'connection-lost' leave the run going
   */
  async run(request: TrainingRequest, options: WatchOptions = {}): Promise<WatchedRun> {
    const run = await this.start(request, options.signal);
    return this.watch(run.manifest.id, options);
  }

  /**
   * Pre-trains: starts the stage of that name, and watches it to its end.
   *
   * @throws UserError 'bad-argument' when runpod.json has no such stage
   */
  async pretrain(options: PretrainingOptions = {}): Promise<WatchedRun> {
    const { stage = pretrainStage, device, seed, ...watch } = options;
    return this.run({ stage: this.commandStage(stage), device, seed }, watch);
  }

  /** Follows a run to its end and tells what the monitor sees. Stopping to watch does not stop the run. */
  async watch(id: string, options: WatchOptions = {}): Promise<WatchedRun> {
    const locate: Locate = (finding, manifest) => this.locator.locate(finding, manifest);
    return watchRun(this.runs, id, locate, { thresholds: this.on.project.config.monitor, ...options });
  }

  /**
   * Ends a run: SIGINT to its process group, then SIGTERM, then SIGKILL, each after a wait.
   *
   * @param options.interruptSeconds after SIGINT; default 15
   * @param options.terminateSeconds after SIGTERM; default 10
   * @throws UserError 'run-unknown'; one that has ended already is no error
   */
  async stop(id: string, options: StopOptions = {}): Promise<Run> {
    return (await this.runs.stop(id, options)).run;
  }

  /** What the GPUs do and for whom, and which runs of the project go on. */
  async status(signal?: AbortSignal): Promise<GpuStatus & { readonly running: readonly Run[] }> {
    const [status, runs] = await Promise.all([gpuStatus(this.on.pod, signal), this.runs.list(signal)]);
    return { ...status, running: runs.filter(({ status }) => status.kind === 'running') };
  }

  /** Whether Python on the pod can compile these files (below the project) and import those that are modules; null when it could not be found out. */
  async checkSources(files: readonly string[], command: string, signal?: AbortSignal): Promise<SourceCheck | null> {
    const result = await this.environment.execute(sourceCheckCommand, {
      stdin: sourceCheckInput(files, command),
      timeoutMs: 120_000,
      signal,
    });
    return parseSourceCheck(result.stdout);
  }

  /** The newest whole file that this run wrote among these of the pod; absolute there, null when there is none. */
  async newestCheckpoint(manifest: RunManifest, patterns: readonly string[], signal: AbortSignal | undefined): Promise<string | null> {
    const expanded = expandTemplates(patterns, { model: manifest.model, seed: manifest.seed ?? undefined });
    const result = await this.environment.execute(checkpointCommand, {
      stdin: checkpointInput(this.on.remoteRoot, manifest.id, expanded),
      timeoutMs: 60_000,
      signal,
    });
    return parseCheckpoint(result.stdout);
  }

  /**
   * A stage of runpod.json that is one command.
   *
   * @throws UserError 'bad-argument' when there is none, or it trains models
   */
  commandStage(name: string): Project['config']['stages'][number] {
    const stage = findStage(this.on.project, name);
    if (stage.command !== undefined) return stage;
    throw new UserError(
      'bad-argument',
      `The stage "${name}" trains models: ${stage.models?.join(', ') ?? ''}. Train one of them, or \`rpo retrain --stages ${name}\`.`,
    );
  }

  private async begin(manifest: RunManifest, signal: AbortSignal | undefined): Promise<Run> {
    const { mayStart } = this.on.may;
    const start = async () => this.runs.start(manifest, this.on.setUp(), signal);
    const asked = async () => {
      mayStart?.(await this.runs.list(signal));
      return start();
    };
    const run = await (mayStart === undefined ? start() : withLock(this.startLock, asked, { patienceMs: 60_000 }));
    await this.started.add({ run: manifest.id, pod: this.on.pod.name, project: this.on.project.root });
    return run;
  }
}
