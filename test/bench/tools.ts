import { type ChildProcess, execFile, fork, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PracticePod } from '../../src/practice/practicePod.ts';

/** What people use, with one warm master connection, as each tool is told to. */
export interface Peers {
  readonly host: string;
  readonly port: string;
  /** Arguments of ssh, the destination last. */
  readonly ssh: readonly string[];
  /** The same for scp, sftp and rsync -e. */
  readonly options: readonly string[];
  readonly shell: string;
  close(): Promise<void>;
}

export const run = promisify(execFile);

/** Which of the peers this machine has. */
export async function findTools(names: readonly string[]): Promise<ReadonlySet<string>> {
  const there = await Promise.all(
    names.map((name) =>
      run('sh', ['-c', `command -v ${name}`]).then(
        () => name,
        () => undefined,
      ),
    ),
  );
  return new Set(there.filter((name) => name !== undefined));
}

export async function startPeers(practice: PracticePod, port: number, folder: string): Promise<Peers> {
  const options = [
    ...['-i', practice.identityFile, '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...['-o', 'LogLevel=ERROR', '-o', `ControlPath=${join(folder, `cm-${port}`)}`, '-F', '/dev/null'],
  ];
  const host = `${practice.user}@127.0.0.1`;
  const ssh = [...options, '-p', String(port), host];
  const master = spawn('ssh', ['-M', '-N', ...ssh], { stdio: 'ignore' });
  for (let attempt = 0; ; attempt++) {
    try {
      await run('ssh', ['-O', 'check', ...ssh]);
      break;
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    host,
    port: String(port),
    ssh,
    options,
    shell: ['ssh', ...options, '-p', String(port)].join(' '),
    async close() {
      await run('ssh', ['-O', 'exit', ...ssh]).catch(() => {});
      master.kill();
    },
  };
}

/** A line with that round trip and that rate (bytes a second, 0: unlimited) in front of a local port. */
export function startLine(targetPort: number, roundTripMs: number, bytesPerS: number): Promise<{ readonly port: number; stop(): void }> {
  const child: ChildProcess = fork(join(__dirname, 'proxyProcess.ts'), [targetPort, roundTripMs, bytesPerS].map(String), {
    execArgv: ['--import', 'tsx'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('message', (port) => resolve({ port: Number(port), stop: () => void child.kill() }));
  });
}
