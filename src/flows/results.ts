import { resolve } from 'node:path';
import { cacheFolder, cacheSize } from '../deploy/cacheSize.ts';
import { collectJob } from '../pipeline/collect.ts';
import type { Judged } from '../pipeline/pipeline.ts';
import type { Job } from '../pipeline/plan.ts';
import { type PipelineStore, runsOf } from '../pipeline/store.ts';
import type { TransferOptions } from '../pod/pod.ts';
import { leavesOut } from '../project/ignoreRules.ts';
import { expandTemplates, labelsPath } from '../project/project.ts';
import { type CollectedRun, Collector } from '../results/collect.ts';
import { type FetchedFile, fetchedTo, type FetchReport } from '../results/fetch.ts';
import { type FileVerdict, judgeFile } from '../results/judge.ts';
import { judgeAll, type Judgements } from '../results/judgeAll.ts';
import { oldResults, type SeedFile } from '../results/old.ts';
import { type OldRun, oldRuns } from '../runs/old.ts';
import type { Run } from '../runs/run.ts';
import type { Runs } from '../runs/runs.ts';
import type { FolderOptions, ProjectFiles } from './files.ts';
import type { ProjectOnPod } from './projectOnPod.ts';
import { pretrainStage, type Training } from './training.ts';

/** What runs left: fetched, judged, and what of it has become old. */
export class Results {
  private readonly collector: Collector;

  constructor(
    private readonly on: ProjectOnPod,
    files: ProjectFiles,
    training: Training,
    private readonly runs: Runs,
    private readonly pipelines: PipelineStore,
  ) {
    this.collector = new Collector(on.pod, on.project, on.map, {
      fetched: async (fetched) => files.fetched(fetched),
      newestCheckpoint: async (manifest, patterns, signal) => training.newestCheckpoint(manifest, patterns, signal),
      mayWriteLocal: on.may.mayWriteLocal,
      isRunning: async (signal) => (await runs.list(signal)).some(({ status }) => status.kind === 'running'),
    });
  }

  /** Fetches the result files of a model, or of a stage of that name, into a local folder; only what changed. */
  async ofModel(model: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    return this.collector.ofModel(model, folder, options);
  }

  /** Fetches the result files of a stage of runpod.json. */
  async ofStage(name: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    return this.collector.ofStage(name, folder, options);
  }

  /** Fetches what pre-training left, the encoder, into a local folder. */
  async ofPretraining(folder: string, options: TransferOptions & { readonly stage?: string; readonly seed?: number } = {}) {
    return this.ofStage(options.stage ?? pretrainStage, folder, options);
  }

  /** Fetches the project's log files, and the output of the newest runs, into a local folder. */
  async logs(folder: string, options: TransferOptions = {}): Promise<FetchReport> {
    return this.collector.logs(folder, options);
  }

  /** Fetches what a run left, whichever way it ended: Collector.ofRun(). */
  async ofRun(id: string, folder: string, options: TransferOptions = {}): Promise<CollectedRun> {
    return this.collector.ofRun(await this.runs.get(id, options.signal), folder, options);
  }

  /** Fetches what a job of a pipeline left, and judges it. */
  async ofJob(job: Job, run: Run, folder: string, signal: AbortSignal | undefined): Promise<Judged> {
    return collectJob(job, run, this.on.project.config, {
      ofRun: async (more) => this.collector.ofRun(run, folder, { signal }, more),
      judge: async (files) => this.judge(files, { model: run.manifest.model, seed: run.manifest.seed ?? undefined }),
    });
  }

  /**
   * Fetches a folder's files; what is here already with the same bytes is not fetched again. Symbolic links count as what
   * they lead to; those that lead nowhere or in a circle are left out.
   *
   * @throws UserError 'remote-missing' when there is no such folder
   */
  async folder(remote: string, local: string, options: FolderOptions = {}): Promise<FetchReport> {
    const localFolder = resolve(this.on.project.root, local);
    const report = await this.collector.fetchInto({
      remoteRoot: this.on.remotePath(remote),
      patterns: ['**'],
      mustExist: true,
      exclude: options.exclude,
      localFolder,
      signal: options.signal,
      onProgress: options.onProgress,
    });
    const isLeftOut = leavesOut(options.exclude ?? []);
    await this.on.pod.getEmptyFolders(this.on.remotePath(remote), localFolder, {
      signal: options.signal,
      wants: (path) => !isLeftOut(`${path}/`),
    });
    return report;
  }

  /** Which of these files of the pod, below the remote root, are in a local folder with the same bytes. */
  async fetchedTo(
    folder: string,
    files: readonly { readonly path: string; readonly bytes: number }[],
    signal?: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    return fetchedTo(this.on.pod, this.on.remoteRoot, resolve(this.on.project.root, folder), files, signal);
  }

  /** Reads local predictions (.npy, .npz) and judges them; `labels`: a file of true classes, default: the one that runpod.json names. */
  async validate(file: string, labels?: string): Promise<FileVerdict> {
    return judgeFile(resolve(this.on.project.root, file), {
      named: labelsPath(this.on.project),
      minShare: this.on.project.config.validation.minShare,
      ...(labels === undefined ? {} : { labels: resolve(this.on.project.root, labels) }),
    });
  }

  /** Judges the predictions among fetched files; `of`: what was trained, as far as it is known. */
  async judge(
    files: readonly Pick<FetchedFile, 'path' | 'localPath'>[],
    of: { readonly model?: string | null; readonly seed?: number } = {},
  ): Promise<Judgements> {
    const { predictions, minShare } = this.on.project.config.validation;
    const labels = labelsPath(this.on.project, of);
    return judgeAll(files, { labels, minShare, ...(predictions && { predictions: expandTemplates(predictions, of) }) });
  }

  /** Folders of runs beyond the newest `keep`, with the size of their logs; never of one that runs, or is part of the last pipeline or of an unfinished one. */
  async oldRuns(keep: number, signal?: AbortSignal): Promise<readonly OldRun[]> {
    const [runs, pipelines] = await Promise.all([this.runs.list(signal), this.pipelines.list(signal)]);
    return oldRuns(runs, keep, new Set(pipelines.filter((one, i) => !one.isFinished || i === pipelines.length - 1).flatMap(runsOf)));
  }

  /** Results and checkpoints of seeds beyond the newest `keep` of each model; never of one that is being trained. */
  async oldResults(keep: number, signal?: AbortSignal): Promise<readonly SeedFile[]> {
    const [runs, old] = await Promise.all([
      this.runs.list(signal),
      oldResults(this.on.pod, this.on.remoteRoot, this.on.project.config, keep, signal),
    ]);
    const seeds = new Set(runs.flatMap(({ manifest, status }) => (status.kind === 'running' ? [String(manifest.seed)] : [])));
    return old.filter(({ seed }) => !seeds.has(seed));
  }

  /** The folder of large files that were sent and may be needed again, below the remote root, and what removing it would free. */
  async uploadCache(signal?: AbortSignal): Promise<{ readonly path: string; readonly bytes: number }> {
    return { path: cacheFolder, bytes: await cacheSize(this.on.pod, this.on.remoteRoot, signal) };
  }
}
