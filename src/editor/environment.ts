import * as vscode from 'vscode';
import { messageOf, UserError } from '../core/errors.ts';
import { stripControl } from '../core/terminal.ts';
import type { Check, CheckFix, VerifyReport } from '../doctor/check.ts';
import { commands } from '../manifest.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { EnvironmentView } from './environmentView.ts';
import type { Projects } from './projects.ts';
import type { RunOutputs } from './runOutput.ts';
import type { Sessions } from './sessions.ts';
import { forEditor } from './words.ts';
import { withProgress } from './work.ts';

type Mendable = Check & { readonly fix: CheckFix };

/** Looking at a pod, repairing what it lacks, and running single commands there. */
export class Environment {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly outputs: RunOutputs,
    private readonly view: EnvironmentView,
  ) {}

  async verify(): Promise<VerifyReport> {
    const report = await this.look(await this.sessions.get(await this.projects.choose()));
    void this.announce(report);
    return report;
  }

  /** Does what checks offer in one step: of the one that is named, or of those that the person picks. */
  async repair(check?: string): Promise<VerifyReport> {
    const orchestrator = await this.sessions.get(await this.projects.choose());
    const mendable = (await this.look(orchestrator)).checks.filter((each): each is Mendable => each.fix !== null);
    const chosen = check === undefined ? await pick(mendable, orchestrator.pod.name) : mendable.filter(({ id }) => id === check);
    const channel = this.outputs.plain();
    const append = (text: string) => channel.append(stripControl(text));
    const failures: string[] = [];
    await withProgress(`Repairing ${orchestrator.pod.name}`, async (work) => {
      for (const { fix } of chosen) {
        work.report(fix.title);
        channel.appendLine(`> ${orchestrator.pod.name}: ${fix.title}${fix.kind === 'run' ? `: ${fix.command}` : ''}`);
        try {
          await orchestrator.environment.repair(fix, { signal: work.signal, onOutput: append });
        } catch (error) {
          if (work.signal.aborted) throw error;
          failures.push(messageOf(error));
        }
      }
    });
    const report = await this.look(orchestrator);
    const [first] = failures;
    if (first !== undefined)
      throw new UserError('remote-failed', failures.length === 1 ? first : `${first} (${failures.length - 1} more failed.)`);
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

  private async look(orchestrator: Orchestrator): Promise<VerifyReport> {
    const report = await withProgress(`Verifying ${orchestrator.pod.name}`, (work) => orchestrator.verifyEnvironment(work.signal));
    this.view.show(report);
    return report;
  }

  private async announce({ pod, ok, checks }: VerifyReport): Promise<void> {
    const bad = checks.filter(({ status }) => status !== 'passed');
    const failed = bad.filter(({ status }) => status === 'failed');
    const [worst] = failed.length > 0 ? failed : bad;
    const show = 'Show Checks';
    const mend = 'Repair';
    const buttons = bad.some(({ fix }) => fix !== null) ? [show, mend] : [show];
    const all = `${checks.length} ${checks.length === 1 ? 'check' : 'checks'}`;
    const chosen = await (ok
      ? worst
        ? vscode.window.showWarningMessage(
            `${pod} is ready, with ${bad.length === 1 ? 'a warning' : `${bad.length} warnings`}: ${sentence(worst)}`,
            ...buttons,
          )
        : vscode.window.showInformationMessage(`${pod} is ready: ${all} passed.`, show)
      : vscode.window.showErrorMessage(
          `${pod} is not ready: ${failed.length} of ${all} failed. ${worst ? sentence(worst) : ''}`,
          ...buttons,
        ));
    if (chosen === show) await this.view.reveal();
    if (chosen === mend) await vscode.commands.executeCommand(commands.repair);
  }
}

async function pick(mendable: readonly Mendable[], pod: string): Promise<readonly Mendable[]> {
  if (mendable.length === 0) {
    void vscode.window.showInformationMessage(`There is nothing on ${pod} that can be repaired in one step.`);
    throw new vscode.CancellationError();
  }
  const items = mendable.map((check) => ({ label: check.fix.title, description: check.title, detail: check.seen, picked: true, check }));
  const chosen = await vscode.window.showQuickPick(items, { title: `RunPod: Repair ${pod}`, canPickMany: true });
  if (!chosen || chosen.length === 0) throw new vscode.CancellationError();
  return chosen.map(({ check }) => check);
}

function sentence({ title, seen, advice }: Check): string {
  return `${title}: ${stripControl(seen)}${/[.!?]$/.test(seen) ? '' : '.'}${advice === null ? '' : ` ${forEditor(stripControl(advice))}`}`;
}
