import { join, posix, resolve } from 'node:path';
import { createHash } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { findApiKey } from './cloud/apiKey.ts';
import { podAddress } from './cloud/podAddress.ts';
import type { Disposable } from './core/disposable.ts';
import { UserError } from './core/errors.ts';
import { lastLine } from './core/lastLine.ts';
import { PathMap } from './core/pathMap.ts';
import { quote } from './core/shell.ts';
import { Deployer, type DeployOptions, type DeployReport, type MaySend } from './deploy/deploy.ts';
import { cacheFolder, cacheSize } from './deploy/cacheSize.ts';
import { Ledger } from './deploy/ledger.ts';
import { RememberedHashes } from './deploy/rememberedHashes.ts';
import { checkSize, type SizeLimits } from './deploy/guard.ts';
import type { CheckFix, VerifyReport } from './doctor/check.ts';
import { type GpuStatus, gpuStatus, killGpuProcess } from './doctor/gpuStatus.ts';
import { type Installation, installPlan } from './doctor/reinstall.ts';
import { verify } from './doctor/verify.ts';
import type { FixAction, LocatedFinding } from './fixes/located.ts';
import { FixActions } from './fixes/applyAction.ts';
import type { AppliedEdit } from './fixes/appliedEdits.ts';
import { Locator } from './fixes/locator.ts';
import { StartedRuns } from './journal/startedRuns.ts';
import type { Finding } from './monitor/finding.ts';
import { TrainingMonitor } from './monitor/monitor.ts';
import { collectJob } from './pipeline/collect.ts';
import { type DriveOptions, drivePipeline, type Judged, lookAt, type PipelinePorts, type PipelineView } from './pipeline/pipeline.ts';
import { type Job, makePlan, type PlanOptions } from './pipeline/plan.ts';
import { PipelineStore, runsOf, type StoredPipeline } from './pipeline/store.ts';
import { connectPod } from './pod/connect.ts';
import { diagnose, type Diagnosis } from './pod/diagnose.ts';
import type { ExecResult, HostKeyPolicy, Pod, PodOptions, TransferOptions } from './pod/pod.ts';
import { type FindPod, podOptions } from './pod/podOptions.ts';
import type { Shell, ShellOptions } from './pod/shell.ts';
import { type ShownHostKey, shownHostKey } from './pod/shownHostKey.ts';
import { checkAddress } from './project/address.ts';
import { isConfigured } from './project/configured.ts';
import { withLock } from './project/fileLock.ts';
import { expandPreset, listDeployable, listTree } from './project/files.ts';
import { leavesOut } from './project/ignoreRules.ts';
import { Home } from './project/home.ts';
import {
  expandTemplates,
  findStage,
  labelsPath,
  loadProject,
  type PodPlaces,
  type Project,
  remoteRootOf,
  setUpLines,
  type TrainingRequest,
  trainingCommand,
} from './project/project.ts';
import { projectSchema } from './project/schema.ts';
import { type CollectedRun, Collector } from './results/collect.ts';
import { type FetchedFile, fetchedTo, type FetchReport } from './results/fetch.ts';
import { type FileVerdict, judgeFile } from './results/judge.ts';
import { judgeAll, type Judgements } from './results/judgeAll.ts';
import { oldResults, type SeedFile } from './results/old.ts';
import { checkpointCommand, checkpointInput, parseCheckpoint, resumingCommand } from './runs/checkpoint.ts';
import { oldRuns, type OldRun } from './runs/old.ts';
import { newRunId, type Run, type RunManifest } from './runs/run.ts';
import { Runs, type StopOptions } from './runs/runs.ts';
import { parseSourceCheck, type SourceCheck, sourceCheckCommand, sourceCheckInput } from './runs/sourceCheck.ts';
import { type Locate, type WatchedRun, type WatchOptions, watchRun } from './runs/watch.ts';

export type { TrainingRequest } from './project/project.ts';
export type { RunEvent, WatchedRun, WatchOptions } from './runs/watch.ts';

/** What the outside may have to answer. */
export interface OrchestratorPorts {
  readonly askPassphrase?: PodOptions['askPassphrase'];
  /** RunPod's API key where neither RUNPOD_API_KEY nor ~/.runpod/config.toml has one; undefined: there is none. */
  readonly askApiKey?: () => Promise<string | undefined>;
  readonly log?: (line: string) => void;
  /** Who starts runs; default `user@host`. */
  readonly startedBy?: string;
  /** What whoever works here may do; default: everything. */
  readonly may?: Permissions;
}

/** Asked before something is done; each throws what is to be told instead. */
export interface Permissions extends MaySend {
  /** Before a local file is written to that is named or fetched. */
  readonly mayWriteLocal?: (localPath: string) => Promise<void>;
  /** Before a command runs that is not the project's own. */
  readonly mayRun?: (command: string) => void;
  /** Before a run is started, with the runs there are. */
  readonly mayStart?: (runs: readonly Run[]) => void;
}

/** A machine given by its address, as scripts do. */
export interface ConnectOptions extends OrchestratorPorts {
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  readonly identityFile?: string;
  /** Default: runpod.json's, or /workspace/<name of projectRoot>. */
  readonly remoteRoot?: string;
  /** The folder that is /workspace on RunPod, where this machine has it elsewhere. */
  readonly workspace?: string;
  /** Default: the current folder. */
  readonly projectRoot?: string;
  readonly hostKeys?: HostKeyPolicy;
  /** Default: RPO_HOME, or ~/.runpod. */
  readonly home?: string;
}

/** A project, and a pod by its name in pods.json. */
export interface OpenOptions extends OrchestratorPorts {
  readonly projectRoot: string;
  /** Default: the selected pod, or the only one. */
  readonly pod?: string;
  readonly home?: string;
}

export interface ExecuteOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly stdin?: Uint8Array | string;
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
  /** Folder to run in, below the remote root or absolute. Default: the remote root. */
  readonly cwd?: string;
  /** Keep nothing in the result for streams that have a listener (long or endless output). Default false. */
  readonly discardOutput?: boolean;
}

/** What to train, in which way, and where its results go. */
export interface RetrainOptions extends Omit<PlanOptions, 'startedBy'>, Omit<DriveOptions, 'retry'> {
  /** Local folder for results; default `results`. */
  readonly folder?: string;
  /** How a run is followed to its end; default: as watchRun() does. */
  readonly watch?: PipelinePorts['watch'];
}

/** The stage that the seeds call pre-training. */
const pretrainStage = 'pretrain';

export interface PretrainingOptions extends WatchOptions {
  /** Default `pretrain`. */
  readonly stage?: string;
  readonly device?: string;
  readonly seed?: number;
}

export interface DirectoryOptions extends TransferOptions {
  /** gitignore syntax. */
  readonly exclude?: readonly string[];
  /** What an upload may send without being asked twice; default: as a deploy. */
  readonly limits?: SizeLimits;
}

/**
 * The facade of the mission: one project on one pod. Connects when first needed; every method may be called again after a
 * lost connection. All errors that a user can cause or mend are UserErrors.
 */
export class Orchestrator implements Disposable {
  /** The project's folder on the pod, absolute. */
  readonly remoteRoot: string;
  readonly map: PathMap;
  readonly runs: Runs;
  readonly pipelines: PipelineStore;
  private readonly deployer: Deployer;
  private readonly collector: Collector;
  private readonly locator: Locator;
  private readonly started: StartedRuns;
  private readonly fixActions: FixActions;
  private readonly startedBy: string;
  private readonly may: Permissions;
  /** Held from asking whether a run may be started until it is there to be counted. */
  private readonly startLock: string;

  private constructor(
    readonly project: Project,
    readonly pod: Pod,
    /** Where things lie on this pod. */
    private readonly places: PodPlaces,
    home: Home,
    ports: OrchestratorPorts = {},
  ) {
    this.may = ports.may ?? {};
    this.startedBy = ports.startedBy ?? `${userInfo().username}@${hostname()}`;
    this.remoteRoot = remoteRootOf(project, places);
    const { remoteRoot } = this;
    this.map = new PathMap(project.root, remoteRoot, process.platform === 'win32' ? 'win32' : 'posix');
    this.runs = new Runs(pod, remoteRoot);
    this.pipelines = new PipelineStore(pod, remoteRoot);
    const hashes = {
      local: new RememberedHashes(home.stateFolder, ['local', project.root]),
      pod: new RememberedHashes(home.stateFolder, ['pod', pod.name, remoteRoot]),
    };
    this.deployer = new Deployer(pod, this.map, new Ledger(home.stateFolder, pod.name, remoteRoot), hashes, this.may);
    const place = createHash('sha256').update(`${pod.name}\0${remoteRoot}`).digest('hex').slice(0, 16);
    this.startLock = join(home.stateFolder, `start-${place}.lock`);
    this.collector = new Collector(pod, project, this.map, {
      fetched: async (files) => this.deployer.fetched(files),
      newestCheckpoint: async (manifest, patterns, signal) => this.newestCheckpoint(manifest, patterns, signal),
      mayWriteLocal: this.may.mayWriteLocal,
      isRunning: async (signal) => (await this.runs.list(signal)).some(({ status }) => status.kind === 'running'),
    });
    this.locator = new Locator(project, this.map);
    this.started = new StartedRuns(home.stateFolder);
    this.fixActions = new FixActions(this.map, home.stateFolder);
  }

  /**
   * Connects to a machine by its address, now.
   *
   * @throws UserError 'bad-argument' for an option that cannot be, and what connecting throws
   */
  static async connect(options: ConnectOptions): Promise<Orchestrator> {
    checkAddress(options);
    const home = new Home(options.home);
    const found = await loadProject(resolve(options.projectRoot ?? '.'));
    const { remoteRoot, workspace } = options;
    const project = remoteRoot === undefined ? found : { ...found, config: { ...found.config, remoteRoot } };
    const pod = connectPod({ ...options, knownHostsFile: home.knownHostsFile });
    const orchestrator = new Orchestrator(project, pod, workspace === undefined ? {} : { workspace }, home, options);
    try {
      await pod.exec(':', { timeoutMs: 30_000 });
    } catch (error) {
      pod.dispose();
      throw error;
    }
    return orchestrator;
  }

  /** A project and one of the person's pods; connects when first needed. */
  static async open(options: OpenOptions): Promise<Orchestrator> {
    const home = new Home(options.home);
    const project = await loadProject(resolve(options.projectRoot));
    const { name, entry } = await home.pod(options.pod);
    const pod = connectPod(
      await podOptions(
        entry,
        {
          name,
          hostKeys: entry.hostKeys,
          knownHostsFile: home.knownHostsFile,
          askPassphrase: options.askPassphrase,
          log: options.log,
        },
        podFinder(options.askApiKey),
      ),
    );
    return new Orchestrator(project, pod, entry, home, options);
  }

  /** Ends the connection; runs go on. */
  async close(): Promise<void> {
    this.dispose();
  }

  dispose(): void {
    this.pod.dispose();
  }

  /** Puts one file on the pod, atomically and verified, mode 644. `remote`: absolute, or below the remote root; default: the file's place in the project. */
  async uploadFile(
    local: string,
    remote?: string,
    options: TransferOptions = {},
  ): Promise<{ readonly remotePath: string; readonly bytes: number; readonly sha256: string; readonly reused: boolean }> {
    const localPath = resolve(this.project.root, local);
    const remotePath = remote === undefined ? this.map.toRemote(localPath) : this.remotePath(remote);
    if (remotePath === null)
      throw new UserError(
        'outside-project',
        `${local} is not below the project folder ${this.project.root}. Say where it should go on the pod.`,
      );
    const [put] = await this.deployer.upload([{ source: { localPath }, remotePath }], options);
    if (!put) throw new UserError('remote-failed', `The pod did not confirm ${remotePath}. Try again.`);
    return put;
  }

  /** Whether there is a folder at this path on the pod, absolute or below the remote root. */
  async isFolder(remote: string, signal?: AbortSignal): Promise<boolean> {
    return this.pod.isFolder(this.remotePath(remote), { signal });
  }

  /**
   * Fetches one file; written beside its target, verified, renamed.
   *
   * @param remote absolute, or below the remote root
   * @param local absolute, or below the project's folder
   * @throws UserError 'remote-missing', 'remote-denied', 'local-failed', 'transfer-corrupt', 'cancelled', and what connecting throws
   */
  async downloadFile(
    remote: string,
    local: string,
    options: TransferOptions = {},
  ): Promise<{ readonly localPath: string; readonly bytes: number; readonly sha256: string }> {
    const target = resolve(this.project.root, local);
    await this.may.mayWriteLocal?.(target);
    const got = await this.pod.getFile(this.remotePath(remote), target, options);
    await this.deployer.fetched([got]);
    return got;
  }

  /**
   * Puts a folder's files on the pod, all or none; what the pod has already is not sent again, nothing is deleted there.
   *
   * @param remote absolute, or below the remote root; default: the folder's place in the project
   * @throws UserError 'outside-project' for a folder that has no such place, 'local-missing' when it holds no files, 'remote-full', ...
   */
  async uploadDirectory(local: string, remote?: string, options: DirectoryOptions = {}): Promise<DeployReport> {
    const folder = resolve(this.project.root, local);
    const target = remote === undefined ? this.map.toRemote(folder) : this.remotePath(remote);
    if (target === null)
      throw new UserError(
        'outside-project',
        `${local} is not below the project folder ${this.project.root}. Say where it should go on the pod.`,
      );
    const startedAt = Date.now();
    const config = projectSchema.parse({ exclude: options.exclude ?? [], gitignore: false });
    const { files, emptyFolders } = await listTree({ root: folder, config, configFile: null }, options.signal);
    if (files.length + emptyFolders.length === 0) throw new UserError('local-missing', `${local} holds no files to send.`);
    checkSize(files, options.limits);
    const [put] = await Promise.all([
      this.deployer.upload(
        files.map((file) => ({
          source: { localPath: join(folder, file.path) },
          remotePath: posix.join(target, file.path),
          mode: file.executable ? 0o755 : 0o644,
        })),
        options,
      ),
      this.deployer.makeFolders(
        emptyFolders.map((path) => posix.join(target, path)),
        options.signal,
      ),
    ]);
    return { files: put.map((file) => ({ ...file, path: posix.relative(target, file.remotePath) })), milliseconds: Date.now() - startedAt };
  }

  /**
   * Fetches a folder's files; what is here already with the same bytes is not fetched again. Symbolic links count as what
   * they lead to; those that lead nowhere or in a circle are left out.
   *
   * @throws UserError 'remote-missing' when there is no such folder
   */
  async downloadDirectory(remote: string, local: string, options: DirectoryOptions = {}): Promise<FetchReport> {
    const localFolder = resolve(this.project.root, local);
    const report = await this.collector.fetchInto({
      remoteRoot: this.remotePath(remote),
      patterns: ['**'],
      mustExist: true,
      exclude: options.exclude,
      localFolder,
      signal: options.signal,
      onProgress: options.onProgress,
    });
    const isLeftOut = leavesOut(options.exclude ?? []);
    await this.pod.getEmptyFolders(this.remotePath(remote), localFolder, {
      signal: options.signal,
      wants: (path) => !isLeftOut(`${path}/`),
    });
    return report;
  }

  /**
   * Runs one command in the project's folder and environment on the pod. Without the activate script that runpod.json names
   * it runs all the same, with a warning on stderr: how else would one look why.
   *
   * @param options.timeoutMs default: none
   * @returns its exit code, whatever it is, and all that it printed (see `discardOutput`)
   * @throws UserError 'timeout', 'cancelled', 'connection-lost', and what connecting throws
   */
  async executeCommand(
    command: string,
    options: ExecuteOptions = {},
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
    const cwd = options.cwd === undefined ? undefined : this.remotePath(options.cwd);
    const setUp = setUpLines(this.project, this.places, 'warn');
    return this.execute(`${setUp}\n${cwd === undefined ? '' : `cd ${quote(cwd)} || exit\n`}${command}`, options);
  }

  /** For what is not to be done outside of the environment: an install would go to another Python. */
  private async executeSetUp(command: string, options: Omit<ExecuteOptions, 'cwd'>): Promise<ExecResult> {
    return this.execute(`${this.setUp()}\n${command}`, options);
  }

  /** An interactive shell in the project's folder and environment. */
  async openShell(options: Omit<ShellOptions, 'setUp'>): Promise<Shell> {
    return this.pod.openShell({ ...options, setUp: this.setUp() });
  }

  /** The listeners get characters whole, also those that were cut between two chunks. */
  private async execute(script: string, options: Omit<ExecuteOptions, 'cwd'>): Promise<ExecResult> {
    const stdout = options.onStdout && textFor(options.onStdout);
    const stderr = options.onStderr && textFor(options.onStderr);
    const { stdin, timeoutMs, signal, discardOutput } = options;
    const result = await this.pod.exec(script, {
      stdin,
      timeoutMs,
      signal,
      discardOutput,
      onStdout: stdout?.write,
      onStderr: stderr?.write,
    });
    stdout?.end();
    stderr?.end();
    return result;
  }

  /** Looks at everything that training on this pod needs. */
  async verifyEnvironment(signal?: AbortSignal): Promise<VerifyReport> {
    return verify(this.pod, this.project, this.places, signal);
  }

  /**
   * Does what a check of verifyEnvironment() offers.
   *
   * @throws UserError 'remote-failed' with what the command said last, and what deploying throws
   */
  async repair(fix: CheckFix, options: DeployOptions & { readonly onOutput?: (text: string) => void } = {}): Promise<void> {
    if (fix.kind === 'deploy') {
      await this.deployThese(fix.files, options);
      return;
    }
    if (fix.kind === 'install') {
      await this.reinstall(fix.what, options);
      return;
    }
    this.may.mayRun?.(fix.command);
    const { signal, onOutput } = options;
    const execute = { timeoutMs: 1_800_000, signal, onStdout: onOutput, onStderr: onOutput };
    const { exitCode, stderr } = fix.environment
      ? await this.executeSetUp(fix.command, execute)
      : await this.execute(`mkdir -p -- ${quote(this.remoteRoot)} && cd -- ${quote(this.remoteRoot)} || exit\n${fix.command}`, execute);
    if (exitCode === 0) return;
    const said = lastLine(stderr);
    throw new UserError(
      'remote-failed',
      `"${fix.title}" did not work: \`${fix.command}\` ended with exit code ${exitCode}${said === '' ? '' : ` (${said})`}. Do it by hand on the pod, then verify again.`,
    );
  }

  /**
   * Installs what the project names into its environment on the pod.
   *
   * @returns The commands that did it.
   * @throws UserError 'not-configured' when it names nothing, 'remote-failed' with what pip said last, what deploying throws
   */
  async reinstall(
    what: Installation = 'both',
    options: DeployOptions & { readonly onCommand?: (command: string) => void; readonly onOutput?: (text: string) => void } = {},
  ): Promise<readonly string[]> {
    const { files, commands } = await installPlan(this.project.root, new Set(await this.deployableFiles(options.signal)), what);
    commands.forEach((command) => this.may.mayRun?.(command));
    await this.deployer.deploy(files, options);
    for (const command of commands) {
      options.onCommand?.(command);
      const { exitCode, stderr } = await this.executeSetUp(command, {
        timeoutMs: 1_800_000,
        signal: options.signal,
        onStdout: options.onOutput,
        onStderr: options.onOutput,
      });
      if (exitCode === 0) continue;
      const said = lastLine(stderr);
      throw new UserError(
        'remote-failed',
        `\`${command}\` ended with exit code ${exitCode} on the pod${said === '' ? '' : `: ${said}`}. Correct what it names, and reinstall; if it lacks files of the project, deploy them first with \`rpo deploy --changed\`.`,
      );
    }
    return commands;
  }

  /** What the GPUs do and for whom, and which runs of the project go on. */
  async checkTrainingStatus(signal?: AbortSignal): Promise<GpuStatus & { readonly running: readonly Run[] }> {
    const [status, runs] = await Promise.all([gpuStatus(this.pod, signal), this.runs.list(signal)]);
    return { ...status, running: runs.filter(({ status }) => status.kind === 'running') };
  }

  /** Ends one process that nvidia-smi reports; throws what killGpuProcess() does. */
  async killGpuProcess(
    pid: number,
    options: { readonly waitSeconds?: number; readonly signal?: AbortSignal } = {},
  ): Promise<'TERM' | 'KILL'> {
    return killGpuProcess(this.pod, pid, options);
  }

  /**
   * Puts these files of the project on the pod: all, or none.
   *
   * @param files below the project, or absolute; folders are not taken
   * @param options.force replace copies that changed on the pod since the last deploy; default false
   * @throws UserError 'remote-changed' for such a copy (nothing is touched), 'local-missing', 'outside-project', 'remote-full', ...
   */
  async deployFixes(files: readonly string[], options: DeployOptions = {}): Promise<DeployReport> {
    return this.deployer.deploy(files, options);
  }

  /**
   * Deploys a preset of runpod.json.
   *
   * @throws UserError 'bad-argument' for a name that is not there, and as deployFixes()
   */
  async deployPreset(name: string, options: DeployOptions = {}): Promise<DeployReport> {
    return this.deployer.deploy(await expandPreset(this.project, name, options.signal), options);
  }

  /** Files of the project that may be deployed, below the project, POSIX separators. */
  async deployableFiles(signal?: AbortSignal): Promise<readonly string[]> {
    const files = await listDeployable(this.project, signal);
    return files.map((file) => file.path);
  }

  /** Those of them that the pod lacks or has otherwise. */
  async changedFiles(signal?: AbortSignal): Promise<readonly string[]> {
    const files = await this.deployableFiles(signal);
    return files.length === 0 ? [] : this.deployer.changed(files, signal);
  }

  /** Deploys what changed; an empty report when the pod is up to date. */
  async deployChanged(options: DeployOptions = {}): Promise<DeployReport> {
    const startedAt = Date.now();
    const { files, emptyFolders } = await listTree(this.project, options.signal);
    const paths = files.map(({ path }) => path);
    const [changed] = await Promise.all([
      paths.length === 0 ? [] : this.deployer.changed(paths, options.signal),
      this.deployer.makeFolders(
        emptyFolders.map((path) => posix.join(this.remoteRoot, path)),
        options.signal,
      ),
    ]);
    return changed.length === 0
      ? { files: [], milliseconds: Date.now() - startedAt }
      : this.deployer.deploy(changed, { ...options, areChanged: true });
  }

  /** What was deployed from here and is no file of the project any more, below the project. */
  async goneFiles(signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.deployer.gone(await this.deployableFiles(signal))).map(({ path }) => path);
  }

  /** Deletes those on the pod, unless one changed there; gives what was deleted, below the project. */
  async removeGone(signal?: AbortSignal): Promise<readonly string[]> {
    return this.deployer.removeGone(await this.deployableFiles(signal), signal);
  }

  /** SHA-256 of everything last deployed from here, by path below the project. */
  async deployedSources(): Promise<Readonly<Record<string, string>>> {
    return this.deployer.deployedSources();
  }

  /**
   * Starts a run on the pod, detached: it outlives the connection.
   *
   * @param job of a pipeline: its id, and the run's, of the form of newRunId(); fails when there is such a run
   */
  async startTraining(
    request: TrainingRequest,
    signal?: AbortSignal,
    job?: { readonly id: string; readonly pipeline: string },
  ): Promise<Run> {
    const training = trainingCommand(this.project, request, this.places);
    if (request.command !== undefined && !isConfigured(this.project, training, this.places)) this.may.mayRun?.(training.command);
    const now = new Date();
    const manifest: RunManifest = {
      id: job?.id ?? newRunId(training.model, now, Math.random),
      model: training.model,
      command: training.command,
      cwd: this.remoteRoot,
      variables: Object.keys(training.variables),
      seed: training.seed,
      device: training.device,
      startedAt: now.toISOString(),
      startedBy: this.startedBy,
      sources: await this.deployer.deployedSources(),
      ...(job && { pipeline: job.pipeline }),
    };
    return this.start(manifest, signal);
  }

  /**
   * Starts the command of a run again as a new run, with the files that are on the pod now.
   *
   * @param options.resume from the newest whole checkpoint that the run wrote, where runpod.json says how; default true
   */
  async restartTraining(
    { manifest: { pipeline: _, ...manifest } }: Run,
    options: { readonly resume?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly run: Run; readonly checkpoint: string | null }> {
    // What the pod says was run may never have been a command of runpod.json.
    if (!isConfigured(this.project, manifest, this.places)) this.may.mayRun?.(manifest.command);
    const resume = options.resume === false ? undefined : this.project.config.train.resume;
    const checkpoint = resume === undefined ? null : await this.newestCheckpoint(manifest, resume.checkpoints, options.signal);
    const command = resume && checkpoint !== null ? resumingCommand(manifest.command, resume.argument, checkpoint) : manifest.command;
    const now = new Date();
    const again: RunManifest = {
      ...manifest,
      id: newRunId(manifest.model, now, Math.random),
      command,
      startedAt: now.toISOString(),
      startedBy: this.startedBy,
      sources: await this.deployer.deployedSources(),
    };
    return { run: await this.start(again, options.signal), checkpoint };
  }

  /** Whether Python on the pod can compile these files (below the project) and import those that are modules; null when it could not be found out. */
  async checkSources(files: readonly string[], command: string, signal?: AbortSignal): Promise<SourceCheck | null> {
    const result = await this.executeCommand(sourceCheckCommand, { stdin: sourceCheckInput(files, command), timeoutMs: 120_000, signal });
    return parseSourceCheck(result.stdout);
  }

  private async newestCheckpoint(
    manifest: RunManifest,
    patterns: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<string | null> {
    const expanded = expandTemplates(patterns, { model: manifest.model, seed: manifest.seed ?? undefined });
    const result = await this.executeCommand(checkpointCommand, {
      stdin: checkpointInput(this.remoteRoot, manifest.id, expanded),
      timeoutMs: 60_000,
      signal,
    });
    return parseCheckpoint(result.stdout);
  }

  /** Follows a run to its end and tells what the monitor sees. Stopping to watch does not stop the run. */
  async watchRun(id: string, options: WatchOptions = {}): Promise<WatchedRun> {
    const locate: Locate = (finding, manifest) => this.locator.locate(finding, manifest);
    return watchRun(this.runs, id, locate, { thresholds: this.project.config.monitor, ...options });
  }

  /**
   * Starts a run and watches it to its end.
   *
   * @returns also when training failed: its exit code, its findings and last metrics
   * @throws UserError 'not-configured' or 'bad-argument' before anything is started; 'cancelled' and 'connection-lost' leave the run going
   */
  async runTraining(request: TrainingRequest, options: WatchOptions = {}): Promise<WatchedRun> {
    const run = await this.startTraining(request, options.signal);
    return this.watchRun(run.manifest.id, options);
  }

  /**
   * Pre-trains: starts the stage of that name, and watches it to its end.
   *
   * @throws UserError 'bad-argument' when runpod.json has no such stage
   */
  async runPretraining(options: PretrainingOptions = {}): Promise<WatchedRun> {
    const { stage = pretrainStage, device, seed, ...watch } = options;
    return this.runTraining({ stage: this.commandStage(stage), device, seed }, watch);
  }

  /** Fetches what pre-training left, the encoder, into a local folder. */
  async downloadPretrainedEncoder(folder: string, options: TransferOptions & { readonly stage?: string; readonly seed?: number } = {}) {
    return this.downloadStage(options.stage ?? pretrainStage, folder, options);
  }

  /**
   * A stage of runpod.json that is one command.
   *
   * @throws UserError 'bad-argument' when there is none, or it trains models
   */
  commandStage(name: string): Project['config']['stages'][number] {
    const stage = findStage(this.project, name);
    if (stage.command !== undefined) return stage;
    throw new UserError(
      'bad-argument',
      `The stage "${name}" trains models: ${stage.models?.join(', ') ?? ''}. Train one of them, or \`rpo retrain --stages ${name}\`.`,
    );
  }

  /** The seeds' name for watchRun. */
  async monitorTraining(id: string, options: WatchOptions = {}): Promise<WatchedRun> {
    return this.watchRun(id, options);
  }

  /**
   * Ends a run: SIGINT to its process group, then SIGTERM, then SIGKILL, each after a wait.
   *
   * @param options.interruptSeconds after SIGINT; default 15
   * @param options.terminateSeconds after SIGTERM; default 10
   * @throws UserError 'run-unknown'; one that has ended already is no error
   */
  async stopTraining(id: string, options: StopOptions = {}): Promise<Run> {
    return (await this.runs.stop(id, options)).run;
  }

  /** Fetches the result files of a stage of runpod.json. */
  async downloadStage(name: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    return this.collector.ofStage(name, folder, options);
  }

  /** Fetches the result files of a model, or of a stage of that name, into a local folder; only what changed. */
  async downloadResults(model: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    return this.collector.ofModel(model, folder, options);
  }

  /** Fetches the project's log files, and the output of the newest runs, into a local folder. */
  async downloadLogs(folder: string, options: TransferOptions = {}): Promise<FetchReport> {
    return this.collector.logs(folder, options);
  }

  /** Fetches what a run left, whichever way it ended: Collector.ofRun(). */
  async collectRun(id: string, folder: string, options: TransferOptions = {}): Promise<CollectedRun> {
    return this.collector.ofRun(await this.runs.get(id, options.signal), folder, options);
  }

  /**
   * Trains the stages of runpod.json one after the other, fetches and judges what each leaves.
   *
   * @throws UserError 'not-configured' or 'bad-argument' before anything is started; what drivePipeline() throws
   */
  async retrain(options: RetrainOptions = {}): Promise<PipelineView> {
    const plan = makePlan(this.project.config, { ...options, startedBy: this.startedBy }, new Date(), Math.random);
    // A command that cannot be made is told before the first stage has been trained for hours.
    for (const { request } of plan.stages.flatMap(({ jobs }) => jobs)) trainingCommand(this.project, request, this.places);
    return this.drive(await this.pipelines.create(plan, options.signal), options);
  }

  /** Goes on with a pipeline, by default the newest, from the first stage that has not succeeded. */
  async resumePipeline(id: string | undefined, options: Omit<RetrainOptions, keyof PlanOptions> = {}): Promise<PipelineView> {
    return this.drive(await this.pipelines.read(id, options.signal), { ...options, retry: true });
  }

  /** The pipelines of the pod as their runs tell them, whoever drives them; oldest first. */
  async lookAtPipelines(signal?: AbortSignal): Promise<readonly { readonly stored: StoredPipeline; readonly view: PipelineView }[]> {
    const [runs, pipelines] = await Promise.all([this.runs.list(signal), this.pipelines.list(signal)]);
    return pipelines.map((stored) => ({ stored, view: lookAt(stored, runs) }));
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
      oldResults(this.pod, this.remoteRoot, this.project.config, keep, signal),
    ]);
    const seeds = new Set(runs.flatMap(({ manifest, status }) => (status.kind === 'running' ? [String(manifest.seed)] : [])));
    return old.filter(({ seed }) => !seeds.has(seed));
  }

  /** The folder of large files that were sent and may be needed again, below the remote root, and what removing it would free. */
  async uploadCache(signal?: AbortSignal): Promise<{ readonly path: string; readonly bytes: number }> {
    return { path: cacheFolder, bytes: await cacheSize(this.pod, this.remoteRoot, signal) };
  }

  /** Which of these files of the pod, below the remote root, are in a local folder with the same bytes. */
  async fetchedTo(
    folder: string,
    files: readonly { readonly path: string; readonly bytes: number }[],
    signal?: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    return fetchedTo(this.pod, this.remoteRoot, resolve(this.project.root, folder), files, signal);
  }

  /** Reads local predictions (.npy, .npz) and judges them; `labels`: a file of true classes, default: the one that runpod.json names. */
  async validate(file: string, labels?: string): Promise<FileVerdict> {
    return judgeFile(resolve(this.project.root, file), {
      named: labelsPath(this.project),
      minShare: this.project.config.validation.minShare,
      ...(labels === undefined ? {} : { labels: resolve(this.project.root, labels) }),
    });
  }

  /** Judges the predictions among fetched files; `of`: what was trained, as far as it is known. */
  async judgeFetched(
    files: readonly Pick<FetchedFile, 'path' | 'localPath'>[],
    of: { readonly model?: string | null; readonly seed?: number } = {},
  ): Promise<Judgements> {
    const { predictions, minShare } = this.project.config.validation;
    const labels = labelsPath(this.project, of);
    return judgeAll(files, { labels, minShare, ...(predictions && { predictions: expandTemplates(predictions, of) }) });
  }

  /** What the monitor makes of a run's log as it is now; for one that goes on, too. */
  async findingsOf(id: string, signal?: AbortSignal): Promise<readonly LocatedFinding[]> {
    const { manifest } = await this.runs.get(id, signal);
    const monitor = new TrainingMonitor({ thresholds: this.project.config.monitor });
    const partBytes = 4 * 1024 * 1024;
    for (let offset = 0; ;) {
      const part = await this.runs.read(id, offset, partBytes, signal);
      monitor.write(part);
      offset += part.length;
      if (part.length < partBytes) break;
    }
    monitor.end();
    return Promise.all(monitor.getErrors().map((finding) => this.locator.locate(finding, manifest)));
  }

  /** Where a finding of this run belongs here, and what can be done about it. */
  async locate(finding: Finding, manifest: Pick<RunManifest, 'model' | 'command'>): Promise<LocatedFinding> {
    return this.locator.locate(finding, manifest);
  }

  /**
   * Does what an action says: edits the local file, installs the package on the pod, deploys, or starts the stage.
   * Training again is left to the caller.
   *
   * @param options.run the run that the action is for: a setting is changed only once because of it
   * @returns what was done, one sentence
   * @throws UserError 'local-failed' when the file is not what that run had, and what each kind of work throws
   */
  async applyFix(
    action: FixAction,
    options: DeployOptions & { readonly run?: RunManifest; readonly onOutput?: (text: string) => void } = {},
  ): Promise<string> {
    const { signal, onOutput } = options;
    return this.fixActions.apply(action, options.run, {
      run: async (command) => {
        this.may.mayRun?.(command);
        return this.executeSetUp(command, { timeoutMs: 600_000, signal, onStdout: onOutput, onStderr: onOutput });
      },
      deploy: async (files) => (await this.deployThese(files, options)).files.length,
      start: async (request) => (await this.startTraining(request, signal)).manifest.id,
    });
  }

  /** The change that was made because of this run already, where the action would change the same setting once more; null: it may be done. */
  async appliedBefore(action: FixAction, run: RunManifest): Promise<AppliedEdit | null> {
    return this.fixActions.appliedBefore(action, run);
  }

  private async deployThese(files: readonly string[], options: DeployOptions): Promise<DeployReport> {
    return files.length > 0 ? this.deployer.deploy(files, options) : this.deployChanged(options);
  }

  private async drive(stored: StoredPipeline, options: Omit<RetrainOptions, keyof PlanOptions> & { readonly retry?: boolean }) {
    const { id } = stored.plan;
    const folder = options.folder ?? 'results';
    return drivePipeline(
      stored,
      {
        runs: async (signal) => this.runs.list(signal),
        start: async (job, run, signal) => this.startTraining(job.request, signal, { id: run, pipeline: id }),
        watch: options.watch ?? (async (run, onEvent, signal) => this.watchRun(run, { onEvent, signal })),
        collect: async (job, run, signal) => this.collectJob(job, run, folder, signal),
        beginRound: async (number, startedAt) => {
          await this.pipelines.beginRound(id, number, startedAt, options.signal);
          return this.pipelines.read(id, options.signal);
        },
        reject: async (run) => this.pipelines.reject(id, run),
        finish: async () => this.pipelines.finish(id),
      },
      options,
    );
  }

  private async collectJob(job: Job, id: string, folder: string, signal: AbortSignal | undefined): Promise<Judged> {
    const run = await this.runs.get(id, signal);
    return collectJob(job, run, this.project.config, {
      ofRun: async (more) => this.collector.ofRun(run, folder, { signal }, more),
      judge: async (files) => this.judgeFetched(files, { model: run.manifest.model, seed: run.manifest.seed ?? undefined }),
    });
  }

  private async start(manifest: RunManifest, signal: AbortSignal | undefined): Promise<Run> {
    const { mayStart } = this.may;
    const begin = async () => this.runs.start(manifest, this.setUp(), signal);
    const asked = async () => {
      mayStart?.(await this.runs.list(signal));
      return begin();
    };
    const run = await (mayStart === undefined ? begin() : withLock(this.startLock, asked, { patienceMs: 60_000 }));
    await this.started.add({ run: manifest.id, pod: this.pod.name, project: this.project.root });
    return run;
  }

  private setUp(): string {
    return setUpLines(this.project, this.places);
  }

  private remotePath(path: string): string {
    return posix.resolve(this.remoteRoot, path);
  }
}

/** Decodes UTF-8 that comes in pieces. */
function textFor(listener: (text: string) => void): { readonly write: (chunk: Buffer) => void; readonly end: () => void } {
  const decoder = new TextDecoder();
  const tell = (text: string) => {
    if (text !== '') listener(text);
  };
  return { write: (chunk) => tell(decoder.decode(chunk, { stream: true })), end: () => tell(decoder.decode()) };
}

/** Looks a pod up at RunPod; the key is looked for each time, since it may have been corrected. */
function podFinder(askApiKey: OrchestratorPorts['askApiKey']): FindPod {
  return async (podId) => podAddress(podId, await findApiKey(askApiKey));
}

/**
 * Asks one of the person's pods for its host key, without logging in.
 *
 * @throws UserError 'not-configured', 'bad-argument', 'unreachable', ...
 */
export async function hostKeyOfPod(
  options: Pick<OpenOptions, 'pod' | 'home' | 'askApiKey'> & { readonly signal?: AbortSignal } = {},
): Promise<ShownHostKey & { readonly pod: string }> {
  const home = new Home(options.home);
  const { name, entry } = await home.pod(options.pod);
  const there = await podOptions(entry, { name, knownHostsFile: home.knownHostsFile }, podFinder(options.askApiKey));
  return { pod: name, ...(await shownHostKey(there, options.signal)) };
}

/**
 * Connects to one of the person's pods step by step; what fails is an answer.
 *
 * @throws UserError 'not-configured', 'bad-argument', ... when it is not known where the pod is
 */
export async function diagnosePod(
  options: Pick<OrchestratorPorts, 'askPassphrase' | 'askApiKey'> & {
    readonly pod?: string;
    readonly home?: string;
    readonly signal?: AbortSignal;
  },
): Promise<Diagnosis & { readonly pod: string }> {
  const home = new Home(options.home);
  const { name, entry } = await home.pod(options.pod);
  const { knownHostsFile } = home;
  const base = { name, hostKeys: entry.hostKeys, knownHostsFile, askPassphrase: options.askPassphrase };
  return { pod: name, ...(await diagnose(await podOptions(entry, base, podFinder(options.askApiKey)), options.signal)) };
}
