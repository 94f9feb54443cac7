import { hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Disposable } from './core/disposable.ts';
import type { PathMap } from './core/pathMap.ts';
import type { DeployOptions, DeployReport } from './deploy/deploy.ts';
import type { VerifyReport } from './doctor/check.ts';
import type { GpuStatus } from './doctor/gpuStatus.ts';
import { Locator } from './fixes/locator.ts';
import { Environment, type ExecuteOptions } from './flows/environment.ts';
import { type FolderOptions, ProjectFiles } from './flows/files.ts';
import { Findings } from './flows/findings.ts';
import { type ConnectOptions, type OpenOptions, type OrchestratorPorts, podFinder } from './flows/opening.ts';
import { Pipelines } from './flows/pipelines.ts';
import { ProjectOnPod } from './flows/projectOnPod.ts';
import { Results } from './flows/results.ts';
import { type PretrainingOptions, Training } from './flows/training.ts';
import { PipelineStore } from './pipeline/store.ts';
import { connectPod } from './pod/connect.ts';
import type { ExecResult, Pod, TransferOptions } from './pod/pod.ts';
import { podOptions } from './pod/podOptions.ts';
import { checkAddress } from './project/address.ts';
import { Home } from './project/home.ts';
import { loadProject, type PodPlaces, type Project, type TrainingRequest } from './project/project.ts';
import type { FetchReport } from './results/fetch.ts';
import type { Run } from './runs/run.ts';
import { Runs } from './runs/runs.ts';
import type { WatchedRun, WatchOptions } from './runs/watch.ts';

export type { ExecuteOptions } from './flows/environment.ts';
export type { FolderOptions } from './flows/files.ts';
export { type ConnectOptions, diagnosePod, hostKeyOfPod, type OpenOptions, type OrchestratorPorts } from './flows/opening.ts';
export type { RetrainOptions } from './flows/pipelines.ts';
export type { TrainingRequest } from './project/project.ts';
export type { RunEvent, WatchedRun, WatchOptions } from './runs/watch.ts';

/**
 * The facade of the mission: one project on one pod. Connects when first needed; every method may be called again after a
 * lost connection. All errors that a user can cause or mend are UserErrors. What scripts want most is here by
 * name; the flows have the rest.
 */
export class Orchestrator implements Disposable {
  /** The project's folder on the pod, absolute. */
  readonly remoteRoot: string;
  readonly map: PathMap;
  readonly files: ProjectFiles;
  readonly environment: Environment;
  readonly runs: Runs;
  readonly training: Training;
  readonly findings: Findings;
  readonly results: Results;
  readonly pipelines: Pipelines;

  private constructor(
    readonly project: Project,
    readonly pod: Pod,
    places: PodPlaces,
    { stateFolder }: Home,
    ports: OrchestratorPorts = {},
  ) {
    const startedBy = ports.startedBy ?? `${userInfo().username}@${hostname()}`;
    const on = new ProjectOnPod(project, pod, places, ports.may ?? {});
    const locator = new Locator(project, on.map);
    const store = new PipelineStore(pod, on.remoteRoot);
    this.remoteRoot = on.remoteRoot;
    this.map = on.map;
    this.runs = new Runs(pod, on.remoteRoot);
    this.files = new ProjectFiles(on, stateFolder);
    this.environment = new Environment(on, this.files);
    this.training = new Training(on, this.files, this.environment, this.runs, locator, { stateFolder, startedBy });
    this.findings = new Findings(on, this.files, this.environment, this.training, this.runs, locator, stateFolder);
    this.results = new Results(on, this.files, this.training, this.runs, store);
    this.pipelines = new Pipelines(on, this.training, this.results, this.runs, store, startedBy);
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

  /** ProjectFiles.upload() */
  async uploadFile(local: string, remote?: string, options: TransferOptions = {}): ReturnType<ProjectFiles['upload']> {
    return this.files.upload(local, remote, options);
  }

  /** ProjectFiles.uploadFolder() */
  async uploadDirectory(local: string, remote?: string, options: FolderOptions = {}): Promise<DeployReport> {
    return this.files.uploadFolder(local, remote, options);
  }

  /** ProjectFiles.download() */
  async downloadFile(remote: string, local: string, options: TransferOptions = {}): ReturnType<ProjectFiles['download']> {
    return this.files.download(remote, local, options);
  }

  /** Results.folder() */
  async downloadDirectory(remote: string, local: string, options: FolderOptions = {}): Promise<FetchReport> {
    return this.results.folder(remote, local, options);
  }

  /** ProjectFiles.deploy() */
  async deployFixes(files: readonly string[], options: DeployOptions = {}): Promise<DeployReport> {
    return this.files.deploy(files, options);
  }

  /** Environment.execute() */
  async executeCommand(command: string, options: ExecuteOptions = {}): Promise<ExecResult> {
    return this.environment.execute(command, options);
  }

  /** Environment.verify() */
  async verifyEnvironment(signal?: AbortSignal): Promise<VerifyReport> {
    return this.environment.verify(signal);
  }

  /** Training.run() */
  async runTraining(request: TrainingRequest, options: WatchOptions = {}): Promise<WatchedRun> {
    return this.training.run(request, options);
  }

  /** Training.pretrain() */
  async runPretraining(options: PretrainingOptions = {}): Promise<WatchedRun> {
    return this.training.pretrain(options);
  }

  /** Training.watch() */
  async monitorTraining(id: string, options: WatchOptions = {}): Promise<WatchedRun> {
    return this.training.watch(id, options);
  }

  /** Training.status() */
  async checkTrainingStatus(signal?: AbortSignal): Promise<GpuStatus & { readonly running: readonly Run[] }> {
    return this.training.status(signal);
  }

  /** Results.ofModel() */
  async downloadResults(model: string, folder: string, options: TransferOptions & { readonly seed?: number } = {}): Promise<FetchReport> {
    return this.results.ofModel(model, folder, options);
  }

  /** Results.ofPretraining() */
  async downloadPretrainedEncoder(
    folder: string,
    options: TransferOptions & { readonly stage?: string; readonly seed?: number } = {},
  ): Promise<FetchReport> {
    return this.results.ofPretraining(folder, options);
  }

  /** Results.logs() */
  async downloadLogs(folder: string, options: TransferOptions = {}): Promise<FetchReport> {
    return this.results.logs(folder, options);
  }
}
