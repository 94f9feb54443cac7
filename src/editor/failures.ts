import { basename } from 'node:path';
import * as vscode from 'vscode';
import { isUserError, messageOf, type Reason, UserError } from '../core/errors.ts';
import { commands } from '../manifest.ts';
import type { ConfigProblems } from './configProblems.ts';
import { openHome } from './home.ts';
import type { Log } from './log.ts';
import { forEditor } from './words.ts';

interface Button {
  readonly title: string;
  run(error: UserError): unknown;
}

type Retry = () => unknown;

const command = (title: string, id: string): Button => ({ title, run: () => vscode.commands.executeCommand(id) });
const addPod = command('Add Pod', commands.addPod);
const selectPod = command('Select Pod', commands.selectPod);
const startPracticePod = command('Start Practice Pod', commands.startPracticePod);
const testConnection = command('Test Connection', commands.testConnection);
const trust: Button = {
  title: 'Trust New Host Key',
  run: ({ details }) =>
    vscode.commands.executeCommand(commands.trustHostKey, typeof details['pod'] === 'string' ? { pod: details['pod'] } : undefined),
};

/** Shows what went wrong, with what can be done about it as buttons. Never a stack. */
export class Failures {
  constructor(
    private readonly log: Log,
    private readonly configProblems: ConfigProblems,
  ) {}

  /** Comes back at once: a notification may stand for hours. */
  show(error: unknown, retry?: Retry): void {
    if (error instanceof vscode.CancellationError || isUserError(error, 'cancelled')) {
      if (isUserError(error)) vscode.window.setStatusBarMessage(`$(circle-slash) ${forEditor(error.message)}`, 4000);
      return;
    }
    if (!isUserError(error)) {
      this.log.error('internal error', error);
      void this.ask(`RunPod Orchestrator met an internal error: ${messageOf(error)}`, [this.showLog()], new UserError('remote-failed', ''));
      return;
    }
    this.log.info(`${error.reason}: ${error.message}`);
    this.configProblems.take(error);
    void this.ask(textOf(error), this.buttons(error, retry), error);
  }

  private async ask(text: string, buttons: readonly Button[], error: UserError): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(text, ...buttons.map(({ title }) => title));
    await buttons.find(({ title }) => title === chosen)?.run(error);
  }

  private buttons(error: UserError, retry: Retry | undefined): readonly Button[] {
    const again: readonly Button[] = retry ? [{ title: 'Try Again', run: retry }] : [];
    const byReason: Partial<Record<Reason, readonly Button[]>> = {
      'not-configured': this.notConfigured(error),
      'bad-config': [this.openConfig(error)],
      unreachable: [...again, testConnection, selectPod],
      'interactive-only': [addPod],
      'auth-failed': [...again, testConnection, this.editPods()],
      'key-missing': [this.editPods()],
      'key-permissions': again,
      'key-passphrase': again,
      'host-key-changed': [trust],
      'host-key-unknown': [trust],
      'connection-lost': again,
      timeout: again,
      'transfer-corrupt': again,
      'local-missing': [],
      'run-unknown': [command('Follow Run', commands.followRun)],
    };
    return byReason[error.reason] ?? [this.showLog()];
  }

  private notConfigured(error: UserError): readonly Button[] {
    switch (error.details['missing']) {
      case 'pod':
        return [addPod, startPracticePod];
      case 'folder':
        return [command('Open Folder', 'vscode.openFolder'), command('Open Example Project', commands.openExample)];
      // It was asked for, and declined.
      case 'api-key':
        return [];
      case 'trust':
        return [command('Manage Workspace Trust', 'workbench.trust.manage')];
      default:
        return [command('Open runpod.json', commands.createConfig)];
    }
  }

  private openConfig({ details }: UserError): Button {
    const file = typeof details['file'] === 'string' ? details['file'] : undefined;
    if (file === undefined) return command('Open runpod.json', commands.createConfig);
    return { title: `Open ${basename(file)}`, run: () => this.configProblems.reveal(file) };
  }

  private editPods(): Button {
    return {
      title: 'Open pods.json',
      run: async () => {
        await vscode.window.showTextDocument(vscode.Uri.file((await openHome()).podsFile));
      },
    };
  }

  private showLog(): Button {
    return { title: 'Show Log', run: () => this.log.show() };
  }
}

/** A notification is one paragraph: of a list of bad values it shows the first; the rest stands in Problems. */
function textOf(error: UserError): string {
  const message = forEditor(error.message);
  const [first, ...more] = message.split('\n').map((line) => line.trim());
  if (more.length === 0 || first === undefined) return message;
  return `${first} ${more[0] ?? ''}${more.length > 1 ? ` (and ${more.length - 1} more in Problems)` : ''}`;
}
