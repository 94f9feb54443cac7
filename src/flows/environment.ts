import { UserError } from '../core/errors.ts';
import { lastLine } from '../core/lastLine.ts';
import { quote } from '../core/shell.ts';
import type { DeployOptions } from '../deploy/deploy.ts';
import type { CheckFix, VerifyReport } from '../doctor/check.ts';
import { killGpuProcess } from '../doctor/gpuStatus.ts';
import { type Installation, installPlan } from '../doctor/reinstall.ts';
import { verify } from '../doctor/verify.ts';
import type { ExecResult } from '../pod/pod.ts';
import type { Shell, ShellOptions } from '../pod/shell.ts';
import type { ProjectFiles } from './files.ts';
import type { ProjectOnPod } from './projectOnPod.ts';

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

/** The project's environment on the pod: commands in it, whether it is fit, and what makes it so. */
export class Environment {
  constructor(
    private readonly on: ProjectOnPod,
    private readonly files: ProjectFiles,
  ) {}

  /**
   * Runs one command in the project's folder and environment on the pod. Without the activate script that runpod.json names
   * it runs all the same, with a warning on stderr: how else would one look why.
   *
   * @param options.timeoutMs default: none
   * @returns its exit code, whatever it is, and all that it printed (see `discardOutput`)
   * @throws UserError 'timeout', 'cancelled', 'connection-lost', and what connecting throws
   */
  async execute(
    command: string,
    options: ExecuteOptions = {},
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
    const cwd = options.cwd === undefined ? undefined : this.on.remotePath(options.cwd);
    const setUp = this.on.setUp('warn');
    return this.run(`${setUp}\n${cwd === undefined ? '' : `cd ${quote(cwd)} || exit\n`}${command}`, options);
  }

  /** For what is not to be done outside of the environment: an install would go to another Python. */
  async executeInside(command: string, options: Omit<ExecuteOptions, 'cwd'>): Promise<ExecResult> {
    return this.run(`${this.on.setUp()}\n${command}`, options);
  }

  /** An interactive shell in the project's folder and environment. */
  async openShell(options: Omit<ShellOptions, 'setUp'>): Promise<Shell> {
    return this.on.pod.openShell({ ...options, setUp: this.on.setUp() });
  }

  /** The listeners get characters whole, also those that were cut between two chunks. */
  private async run(script: string, options: Omit<ExecuteOptions, 'cwd'>): Promise<ExecResult> {
    const stdout = options.onStdout && textFor(options.onStdout);
    const stderr = options.onStderr && textFor(options.onStderr);
    const { stdin, timeoutMs, signal, discardOutput } = options;
    const result = await this.on.pod.exec(script, {
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
  async verify(signal?: AbortSignal): Promise<VerifyReport> {
    return verify(this.on.pod, this.on.project, this.on.places, signal);
  }

  /**
   * Does what a check of verifyEnvironment() offers.
   *
   * @throws UserError 'remote-failed' with what the command said last, and what deploying throws
   */
  async repair(fix: CheckFix, options: DeployOptions & { readonly onOutput?: (text: string) => void } = {}): Promise<void> {
    if (fix.kind === 'deploy') {
      await this.files.deployAny(fix.files, options);
      return;
    }
    if (fix.kind === 'install') {
      await this.reinstall(fix.what, options);
      return;
    }
    this.on.may.mayRun?.(fix.command);
    const { signal, onOutput } = options;
    const execute = { timeoutMs: 1_800_000, signal, onStdout: onOutput, onStderr: onOutput };
    const { exitCode, stderr } = fix.environment
      ? await this.executeInside(fix.command, execute)
      : await this.run(`mkdir -p -- ${quote(this.on.remoteRoot)} && cd -- ${quote(this.on.remoteRoot)} || exit\n${fix.command}`, execute);
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
    const { files, commands } = await installPlan(this.on.project.root, new Set(await this.files.deployable(options.signal)), what);
    commands.forEach((command) => this.on.may.mayRun?.(command));
    await this.files.deploy(files, options);
    for (const command of commands) {
      options.onCommand?.(command);
      const { exitCode, stderr } = await this.executeInside(command, {
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

  /** Ends one process that nvidia-smi reports; throws what killGpuProcess() does. */
  async killGpuProcess(
    pid: number,
    options: { readonly waitSeconds?: number; readonly signal?: AbortSignal } = {},
  ): Promise<'TERM' | 'KILL'> {
    return killGpuProcess(this.on.pod, pid, options);
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
