import { cp, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { UserError } from '../core/errors.ts';
import { commands } from '../manifest.ts';
import type { Home } from '../project/home.ts';
import { openHome } from './home.ts';
import type { Log } from './log.ts';
import type { Projects } from './projects.ts';
import type { Sessions } from './sessions.ts';
import type { StatusBar } from './statusBar.ts';
import { mention, withProgress } from './work.ts';

const podName = 'practice';
const notCopied: ReadonlySet<string> = new Set(['artifacts', 'logs', '.runpod', '.venv', '__pycache__']);

/** A pod on this machine, and an example to train on it: all of this can be tried without an account. */
export class Practice {
  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly status: StatusBar,
    private readonly log: Log,
  ) {}

  async start(): Promise<string> {
    const [{ startPracticePod }, home] = await Promise.all([import('../practice/practicePod.ts'), openHome()]);
    await withProgress('Starting the practice pod', async (work) => {
      // It outlives this window, as a real pod does; "Stop Practice Pod" ends it.
      const pod = await startPracticePod({ folder: folderOf(home), keepAlive: true, log: this.log.info });
      work.report('preparing its Python');
      await pod.prepareVenv();
      const { host, port, user, identityFile, workspace } = pod;
      await home.addPod(podName, { host, port, user, identityFile, workspace }, { select: true, replace: true });
    });
    this.status.setPod(podName);
    void this.offerExample();
    return podName;
  }

  async stop(): Promise<void> {
    const [{ findPracticePod }, home] = await Promise.all([import('../practice/practicePod.ts'), openHome()]);
    const pod = await findPracticePod(folderOf(home));
    this.sessions.drop(podName);
    await pod?.stop({ keepFolder: true });
    const { pods } = await home.readPods();
    if (pods[podName]) await home.removePod(podName);
    this.status.setPod((await home.readPods()).selected);
    mention(pod ? '$(check) The practice pod is stopped' : '$(check) The practice pod was not running');
  }

  /** Copies the example project into a folder that the person chooses, and opens it. */
  async openExample(folder?: string): Promise<string> {
    const chosen =
      folder ??
      (
        await vscode.window.showOpenDialog({
          title: 'Where should the example project go?',
          openLabel: 'Copy Here',
          canSelectFolders: true,
          canSelectFiles: false,
        })
      )?.[0]?.fsPath;
    if (chosen === undefined) throw new vscode.CancellationError();
    const source = vscode.Uri.joinPath(this.extensionUri, 'examples', 'moola').fsPath;
    const target = await freeFolder(join(chosen, 'moola'));
    try {
      await cp(source, target, { recursive: true, filter: (path) => !notCopied.has(basename(path)) });
    } catch (error) {
      throw new UserError(
        'local-failed',
        `The example could not be copied to ${target}: ${(error as Error).message}. Choose another folder.`,
        { cause: error },
      );
    }
    await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(target), {
      forceNewWindow: (vscode.workspace.workspaceFolders ?? []).length > 0,
    });
    return target;
  }

  private async offerExample(): Promise<void> {
    const hasProject = (await this.projects.roots()).length > 0;
    const button = hasProject ? 'Deploy Changed Files' : 'Open Example Project';
    const text = `The practice pod runs on this machine and is selected. ${hasProject ? 'Deploy the project, then train.' : 'The example project can be trained on it.'}`;
    const chosen = await vscode.window.showInformationMessage(text, button);
    if (chosen === button) await vscode.commands.executeCommand(hasProject ? commands.deployChanged : commands.openExample);
  }
}

function folderOf(home: Home): string {
  return join(home.folder, podName);
}

async function freeFolder(wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}-${number}`;
    if (!(await stat(folder).catch(() => null))) return folder;
  }
}
