import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { utils } from 'ssh2';
import { UserError } from '../core/errors.ts';
import { fingerprintOf, hostKeyOf } from '../pod/hostKeys.ts';
import type { PodOptions } from '../pod/pod.ts';
import { isAlive, listProcesses, signal } from './processes.ts';
import { files, freePort, greets, providePython, startSshd, type SshdSetup } from './sshd.ts';

export interface PracticeOptions {
  /** Where it lives; default a new temporary folder. One that was used before keeps its keys, so it is the same pod again. */
  readonly folder?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Goes on after this process ends; `findPracticePod(folder)` finds it again. Default false. */
  readonly keepAlive?: boolean;
  /** More variables for every session. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Default true. */
  readonly sftp?: boolean;
  /** Runs this instead of any command, as restricted machines do. */
  readonly forceCommand?: string;
  /** Sessions a connection; default sshd's own 10. */
  readonly maxSessions?: number;
  readonly log?: (line: string) => void;
}

/** What practice.json holds: enough to find, use and stop the pod from another process. */
interface State {
  readonly pid: number;
  /** Value of RPO_PRACTICE_POD in everything that was started through it. */
  readonly id: string;
  readonly setup: Omit<SshdSetup, 'folder'>;
}

const stateFile = 'practice.json';
const marker = 'RPO_PRACTICE_POD';

/**
 * A pod on this machine: a real sshd, run by hand as an ordinary process of this user on 127.0.0.1, with keys of its
 * own, and a folder `workspace` that stands for a pod's /workspace.
 *
 * @throws UserError 'unsupported' where there is no sshd or python3 (and on Windows), saying what to install.
 */
export async function startPracticePod(options: PracticeOptions = {}): Promise<PracticePod> {
  const folder = options.folder === undefined ? await mkdtemp(join(tmpdir(), 'rpo-practice-')) : resolve(options.folder);
  const already = options.folder === undefined ? undefined : await findPracticePod(folder, options.log);
  if (already) return already;
  try {
    await Promise.all([mkdir(join(folder, 'workspace'), { recursive: true }), mkdir(join(folder, 'home'), { recursive: true })]);
    await providePython(join(folder, 'bin'));
    await makeKey(folder, files.hostKey);
    await writeFile(join(folder, files.authorizedKeys), (await makeKey(folder, files.clientKey)) + '\n');
    const id = randomBytes(9).toString('base64url');
    for (let attempt = 1; ; attempt++) {
      const setup = {
        port: options.port ?? (await freePort()),
        sftp: options.sftp ?? true,
        maxSessions: options.maxSessions ?? 10,
        ...(options.forceCommand === undefined ? {} : { forceCommand: options.forceCommand }),
        acceptKeys: true,
        environment: {
          PATH: `${join(folder, 'bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
          // A home of its own: caches and dot files of what is tried out must not reach the person's.
          HOME: join(folder, 'home'),
          ...options.environment,
          [marker]: id,
        },
      };
      try {
        const pod = new PracticePod(folder, { pid: await startSshd({ ...setup, folder }), id, setup }, options.log);
        await pod.save();
        if (!options.keepAlive) pod.endWithThisProcess();
        options.log?.(`practice pod: sshd ${setup.port} in ${folder}`);
        return pod;
      } catch (error) {
        // Another process may have taken the free port in between.
        if (options.port !== undefined || attempt === 3 || (error as UserError).reason === 'unsupported') throw error;
      }
    }
  } catch (error) {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The practice pod that runs in that folder, started by whatever process; undefined when none does. */
export async function findPracticePod(folder: string, log?: (line: string) => void): Promise<PracticePod | undefined> {
  const text = await readFile(join(folder, stateFile), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const state = JSON.parse(text) as State;
  return isAlive(state.pid) && (await greets(state.setup.port)) ? new PracticePod(resolve(folder), state, log) : undefined;
}

export class PracticePod {
  readonly host = '127.0.0.1';
  readonly user = userInfo().username;
  private readonly atExit = () => {
    signal(-this.state.pid, 'SIGKILL');
  };

  constructor(
    readonly folder: string,
    private state: State,
    private readonly log: ((line: string) => void) | undefined,
  ) {}

  get port(): number {
    return this.state.setup.port;
  }

  /** Stands for /workspace. */
  get workspace(): string {
    return join(this.folder, 'workspace');
  }

  get identityFile(): string {
    return join(this.folder, files.clientKey);
  }

  /** `SHA256:…` of its host key. */
  async hostFingerprint(): Promise<string> {
    const line = await readFile(join(this.folder, `${files.hostKey}.pub`), 'utf8');
    return fingerprintOf(hostKeyOf(Buffer.from(line.split(' ')[1] ?? '', 'base64')));
  }

  /** For `connectPod`. */
  get podOptions(): PodOptions {
    return {
      name: 'practice',
      host: this.host,
      port: this.port,
      user: this.user,
      identityFile: this.identityFile,
      agent: false,
      knownHostsFile: join(this.folder, 'known_hosts'),
    };
  }

  /**
   * Makes `<workspace>/venv`, once. It sees the system's packages, as on a pod, where torch lives there too.
   *
   * @returns its folder.
   * @throws UserError 'unsupported' when python3 has no venv module.
   */
  async prepareVenv(): Promise<string> {
    const venv = join(this.workspace, 'venv');
    if (await exists(join(venv, 'bin', 'activate'))) return venv;
    const python = await providePython(join(this.folder, 'bin'));
    // pip, and what it asks for its user agent (rustc), leave things in a home.
    const env = { ...process.env, HOME: join(this.folder, 'home') };
    const make = (more: readonly string[]) => promisify(execFile)(python, ['-m', 'venv', '--system-site-packages', ...more, venv], { env });
    try {
      // Debian splits ensurepip off into python3-venv; training needs no pip.
      await make([]).catch(() => make(['--without-pip', '--clear']));
    } catch (error) {
      throw new UserError(
        'unsupported',
        'python3 on this machine cannot make a virtual environment. Install it with `apt-get install python3-venv` (Debian, Ubuntu).',
        { cause: error },
      );
    }
    return venv;
  }

  /** Cuts every connection, as a network does: what runs goes on, and new connections are taken. */
  async killConnections(): Promise<void> {
    for (const { pid } of await this.servers()) if (pid !== this.state.pid) signal(pid, 'SIGKILL');
  }

  /** Ends sshd and its connections, but nothing that was started through it, and none of its files. */
  async goDown(): Promise<void> {
    const servers = await this.servers();
    for (const { pid } of servers) signal(pid, 'SIGKILL');
    await gone([this.state.pid, ...servers.map(({ pid }) => pid)]);
  }

  /** Goes down and comes up again, on the same port unless told otherwise. */
  async restart(
    changes: {
      readonly port?: number;
      readonly newHostKey?: boolean;
      readonly acceptKeys?: boolean;
      readonly sftp?: boolean;
      readonly maxSessions?: number;
      /** Added to, or in place of, the variables of every session. */
      readonly environment?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<void> {
    await this.goDown();
    const { newHostKey, environment, ...rest } = changes;
    if (newHostKey) {
      await rm(join(this.folder, files.hostKey));
      await makeKey(this.folder, files.hostKey);
    }
    const setup = { ...this.state.setup, ...rest, environment: { ...this.state.setup.environment, ...environment } };
    this.state = { ...this.state, setup, pid: await startSshd({ ...setup, folder: this.folder }) };
    await this.save();
  }

  /** Ends sshd and every process that was started through it, detached ones too, and removes the folder unless told to keep it. */
  async stop(options: { readonly keepFolder?: boolean } = {}): Promise<void> {
    process.off('exit', this.atExit);
    await this.goDown();
    // A process may start another between the look and the signal, so look again until there is none.
    for (;;) {
      const started = await this.started();
      if (started.length === 0) break;
      for (const pid of started) signal(pid, 'SIGKILL');
      await gone(started);
    }
    if (options.keepFolder) await rm(join(this.folder, stateFile), { force: true });
    else await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
    this.log?.(`practice pod: stopped`);
  }

  /** Pids of everything alive that was started through it. */
  async started(): Promise<readonly number[]> {
    const mark = `${marker}=${this.state.id}`;
    return (await listProcesses())
      .filter(({ environment, pid }) => pid !== process.pid && environment.includes(mark))
      .map(({ pid }) => pid);
  }

  /** Writes practice.json. */
  async save(): Promise<void> {
    await writeFile(join(this.folder, stateFile), JSON.stringify(this.state, undefined, 2), { mode: 0o600 });
  }

  /** A test that is killed must not leave sshd behind. */
  endWithThisProcess(): void {
    process.once('exit', this.atExit);
  }

  /** sshd itself and the sshd processes of its connections: a listener's children, and theirs that carry no session's mark. */
  private async servers(): Promise<readonly { readonly pid: number }[]> {
    const all = await listProcesses();
    const mark = `${marker}=${this.state.id}`;
    const found = new Set([this.state.pid]);
    for (let size = 0; size !== found.size;) {
      size = found.size;
      for (const { pid, parent, environment } of all) if (found.has(parent) && !environment.includes(mark)) found.add(pid);
    }
    return [...found].map((pid) => ({ pid }));
  }
}

/** Waits until none of them is alive; a killed process is gone at once or within the time its parent takes to notice. */
async function gone(pids: readonly number[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5000 && (await aliveOf(pids)).length > 0; waitedMs += 10) await delay(10);
}

async function aliveOf(pids: readonly number[]): Promise<readonly number[]> {
  const alive = pids.filter(isAlive);
  if (alive.length === 0 || process.platform !== 'linux') return alive;
  // In a container without an init nobody reaps an orphan: a zombie answers to signal 0 and is dead all the same.
  const states = await Promise.all(alive.map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ')  Z')));
  return alive.filter((_, index) => !/\)\s+Z/.test(states[index] ?? ''));
}

/** ssh2 writes about one key in a hundred so that neither it nor OpenSSH can read it back; such a one is thrown away. */
export function generateKey(passphrase?: string): { readonly public: string; readonly private: string } {
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519', {
      comment: 'practice pod',
      ...(passphrase && { passphrase, cipher: 'aes256-ctr', rounds: 4 }),
    });
    if (!(utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
}

/** An ed25519 key pair, made once; returns the public line. */
async function makeKey(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  if (await exists(path)) return (await readFile(`${path}.pub`, 'utf8')).trim();
  const pair = generateKey();
  await writeFile(path, pair.private, { mode: 0o600 });
  await writeFile(`${path}.pub`, pair.public + '\n');
  return pair.public;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
