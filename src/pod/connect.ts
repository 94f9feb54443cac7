import { resolve } from 'node:path';
import type { Event } from '../core/event.ts';
import { messageOf, UserError } from '../core/errors.ts';
import { isRunpodProxy, proxyAdvice } from '../core/runpodProxy.ts';
import { quote } from '../core/shell.ts';
import { ChannelPool } from './channelPool.ts';
import type { Connection } from './connection.ts';
import { getEmptyFolders, makeFolders } from './emptyFolders.ts';
import { exec } from './exec.ts';
import { getFile, getFiles } from './getFiles.ts';
import { hashThenPut } from './hashThenPut.ts';
import { hashFiles, listFiles } from './lookFiles.ts';
import { Link, orAborted } from './link.ts';
import type {
  ExecOptions,
  ExecResult,
  FileToPut,
  FileToRemove,
  GotFile,
  HashOptions,
  ListOptions,
  Pod,
  PodOptions,
  PodState,
  PutAfterHash,
  PutFile,
  PutOptions,
  RemoteFile,
  TransferOptions,
} from './pod.ts';
import { putFiles } from './putFiles.ts';
import { removeFiles } from './removeFiles.ts';
import { openShell, type Shell, type ShellOptions } from './shell.ts';
import { NoShell } from './warmChannel.ts';

/**
 * The pod at an address. Nothing is connected yet: the first call does that.
 *
 * @throws UserError 'interactive-only' for RunPod's proxy.
 */
export function connectPod(options: PodOptions): SshPod {
  const proxy = proxyError(options.host);
  if (proxy) throw proxy;
  return new SshPod(options);
}

/** RunPod's proxy lets people in, and nothing that works for them. */
export function proxyError(host: string): UserError | null {
  return isRunpodProxy(host) ? new UserError('interactive-only', proxyAdvice) : null;
}

/** A Pod over one SSH connection, and more when the server asks for it. */
export class SshPod implements Pod {
  readonly name: string;
  readonly onState: Event<PodState>;
  private readonly link: Link;
  private readonly pool: ChannelPool;

  constructor(options: PodOptions) {
    this.name = options.name ?? `${options.user ?? 'root'}@${options.host}:${options.port ?? 22}`;
    this.link = new Link(options, this.name);
    this.onState = this.link.onState;
    this.pool = new ChannelPool(this.link, options.log ?? (() => {}), options.warmSessions);
  }

  get state(): PodState {
    return this.link.state;
  }

  /** Connects now rather than at the first call, and opens warm channels. Throws what connecting throws. */
  async connect(signal?: AbortSignal): Promise<void> {
    await this.link.get(signal);
    this.pool.park();
  }

  exec(command: string, options?: ExecOptions): Promise<ExecResult> {
    return exec(this.pool, command, options);
  }

  putFiles(files: readonly FileToPut[], options?: PutOptions): Promise<readonly PutFile[]> {
    return this.orBySftp(
      () => putFiles(this.pool, files, options),
      (connection, sftp) => sftp.putBySftp(connection, files, options),
    );
  }

  getFile(remotePath: string, localPath: string, options?: TransferOptions): Promise<GotFile> {
    return this.orBySftp(
      () => getFile(this.pool, remotePath, localPath, options),
      (connection, sftp) => sftp.getBySftp(connection, remotePath, resolve(localPath), options),
    );
  }

  getFiles(
    remoteFolder: string,
    relativePaths: readonly string[],
    localFolder: string,
    options?: TransferOptions,
  ): Promise<readonly GotFile[]> {
    return getFiles(this.pool, remoteFolder, relativePaths, localFolder, options);
  }

  listFiles(remoteFolder: string, options?: ListOptions): Promise<readonly RemoteFile[]> {
    return listFiles(this.pool, remoteFolder, options);
  }

  getEmptyFolders(
    remoteFolder: string,
    localFolder: string,
    options?: { readonly signal?: AbortSignal; readonly wants?: (path: string) => boolean },
  ): Promise<void> {
    return getEmptyFolders(this.pool, remoteFolder, localFolder, options);
  }

  makeFolders(remotePaths: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void> {
    return makeFolders(this.pool, remotePaths, options);
  }

  removeFiles(files: readonly FileToRemove[], options?: { readonly signal?: AbortSignal }): Promise<readonly string[]> {
    return removeFiles(this.pool, files, options);
  }

  hashFiles(remotePaths: readonly string[], options?: HashOptions): Promise<ReadonlyMap<string, string | null>> {
    return hashFiles(this.pool, remotePaths, options);
  }

  hashThenPut(
    remotePaths: readonly string[],
    next: () => Promise<PutAfterHash | undefined>,
    options?: HashOptions,
  ): Promise<{ readonly hashes: ReadonlyMap<string, string | null>; readonly put?: readonly PutFile[] }> {
    return hashThenPut(this.pool, remotePaths, next, options);
  }

  async isFolder(remotePath: string, options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
    return this.orBySftp(
      async () => (await this.exec(`[ -d ${quote(remotePath)} ]`, { ...options, readOnly: true })).exitCode === 0,
      (connection, sftp) => sftp.isFolderBySftp(connection, remotePath, options.signal),
    );
  }

  async openShell(options: ShellOptions): Promise<Shell> {
    return openShell(await this.link.get(), options);
  }

  async trySftp(signal?: AbortSignal): Promise<string | null> {
    try {
      const connection = await this.link.get(signal);
      const sftp = await orAborted(connection.openSftp(), signal, () => new UserError('cancelled', 'not waited for'));
      sftp.end();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A machine that runs no commands may still take files by SFTP; loaded only then. */
  private async orBySftp<T>(
    work: () => Promise<T>,
    bySftp: (connection: Connection, sftp: typeof import('./sftpFiles.ts')) => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof NoShell)) throw error;
      const [connection, sftp] = await Promise.all([this.link.get(), import('./sftpFiles.ts')]);
      try {
        return await bySftp(connection, sftp);
      } catch (failure) {
        throw failure instanceof sftp.NoSftp ? error : failure;
      }
    }
  }

  dispose(): void {
    this.pool.dispose();
    this.link.dispose();
  }
}
