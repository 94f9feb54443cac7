import * as vscode from 'vscode';
import { UserError } from '../core/errors.ts';
import { stripControl } from '../core/terminal.ts';
import { commands } from '../manifest.ts';
import type { Operation, OperationContext } from '../operations/operation.ts';
import type { ApiKeys } from './apiKeys.ts';
import type { Passphrases } from './passphrases.ts';
import type { Projects } from './projects.ts';
import type { RunOutputs } from './runOutput.ts';
import type { RunWatches } from './runWatches.ts';
import type { Sessions } from './sessions.ts';
import { readSetting } from './typed.ts';
import { mention, withProgress } from './work.ts';

type Answer = Record<string, unknown>;

/** Operations whose answer is read rather than worked on: they show in the output what they show in the terminal. */
export class Troubleshooting {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly outputs: RunOutputs,
    private readonly watches: RunWatches,
    private readonly passphrases: Passphrases,
    private readonly apiKeys: ApiKeys,
  ) {}

  async testConnection(): Promise<Answer> {
    const { test } = await import('../operations/test.ts');
    const answer = await this.run(test, {}, 'Testing the connection');
    const steps = answer['steps'] as readonly {
      readonly title: string;
      readonly status: string;
      readonly seen: string;
      readonly advice: string | null;
    }[];
    const failed = steps.find(({ status }) => status === 'failed');
    if (!failed) mention(`$(check) ${String(answer['pod'])} can be reached and used`);
    else void this.complain(`${failed.title}: ${failed.seen} ${failed.advice ?? ''}`);
    return answer;
  }

  async selfTest(): Promise<Answer> {
    const { selftest } = await import('../operations/selftest.ts');
    const answer = await this.run(selftest, {}, 'Self-test');
    const steps = answer['steps'] as readonly { readonly name: string; readonly ok: boolean; readonly seen: string }[];
    const failed = steps.find(({ ok }) => !ok);
    if (failed) void this.complain(`Self-test, ${failed.name}: ${failed.seen}`);
    else void vscode.window.showInformationMessage(`Everything works with ${String(answer['pod'])}: ${steps.length} steps passed.`);
    return answer;
  }

  async reinstall(what?: string): Promise<Answer> {
    const { reinstall } = await import('../operations/reinstall.ts');
    const answer = await this.run(reinstall, what === undefined ? {} : { what }, 'Reinstalling the project');
    mention(`$(check) installed on ${String(answer['pod'])}`);
    return answer;
  }

  /** What the GPUs do; a process that is of no run can be ended, after asking. */
  async gpuStatus(): Promise<Answer> {
    const { gpu } = await import('../operations/gpu.ts');
    const answer = await this.run(gpu, {}, 'Asking for the GPUs');
    const processes = answer['processes'] as readonly {
      readonly pid: number;
      readonly program: string;
      readonly memory: string;
      readonly ours: boolean;
      readonly run: string | null;
    }[];
    const items = processes
      .filter(({ ours, run }) => ours && run === null)
      .map(({ pid, program, memory }) => ({ label: String(pid), description: program, detail: memory, pid }));
    if (items.length > 0) void this.offerToEnd(items);
    return answer;
  }

  /** What old runs and seeds left on the pod, deleted when the person agrees to what is shown. */
  async clean(keep?: number): Promise<Answer> {
    const { clean } = await import('../operations/clean.ts');
    const root = await this.projects.choose();
    const folder = readSetting('runpod.downloads.folder', vscode.Uri.file(root));
    return this.run(clean, { folder, ...(keep === undefined ? {} : { keep }) }, 'Looking for what is old', 'Delete', root);
  }

  /** How a run went, into a task of Task Master. */
  async writeRunToTask(options: { readonly run?: string; readonly task?: string; readonly status?: string } = {}): Promise<Answer> {
    const root = (options.run === undefined ? undefined : this.watches.view(options.run)?.ref.root) ?? (await this.projects.choose());
    const task = options.task ?? (await this.chooseTask(root));
    const { task: record } = await import('../operations/task.ts');
    const run = options.run ?? this.watches.all.filter(({ ref, state }) => ref.root === root && state.kind === 'ended').at(-1)?.ref.id;
    const status = options.status === undefined ? {} : { status: options.status };
    const answer = await this.run(
      record,
      { task, ...status, ...(run === undefined ? {} : { run }) },
      'Writing to the task',
      undefined,
      root,
    );
    mention(`$(check) written to task ${task}`);
    return answer;
  }

  private async chooseTask(root: string): Promise<string> {
    const { activeTag, findTasksFile, readTasks } = await import('../tasks/taskFile.ts');
    const file = await findTasksFile(root);
    const tasks = file === null ? [] : await readTasks(file, await activeTag(file));
    if (tasks.length === 0)
      throw new UserError(
        'not-configured',
        `There are no tasks of Task Master in ${file ?? root}. Make some with \`task-master init\` and \`task-master add-task\`.`,
      );
    const items = tasks.map(({ id, title, status }) => ({ label: id, description: title, detail: status }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: 'RunPod: Write Run to Task',
      placeHolder: 'Which task?',
      matchOnDescription: true,
    });
    if (!chosen) throw new vscode.CancellationError();
    return chosen.label;
  }

  private async offerToEnd(items: readonly (vscode.QuickPickItem & { readonly pid: number })[]): Promise<void> {
    const end = 'End a Process';
    const text =
      items.length === 1
        ? 'A process on the GPU is of no run of this project.'
        : `${items.length} processes on the GPU are of no run of this project.`;
    if ((await vscode.window.showInformationMessage(text, end)) !== end) return;
    const chosen = items.length === 1 ? items[0] : await vscode.window.showQuickPick(items, { title: 'RunPod: End Which Process?' });
    if (chosen) await vscode.commands.executeCommand(commands.endGpuProcess, { pid: chosen.pid });
  }

  /** Ends one process that nvidia-smi reports, after asking. */
  async endGpuProcess(pid: number, confirmed = false): Promise<Answer> {
    const { gpuKill } = await import('../operations/gpu.ts');
    return this.run(gpuKill, { pid, yes: confirmed }, `Ending process ${pid}`, 'End Process');
  }

  private async complain(text: string): Promise<void> {
    const show = 'Show Output';
    if ((await vscode.window.showErrorMessage(stripControl(text), show)) === show) this.outputs.plain().show(true);
  }

  /** @param agree The button of the modal that agrees to what the operation asks. */
  private async run(record: Operation, input: Answer, title: string, agree = 'Continue', given?: string): Promise<Answer> {
    const root = given ?? (await this.projects.choose());
    const channel = this.outputs.plain();
    const context: OperationContext = {
      projectRoot: root,
      home: undefined,
      ports: { askPassphrase: this.passphrases.ask, askApiKey: this.apiKeys.ask },
      orchestrator: () => this.sessions.get(root),
      confirm: async (question, detail) =>
        (await vscode.window.showWarningMessage(question, { modal: true, ...(detail === undefined ? {} : { detail }) }, agree)) === agree,
    };
    channel.appendLine(`> ${title}`);
    channel.show(true);
    const answer = await withProgress(title, (work) =>
      record.handle(context, record.input.parse(input), {
        signal: work.signal,
        progress: ({ message }) => work.report(message),
        emit: (event) => {
          if (event.kind === 'output') channel.append(stripControl(event.text));
          else if (event.kind === 'note') channel.appendLine(stripControl(event.text));
        },
      }),
    );
    channel.appendLine(stripControl(record.render(answer, { eventsShown: true })));
    return answer;
  }
}
