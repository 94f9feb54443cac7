import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile, access, symlink } from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '../core/errors.ts';
import { isAlive } from './processes.ts';

/** How one local sshd is set up (sshd_config(5)). */
export interface SshdSetup {
  /** Holds keys, config and log; the caller made it. */
  readonly folder: string;
  readonly port: number;
  /** Variables of every session. */
  readonly environment: Readonly<Record<string, string>>;
  readonly sftp: boolean;
  /** Runs this instead of any command (ForceCommand). */
  readonly forceCommand?: string;
  readonly maxSessions: number;
  readonly acceptKeys: boolean;
}

export const files = {
  hostKey: 'host_key',
  clientKey: 'client_key',
  authorizedKeys: 'authorized_keys',
  config: 'sshd_config',
  log: 'sshd.log',
} as const;

const whatToInstall = "Install it with `apt-get install openssh-server python3 python3-venv` (Debian, Ubuntu), or your system's own way.";

/**
 * Starts sshd as an ordinary process of this user, in a process group of its own, and waits until it greets.
 *
 * @returns its pid.
 * @throws UserError 'unsupported' when there is no sshd here, 'remote-failed' when it does not start.
 */
export async function startSshd(setup: SshdSetup): Promise<number> {
  const program = await findProgram(['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd', '/opt/homebrew/sbin/sshd']);
  if (process.platform === 'win32' || program === undefined) {
    const why =
      process.platform === 'win32'
        ? 'The practice pod needs sshd, python3 and POSIX tools, which Windows has only inside WSL. Open the project in WSL.'
        : `There is no sshd on this machine. ${whatToInstall}`;
    throw new UserError('unsupported', why);
  }
  // Where Debian's sshd, run as root, wants its empty privilege-separation folder; a service manager would make it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 }).catch(() => {});
  const configFile = join(setup.folder, files.config);
  const logFile = join(setup.folder, files.log);
  await writeFile(configFile, sshdConfig(setup));
  await rm(logFile, { force: true });
  // sshd runs itself again for each connection, so it insists on an absolute path.
  const child = spawn(program, ['-D', '-f', configFile, '-E', logFile], { detached: true, stdio: 'ignore', cwd: '/' });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  child.unref();
  const pid = child.pid ?? (await failed);
  failed.catch(() => {});
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 25) {
    if (await greets(setup.port)) return pid;
    if (!isAlive(pid) || child.exitCode !== null) break;
    await delay(25);
  }
  const log = await readFile(logFile, 'utf8').catch(() => '');
  throw new UserError(
    'remote-failed',
    `sshd did not start on port ${setup.port}: ${log.trim().split('\n').slice(-3).join(' ') || 'it said nothing'}. Its configuration is ${configFile}.`,
  );
}

/** Whether something on that local port speaks SSH. */
export function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket({ host: '127.0.0.1', port });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => done(false));
    socket.once('data', (data) => done(data.toString('latin1').startsWith('SSH-2.0')));
    socket.once('error', () => done(false));
    socket.once('end', () => done(false));
  });
}

/** A port nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Puts a `python` beside `python3`, as pods have it. @throws UserError 'unsupported' without python3. */
export async function providePython(binFolder: string): Promise<string> {
  const python = await findProgram(['/usr/bin/python3', ...(process.env.PATH ?? '').split(':').map((folder) => join(folder, 'python3'))]);
  if (python === undefined) throw new UserError('unsupported', `There is no python3 on this machine. ${whatToInstall}`);
  await mkdir(binFolder, { recursive: true });
  for (const name of ['python', 'python3']) await symlink(python, join(binFolder, name)).catch(() => {});
  return python;
}

async function findProgram(candidates: readonly string[]): Promise<string | undefined> {
  for (const path of candidates) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

function sshdConfig(setup: SshdSetup): string {
  const at = (name: string) => quoted(join(setup.folder, name));
  const environment = Object.entries(setup.environment).map(([name, value]) => quoted(`${name}=${value}`));
  return [
    `Port ${setup.port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at(files.hostKey)}`,
    `AuthorizedKeysFile ${setup.acceptKeys ? at(files.authorizedKeys).replaceAll('%', '%%') : 'none'}`,
    'PidFile none',
    'UsePAM no', // needs no root, and no session bookkeeping of the real machine
    'StrictModes no', // the folder may lie below a group-writable one
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    `AllowUsers ${userInfo().username}`,
    'UseDNS no',
    'PrintMotd no',
    'MaxStartups 100',
    `MaxSessions ${setup.maxSessions}`,
    ...(setup.sftp ? ['Subsystem sftp internal-sftp'] : []),
    ...(setup.forceCommand === undefined ? [] : [`ForceCommand ${setup.forceCommand}`]),
    `SetEnv ${environment.join(' ')}`, // only the first SetEnv line counts
    'LogLevel VERBOSE',
    '',
  ].join('\n');
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
