import { stat, writeFile } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import type { PathMap } from '../core/pathMap.ts';
import type { Pod, TransferOptions } from '../pod/pod.ts';
import { matcher } from '../project/globs.ts';
import { checkModel, expandTemplates, type Project, resultPatterns, stageResults } from '../project/project.ts';
import type { Run, RunManifest } from '../runs/run.ts';
import { type FetchedFile, type FetchOptions, fetchResults, type FetchReport } from './fetch.ts';

/** What collecting needs beside the pod and the project. */
export interface CollectPorts {
  /** Told of every file that came, by its absolute path on the pod: what is here as it is there counts as deployed. */
  fetched(files: readonly (FetchedFile & { readonly remotePath: string })[]): Promise<void>;
  /** The newest whole file that this run wrote among these; absolute on the pod. */
  newestCheckpoint(manifest: RunManifest, patterns: readonly string[], signal?: AbortSignal): Promise<string | null>;
  /** Asked before a local file is written to; throws what is to be told instead. */
  readonly mayWriteLocal?: ((localPath: string) => Promise<void>) | undefined;
  /** Whether a run of the project goes on. */
  isRunning(signal?: AbortSignal): Promise<boolean>;
}

/** What a run left. */
export interface CollectedRun extends FetchReport {
  /** Fetched results that were on the pod before the run began, by its own clock: of an earlier one. Paths as in `files`. */
  readonly older: readonly string[];
}

/** After a failure: what tells how it came to that. Arrays and weights would be half of a result. */
const tellsOfFailure = /\.(?:log|out|err|txt|json|jsonl|ya?ml|toml|ini|cfg|conf|csv|tsv|md)$/i;

/** Brings home what runs of one project left on one pod. */
export class Collector {
  constructor(
    private readonly pod: Pod,
    private readonly project: Project,
    private readonly map: PathMap,
    private readonly ports: CollectPorts,
  ) {}

  /** The result files of a model, or of a stage of that name; only what changed. */
  async ofModel(model: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    const { config } = this.project;
    if (!Object.hasOwn(config.train.models, model) && config.stages.some(({ name }) => name === model))
      return this.ofStage(model, folder, options);
    checkModel(model, Object.keys(config.train.models));
    const patterns = resultPatterns(this.project, { model, seed: options.seed ?? config.train.models[model]?.seed ?? config.train.seed });
    if (patterns.length === 0)
      throw new UserError(
        'not-configured',
        'runpod.json does not say what a run leaves behind. Add the paths under "results", e.g. ["artifacts/{model}/**"].',
      );
    const isBusy = await this.ports.isRunning(options.signal);
    return this.fetch(patterns, folder, options, { isBusy });
  }

  /** The result files of a stage. */
  async ofStage(name: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    const patterns = stageResults(this.project, name, options.seed);
    const isBusy = await this.ports.isRunning(options.signal);
    return this.fetch(patterns, folder, options, { isBusy });
  }

  /** The project's log files, and the output of its runs. */
  async logs(folder: string, options: TransferOptions = {}): Promise<FetchReport> {
    return this.fetch(
      [...expandTemplates(this.project.config.logs, {}), '.runpod/runs/*/output.log', '.runpod/runs/*/run.json'],
      folder,
      options,
    );
  }

  /**
   * What a run left, whichever way it ended: its log and what was started; after a success its results, or else the project's
   * logs, what its results hold of configuration and figures, and the newest whole checkpoint.
   *
   * @param more patterns of results beside the model's, placeholders filled in
   */
  async ofRun(
    { manifest, status }: Run,
    folder: string,
    options: TransferOptions = {},
    more: readonly string[] = [],
  ): Promise<CollectedRun> {
    const { id, model } = manifest;
    const values = { model, seed: manifest.seed ?? undefined };
    const { logs, train } = this.project.config;
    const own = [`.runpod/runs/${id}/output.log`, `.runpod/runs/${id}/run.json`];
    const results = [...(model === null ? [] : resultPatterns(this.project, values)), ...more];
    if (status.kind === 'exited' && status.exitCode === 0) return withOlder(id, await this.fetch([...own, ...results], folder, options));
    const told = [...own, ...expandTemplates(logs, values)];
    const checkpoint = await this.ports.newestCheckpoint(manifest, train.resume?.checkpoints ?? train.checkpoints, options.signal);
    const below = checkpoint === null ? null : this.map.relativeOfRemote(checkpoint);
    if (below !== null) told.push(below.replace(/[\\*?[\]{}()!+@|]/g, '\\$&'));
    const isTold = told.map(matcher);
    const only = (path: string) => tellsOfFailure.test(path) || isTold.some((matches) => matches(path));
    return withOlder(id, await this.fetch([...told, ...results], folder, options, { only }));
  }

  /** What matches the patterns below the remote root, whole; a new folder for it is kept from deploys. */
  private async fetch(
    patterns: readonly string[],
    folder: string,
    options: TransferOptions,
    how: Pick<FetchOptions, 'isBusy' | 'only'> = {},
  ): Promise<FetchReport> {
    const localFolder = resolve(this.project.root, folder);
    const info = await stat(localFolder).catch(() => null);
    if (info && !info.isDirectory()) throw new UserError('local-failed', `${folder} is a file. Name a folder to download into.`);
    const report = await this.fetchInto({
      ...how,
      remoteRoot: this.map.remoteRoot,
      patterns,
      wholeOnly: true,
      localFolder,
      signal: options.signal,
      onProgress: options.onProgress,
    });
    if (info === null && report.files.length > 0 && this.map.relativeOfLocal(localFolder)) await keepFromDeploys(localFolder);
    return report;
  }

  /** Any folder of the pod into any folder here. */
  async fetchInto(options: FetchOptions): Promise<FetchReport> {
    const report = await fetchResults(this.pod, { ...options, mayWriteLocal: this.ports.mayWriteLocal });
    await this.ports.fetched(report.files.map((file) => ({ ...file, remotePath: posix.join(options.remoteRoot, file.path) })));
    return report;
  }
}

/** The run's own folder was made when it began; what is older than the file there is not of its making. */
function withOlder(id: string, report: FetchReport): CollectedRun {
  const began = report.files.find(({ path }) => path === `.runpod/runs/${id}/run.json`)?.mtimeMs ?? 0;
  const older = report.files.filter(({ path, mtimeMs }) => mtimeMs < began && !path.startsWith('.runpod/')).map(({ path }) => path);
  return { ...report, older };
}

/** A new folder of the project that holds what came from the pod is not to be deployed to it: .gitignore says so to git, too. */
async function keepFromDeploys(folder: string): Promise<void> {
  await writeFile(join(folder, '.gitignore'), '*\n').catch((error: unknown) => {
    throw new UserError(
      'local-failed',
      `What was fetched is in ${folder}, but no .gitignore can be written there (${messageOf(error)}). Add that folder to "exclude" in runpod.json.`,
      { cause: error },
    );
  });
}
