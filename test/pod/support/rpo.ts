import { spawn } from 'node:child_process';
import { join } from 'node:path';

const cli = join(import.meta.dirname, '../../../dist/cli.js');

export interface RpoResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON lines. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

export interface RpoOptions {
  readonly cwd: string;
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** A shell line that runs rpo as "$@". */
  readonly shell?: string;
  /** Called with all of stdout so far; may send a signal. */
  readonly onStdout?: (all: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs the built `rpo` as a person's shell would. */
export function rpo(args: readonly string[], options: RpoOptions): Promise<RpoResult> {
  return new Promise((resolve, reject) => {
    const [program, ...words] =
      options.shell === undefined ? [process.execPath, cli, ...args] : ['sh', '-c', options.shell, 'sh', process.execPath, cli, ...args];
    const child = spawn(program ?? '', words, {
      cwd: options.cwd,
      // No agent and no HOME of the machine's user: what is found there must not decide a test.
      env: { PATH: process.env['PATH'], HOME: options.home, RPO_HOME: options.home, NO_COLOR: '1', ...options.env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onStdout?.(stdout, (signal) => child.kill(signal));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (exitCode) => {
      const lines = stdout
        .split('\n')
        .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Readonly<Record<string, unknown>>] : []));
      resolve({ exitCode, stdout, stderr, lines });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
  });
}
