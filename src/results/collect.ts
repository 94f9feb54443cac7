import { stat, writeFile } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import type { PathMap } from '../core/pathMap.ts';
import type { Pod, TransferOptions } from '../pod/pod.ts';
import { checkModel, expandTemplates, type Project, resultPatterns } from '../project/project.ts';
import type { Run, RunManifest } from '../runs/run.ts';
import { type FetchedFile, type FetchOptions, fetchResults, type FetchReport } from './fetch.ts';

/** What collecting needs beside the pod and the project. */
export interface CollectPorts {
  /** Told of every file that came, by its absolute path on the pod: what is here as it is there counts as deployed. */
  fetched(files: readonly (FetchedFile & { readonly remotePath: string })[]): Promise<void>;
  /** The newest whole file that this run wrote among these; absolute on the pod. */
  newestCheckpoint(manifest: RunManifest, patterns: readonly string[], signal?: AbortSignal): Promise<string | null>;
}

/** Brings home what runs of one project left on one pod. */
export class Collector {
  constructor(
    private readonly pod: Pod,
    private readonly project: Project,
    private readonly map: PathMap,
    private readonly ports: CollectPorts,
  ) {}

  /** A model's result files; only what changed. */
  async ofModel(model: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    const { config } = this.project;
    checkModel(model, Object.keys(config.train.models));
    const patterns = resultPatterns(this.project, { model, seed: options.seed ?? config.train.models[model]?.seed ?? config.train.seed });
    if (patterns.length === 0)
      throw new UserError(
        'not-configured',
        'runpod.json does not say what a run leaves behind. Add the paths under "results", e.g. ["artifacts/{model}/**"].',
      );
    return this.fetch(patterns, folder, options);
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
   * What a run left, whichever way it ended: its log and what was started; after a success its results, or else the
   * project's logs and the newest whole checkpoint, where runpod.json says what that is.
   */
  async ofRun({ manifest, status }: Run, folder: string, options: TransferOptions = {}): Promise<FetchReport> {
    const { id, model, seed } = manifest;
    const patterns = [`.runpod/runs/${id}/output.log`, `.runpod/runs/${id}/run.json`];
    if (status.kind === 'exited' && status.exitCode === 0) {
      if (model !== null) patterns.push(...resultPatterns(this.project, { model, seed: seed ?? undefined }));
    } else {
      patterns.push(...expandTemplates(this.project.config.logs, { model, seed: seed ?? undefined }));
      const { resume } = this.project.config.train;
      const checkpoint = resume && (await this.ports.newestCheckpoint(manifest, resume.checkpoints, options.signal));
      const below = checkpoint ? this.map.relativeOfRemote(checkpoint) : null;
      if (below !== null) patterns.push(below.replace(/[\\*?[\]{}()!+@|]/g, '\\$&'));
    }
    return this.fetch(patterns, folder, options);
  }

  /** What matches the patterns below the remote root, whole; a new folder for it is kept from deploys. */
  async fetch(patterns: readonly string[], folder: string, options: TransferOptions = {}): Promise<FetchReport> {
    const localFolder = resolve(this.project.root, folder);
    const info = await stat(localFolder).catch(() => null);
    if (info && !info.isDirectory()) throw new UserError('local-failed', `${folder} is a file. Name a folder to download into.`);
    const report = await this.fetchInto({
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
    const report = await fetchResults(this.pod, options);
    await this.ports.fetched(report.files.map((file) => ({ ...file, remotePath: posix.join(options.remoteRoot, file.path) })));
    return report;
  }
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
