import { join, posix, resolve } from 'node:path';
import { UserError } from '../core/errors.ts';
import { Deployer, type DeployOptions, type DeployReport } from '../deploy/deploy.ts';
import { checkSize, type SizeLimits } from '../deploy/guard.ts';
import { Ledger } from '../deploy/ledger.ts';
import { RememberedHashes } from '../deploy/rememberedHashes.ts';
import type { TransferOptions } from '../pod/pod.ts';
import { expandPreset, listDeployable, listTree } from '../project/files.ts';
import { projectSchema } from '../project/schema.ts';
import type { ProjectOnPod } from './projectOnPod.ts';

export interface FolderOptions extends TransferOptions {
  /** gitignore syntax. */
  readonly exclude?: readonly string[];
  /** What an upload may send without being asked twice; default: as a deploy. */
  readonly limits?: SizeLimits;
}

/** Files between here and the pod: deployed, uploaded, fetched by name. */
export class ProjectFiles {
  private readonly deployer: Deployer;

  /** @param stateFolder where it is kept here what was deployed, and what hashes files have */
  constructor(
    private readonly on: ProjectOnPod,
    stateFolder: string,
  ) {
    const { project, pod, remoteRoot } = on;
    const hashes = {
      local: new RememberedHashes(stateFolder, ['local', project.root]),
      pod: new RememberedHashes(stateFolder, ['pod', pod.name, remoteRoot]),
    };
    this.deployer = new Deployer(pod, on.map, new Ledger(stateFolder, pod.name, remoteRoot), hashes, on.may);
  }

  /** Puts one file on the pod, atomically and verified, mode 644. `remote`: absolute, or below the remote root; default: the file's place in the project. */
  async upload(
    local: string,
    remote?: string,
    options: TransferOptions = {},
  ): Promise<{ readonly remotePath: string; readonly bytes: number; readonly sha256: string; readonly reused: boolean }> {
    const localPath = resolve(this.on.project.root, local);
    const remotePath = this.targetOf(local, remote);
    const [put] = await this.deployer.upload([{ source: { localPath }, remotePath }], options);
    if (!put) throw new UserError('remote-failed', `The pod did not confirm ${remotePath}. Try again.`);
    return put;
  }

  /**
   * Fetches one file; written beside its target, verified, renamed.
   *
   * @param remote absolute, or below the remote root
   * @param local absolute, or below the project's folder
   * @throws UserError 'remote-missing', 'remote-denied', 'local-failed', 'transfer-corrupt', 'cancelled', and what connecting throws
   */
  async download(
    remote: string,
    local: string,
    options: TransferOptions = {},
  ): Promise<{ readonly localPath: string; readonly bytes: number; readonly sha256: string }> {
    const target = resolve(this.on.project.root, local);
    await this.on.may.mayWriteLocal?.(target);
    const got = await this.on.pod.getFile(this.on.remotePath(remote), target, options);
    await this.deployer.fetched([got]);
    return got;
  }

  /**
   * Puts a folder's files on the pod, all or none; what the pod has already is not sent again, nothing is deleted there.
   *
   * @param remote absolute, or below the remote root; default: the folder's place in the project
   * @throws UserError 'outside-project' for a folder that has no such place, 'local-missing' when it holds no files, 'remote-full', ...
   */
  async uploadFolder(local: string, remote?: string, options: FolderOptions = {}): Promise<DeployReport> {
    const folder = resolve(this.on.project.root, local);
    const target = this.targetOf(local, remote);
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

  /** Whether there is a folder at this path on the pod, absolute or below the remote root. */
  async isFolder(remote: string, signal?: AbortSignal): Promise<boolean> {
    return this.on.pod.isFolder(this.on.remotePath(remote), { signal });
  }

  /**
   * Puts these files of the project on the pod: all, or none.
   *
   * @param files below the project, or absolute; folders are not taken
   * @param options.force replace copies that changed on the pod since the last deploy; default false
   * @throws UserError 'remote-changed' for such a copy (nothing is touched), 'local-missing', 'outside-project', 'remote-full', ...
   */
  async deploy(files: readonly string[], options: DeployOptions = {}): Promise<DeployReport> {
    return this.deployer.deploy(files, options);
  }

  /**
   * Deploys a preset of runpod.json.
   *
   * @throws UserError 'bad-argument' for a name that is not there, and as deploy()
   */
  async deployPreset(name: string, options: DeployOptions = {}): Promise<DeployReport> {
    return this.deployer.deploy(await expandPreset(this.on.project, name, options.signal), options);
  }

  /** Deploys what changed; an empty report when the pod is up to date. */
  async deployChanged(options: DeployOptions = {}): Promise<DeployReport> {
    const startedAt = Date.now();
    const { files, emptyFolders } = await listTree(this.on.project, options.signal);
    const paths = files.map(({ path }) => path);
    const [report] = await Promise.all([
      paths.length === 0 ? { files: [] } : this.deployer.deployChanged(paths, options),
      this.deployer.makeFolders(
        emptyFolders.map((path) => posix.join(this.on.remoteRoot, path)),
        options.signal,
      ),
    ]);
    return { ...report, milliseconds: Date.now() - startedAt };
  }

  /** Deploys these files, or all that changed when none is named. */
  async deployAny(files: readonly string[], options: DeployOptions): Promise<DeployReport> {
    return files.length > 0 ? this.deployer.deploy(files, options) : this.deployChanged(options);
  }

  /** Files of the project that may be deployed, below the project, POSIX separators. */
  async deployable(signal?: AbortSignal): Promise<readonly string[]> {
    const files = await listDeployable(this.on.project, signal);
    return files.map((file) => file.path);
  }

  /** Those of them that the pod lacks or has otherwise. */
  async changed(signal?: AbortSignal): Promise<readonly string[]> {
    const files = await this.deployable(signal);
    return files.length === 0 ? [] : this.deployer.changed(files, signal);
  }

  /** What was deployed from here and is no file of the project any more, below the project. */
  async gone(signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.deployer.gone(await this.deployable(signal))).map(({ path }) => path);
  }

  /** Deletes those on the pod, unless one changed there; gives what was deleted, below the project. */
  async removeGone(signal?: AbortSignal): Promise<readonly string[]> {
    return this.deployer.removeGone(await this.deployable(signal), signal);
  }

  /** SHA-256 of everything last deployed from here, by path below the project. */
  async deployedSources(): Promise<Readonly<Record<string, string>>> {
    return this.deployer.deployedSources();
  }

  /** Files that came from the pod: what is here as it is there counts as deployed. */
  async fetched(files: Parameters<Deployer['fetched']>[0]): Promise<void> {
    await this.deployer.fetched(files);
  }

  /** Where an upload goes, absolute on the pod. */
  private targetOf(local: string, remote: string | undefined): string {
    if (remote !== undefined) return this.on.remotePath(remote);
    const target = this.on.map.toRemote(resolve(this.on.project.root, local));
    if (target !== null) return target;
    throw new UserError(
      'outside-project',
      `${local} is not below the project folder ${this.on.project.root}. Say where it should go on the pod.`,
    );
  }
}
