import type { Disposable } from '../core/disposable.ts';
import type { Event } from '../core/event.ts';
import type { Shell, ShellOptions } from './shell.ts';

/**
 * One machine over SSH, as the other rooms see it. All paths on the pod are absolute POSIX paths and may hold any
 * character but NUL. Every promise here rejects with a UserError when a user could have caused or can mend it.
 */
export interface Pod extends Disposable {
  /** The pod's name in pods.json, or `user@host:port`. */
  readonly name: string;

  readonly state: PodState;
  readonly onState: Event<PodState>;

  /**
   * Runs one `sh` command line and waits for its exit status *and* the end of both streams.
   * A cancelled or timed-out command is ended on the pod (its whole process group), then rejects.
   *
   * @throws UserError 'timeout', 'cancelled', 'connection-lost', and what connecting throws.
   */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;

  /**
   * Puts a set of files in place: all or none. Each is written beside its target, its SHA-256 compared on the pod,
   * then renamed over it, so a reader never sees half a file and a failed set leaves every old file as it was.
   * Missing directories are made.
   *
   * @throws UserError 'remote-changed' when a file's `expected` does not hold (nothing is touched; `details.files`
   *   lists the remote paths), 'remote-full', 'remote-denied', 'transfer-corrupt', 'local-missing', ...
   */
  putFiles(files: readonly FileToPut[], options?: PutOptions): Promise<readonly PutFile[]>;

  /**
   * Fetches one file. It is written beside its target, verified by SHA-256, then renamed.
   *
   * @throws UserError 'remote-missing', 'remote-denied', 'local-failed', 'transfer-corrupt', ...
   */
  getFile(remotePath: string, localPath: string, options?: TransferOptions): Promise<GotFile>;

  /**
   * Fetches a set of files below one remote folder into a local one (relative POSIX paths, as `listFiles` gives them),
   * each verified and renamed as by `getFile`, without a round trip for each.
   * Never writes outside `localFolder`, whatever the pod calls its files.
   */
  getFiles(
    remoteFolder: string,
    relativePaths: readonly string[],
    localFolder: string,
    options?: TransferOptions,
  ): Promise<readonly GotFile[]>;

  /**
   * Files below a folder, relative POSIX paths; [] if the folder is not there. A symbolic link counts as what it leads to,
   * as with `scp -r` and `rsync -L`; one that leads nowhere, or to a folder it lies in, counts as nothing.
   *
   * @throws UserError 'remote-missing' when the folder must exist and does not; 'remote-denied'
   */
  listFiles(remoteFolder: string, options?: ListOptions): Promise<readonly RemoteFile[]>;

  /**
   * Makes here, below `localFolder`, the folders that hold nothing below a folder of the pod. Never outside `localFolder`.
   *
   * @param options.wants which of them, by relative POSIX path; default: all
   */
  getEmptyFolders(
    remoteFolder: string,
    localFolder: string,
    options?: { readonly signal?: AbortSignal; readonly wants?: (path: string) => boolean },
  ): Promise<void>;

  /**
   * Makes these folders and those above them, as far as they are missing.
   *
   * @throws UserError 'remote-denied', 'remote-failed' where there is a file of that name, ...
   */
  makeFolders(remotePaths: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void>;

  /**
   * Deletes files that are what they are thought to be: all of them, or none. One that is gone already counts as deleted; a folder
   * that is empty with it goes, too. One round trip.
   *
   * @returns the paths that were deleted now
   * @throws UserError 'remote-changed' when one is something else (nothing is touched; `details.files` lists the paths), 'remote-denied'
   */
  removeFiles(files: readonly FileToRemove[], options?: { readonly signal?: AbortSignal }): Promise<readonly string[]>;

  /** Whether there is a folder at this path, or a link that leads to one. */
  isFolder(remotePath: string, options?: { readonly signal?: AbortSignal }): Promise<boolean>;

  /** Opens an interactive shell for a person. Throws what connecting throws. */
  openShell(options: ShellOptions): Promise<Shell>;

  /** Whether SFTP answers, which nothing here needs; null, or why not. Never rejects. */
  trySftp(signal?: AbortSignal): Promise<string | null>;

  /** SHA-256 (lower-case hex) of each path, null where there is no regular file. One round trip. */
  hashFiles(remotePaths: readonly string[], options?: HashOptions): Promise<ReadonlyMap<string, string | null>>;

  /**
   * `hashFiles`, and in the same round trip `putFiles` of a set, provided that the pod has of all these paths what it is thought
   * to have. Only for a set that is worth sending in vain.
   *
   * @param next asked once, while the pod looks already; undefined: nothing is to be put
   * @returns the hashes as they were before the put; `put` is left out when nothing was put, since there was nothing to put, or
   *   the pod has something else than thought, or lacks a tool for it
   * @throws what hashFiles(), putFiles() and `next` throw
   */
  hashThenPut(
    remotePaths: readonly string[],
    next: () => Promise<PutAfterHash | undefined>,
    options?: HashOptions,
  ): Promise<{ readonly hashes: ReadonlyMap<string, string | null>; readonly put?: readonly PutFile[] }>;
}

export type PodState =
  | { readonly kind: 'idle' } // not connected yet; the first call connects
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  | { readonly kind: 'reconnecting'; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: 'lost'; readonly reason: string } // gave up; the next call tries again
  | { readonly kind: 'closed' };

export interface ExecOptions {
  /** Bytes for the command's stdin, which is closed after them; without it stdin is empty. */
  readonly stdin?: Uint8Array | string | AsyncIterable<Uint8Array>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called with each chunk as it arrives, in order; all calls are made before exec settles. */
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Keep nothing in the result for streams that have a listener (long or endless output). Default false. */
  readonly discardOutput?: boolean;
  /** The command changes nothing, so that after a lost connection it may simply be run again. Default false. */
  readonly readOnly?: boolean;
}

export interface ExecResult {
  /** 128 + signal number when a signal ended it, as a shell reports it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FileToPut {
  readonly source: { readonly localPath: string } | { readonly content: Uint8Array };
  readonly remotePath: string;
  /** Permission bits; default 0o644. */
  readonly mode?: number;
  /**
   * What the pod's copy must be now for the file to be replaced: a SHA-256, `null` for "must not exist",
   * several for "any of these". Left out: replace whatever is there. A copy that already equals the source always passes.
   */
  readonly expected?: string | null | readonly (string | null)[];
  /** SHA-256 of the copies that we may have put there: replacing one loses nothing. See `PutOptions.keepStrangers`. */
  readonly ours?: readonly string[];
}

export interface FileToRemove {
  readonly remotePath: string;
  /** The SHA-256 that it must have. */
  readonly expected: string;
}

export interface PutFile {
  readonly remotePath: string;
  readonly sha256: string;
  readonly bytes: number;
  /** False when the pod already had these very bytes. */
  readonly changed: boolean;
  /** It replaced a copy that was not ours, which is kept as `PutOptions.keepStrangers` says. */
  readonly replacedStranger: boolean;
  /** The bytes were on the pod under another name and were taken from there, not sent. See `PutOptions.cache`. */
  readonly reused: boolean;
}

export interface GotFile {
  readonly remotePath: string;
  readonly localPath: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface ListOptions {
  readonly signal?: AbortSignal;
  /** A folder that is not there is an error rather than empty. */
  readonly mustExist?: boolean;
}

export interface HashOptions {
  readonly signal?: AbortSignal;
  /** What is known from before: a file that has not been touched since is not read again. What is learnt goes there, too. */
  readonly memory?: HashMemory;
}

/** The SHA-256 that a file had while it had a certain stamp: its size, times and inode in some writing. */
export interface HashedFile {
  readonly stamp: string;
  readonly sha256: string;
}

/** Remembers hashes by path. */
export interface HashMemory {
  get(path: string): HashedFile | undefined;
  set(path: string, hashed: HashedFile): void;
}

export interface RemoteFile {
  /** Relative to the folder that was listed; POSIX separators. */
  readonly path: string;
  readonly bytes: number;
  readonly mtimeMs: number;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
}

export interface PutOptions extends TransferOptions {
  /** Called with the SHA-256 by remote path when all sources were read, before anything can be in place; waited for at the end. */
  readonly onInspected?: (hashes: ReadonlyMap<string, string>) => Promise<void>;
  /**
   * Keep copies that are replaced and are not `FileToPut.ours` below `folder`, with their paths as below `root`. The folders
   * beside `folder` are such ones too: the ten last by name stay, older ones are removed.
   */
  readonly keepStrangers?: { readonly root: string; readonly folder: string };
  /** Files of 1 MB and more that the pod has under another name are taken from there, once their hash was compared. */
  readonly cache?: {
    /** On the pod; for us alone. */
    readonly folder: string;
    /** Paths on the pod that had these bytes when they were last seen. */
    readonly pathsOf: (sha256: string) => Promise<readonly string[]>;
  };
}

/** A set to put if the pod has what it is thought to have. */
export interface PutAfterHash extends Pick<PutOptions, 'onInspected' | 'keepStrangers'> {
  readonly files: readonly FileToPut[];
  /** By remote path: SHA-256 of what the pod is thought to have now; one that is not named, or null: there is none. */
  readonly thought: ReadonlyMap<string, string | null>;
}

export interface TransferProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** How host keys are checked: remember a new one and refuse a changed one; refuse new ones too; or check nothing. */
export type HostKeyPolicy = 'accept-new' | 'strict' | 'off';

/** What is needed to reach one machine. `connectPod(options)` in connect.ts makes a Pod of it. */
export interface PodOptions {
  readonly name?: string;
  readonly host: string;
  /** Default 22. */
  readonly port?: number;
  /** Default 'root', RunPod's own. */
  readonly user?: string;
  /** Private key; `~` is expanded. Without it: the agent, then the usual names in ~/.ssh. */
  readonly identityFile?: string;
  /** Default: SSH_AUTH_SOCK; on Windows also the OpenSSH agent's pipe. `false`: use no agent. */
  readonly agent?: string | false;
  /** Default 'accept-new'. */
  readonly hostKeys?: HostKeyPolicy;
  /** OpenSSH format; ours to write. The user's own ~/.ssh/known_hosts is read as well, never written. */
  readonly knownHostsFile: string;
  /** Asked once for an encrypted key file; undefined: the user declined. */
  readonly askPassphrase?: (identityFile: string, retry: boolean) => Promise<string | undefined>;
  /** Default 15,000. */
  readonly connectTimeoutMs?: number;
  /** Default 15,000; three unanswered ones end the connection. */
  readonly keepAliveMs?: number;
  /** Where the machine is now, asked again before each reconnect (a RunPod port changes when the pod restarts). */
  readonly locate?: () => Promise<{ readonly host: string; readonly port: number }>;
  /** The name this machine is remembered under in known_hosts instead of its address, like OpenSSH's HostKeyAlias: a pod id survives a new port. */
  readonly hostKeyAlias?: string;
  /** Reach the machine through this one (OpenSSH's ProxyJump). Its known_hosts file, passphrases and log are those of this one. */
  readonly jump?: Omit<PodOptions, 'knownHostsFile'>;
  /** Sessions opened ahead of need, so that a call costs one round trip; default 2. With 0 each call opens its own. */
  readonly warmSessions?: number;
  /** How long a lost connection is tried again before giving up; 0: not at all. Default 60,000. */
  readonly reconnectForMs?: number;
  /** Diagnostics for the log channel; never secrets. */
  readonly log?: (line: string) => void;
}
