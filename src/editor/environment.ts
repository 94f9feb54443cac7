import * as vscode from 'vscode';
import { stripControl } from '../core/terminal.ts';
import type { Check, VerifyReport } from '../doctor/check.ts';
import type { Projects } from './projects.ts';
import type { RunOutputs } from './runOutput.ts';
import type { Sessions } from './sessions.ts';
import { withProgress } from './work.ts';

const marks: Readonly<Record<Check['status'], string>> = { passed: '✓', warning: '!', failed: '✗' };

/** Looking at a pod, and running single commands there. */
export class Environment {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly outputs: RunOutputs,
  ) {}

  async verify(): Promise<VerifyReport> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    const report = await withProgress(`Verifying ${orchestrator.pod.name}`, (work) => orchestrator.verifyEnvironment(work.signal));
    const channel = this.outputs.plain();
    channel.appendLine(`> ${report.pod}: verify ${report.remoteRoot}`);
    for (const line of reportLines(report)) channel.appendLine(line);
    void this.announce(report);
    return report;
  }

  async runCommand(given?: string): Promise<{ readonly exitCode: number }> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    const pod = orchestrator.pod.name;
    const command =
      given ??
      (await vscode.window.showInputBox({
        title: `RunPod: Run Command on ${pod}`,
        prompt: `Runs in ${orchestrator.remoteRoot}, in the project's environment`,
        placeHolder: 'nvidia-smi',
        ignoreFocusOut: true,
      }));
    if (command === undefined || command.trim() === '') throw new vscode.CancellationError();
    const channel = this.outputs.plain();
    channel.appendLine(`> ${pod}: ${command}`);
    channel.show(true);
    const append = (text: string) => channel.append(stripControl(text));
    const { exitCode } = await withProgress(`Running ${command} on ${pod}`, (work) =>
      orchestrator.executeCommand(command, { signal: work.signal, onStdout: append, onStderr: append, discardOutput: true }),
    );
    channel.appendLine(`> exit code ${exitCode}`);
    return { exitCode };
  }

  private async announce({ pod, ok, checks }: VerifyReport): Promise<void> {
    const bad = checks.filter(({ status }) => status !== 'passed');
    const failed = bad.filter(({ status }) => status === 'failed');
    const [worst] = failed.length > 0 ? failed : bad;
    const button = 'Show Output';
    const all = `${checks.length} ${checks.length === 1 ? 'check' : 'checks'}`;
    const chosen = await (ok
      ? worst
        ? vscode.window.showWarningMessage(
            `${pod} is ready, with ${bad.length === 1 ? 'a warning' : `${bad.length} warnings`}: ${sentence(worst)}`,
            button,
          )
        : vscode.window.showInformationMessage(`${pod} is ready: ${all} passed.`, button)
      : vscode.window.showErrorMessage(`${pod} is not ready: ${failed.length} of ${all} failed. ${worst ? sentence(worst) : ''}`, button));
    if (chosen === button) this.outputs.plain().show(true);
  }
}

/** One line a check, and under each that did not pass what to do. */
export function reportLines({ checks, milliseconds }: VerifyReport): readonly string[] {
  const width = Math.max(0, ...checks.map(({ title }) => title.length));
  return [
    ...checks.flatMap(({ status, title, seen, advice }) => [
      `  ${marks[status]} ${title.padEnd(width)}  ${stripControl(seen)}`,
      ...(advice === null ? [] : [`    ${' '.repeat(width)}  → ${stripControl(advice)}`]),
    ]),
    `> ${checks.filter(({ status }) => status === 'passed').length} of ${checks.length} passed in ${Math.round(milliseconds)} ms`,
  ];
}

function sentence({ title, seen, advice }: Check): string {
  return `${title}: ${stripControl(seen)}${/[.!?]$/.test(seen) ? '' : '.'}${advice === null ? '' : ` ${stripControl(advice)}`}`;
}
