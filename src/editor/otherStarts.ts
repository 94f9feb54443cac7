import { mkdir, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore, toDisposable } from '../core/disposable.ts';
import { eachAlone } from '../core/eachAlone.ts';
import { messageOf } from '../core/errors.ts';
import type { StartedRun } from '../journal/startedRuns.ts';
import { openHome } from './home.ts';
import type { Log } from './log.ts';
import type { Projects } from './projects.ts';
import type { Training } from './training.ts';
import { watchFile } from './watchFile.ts';

/** When the window has settled, well after activation. */
const delayMs = 1500;

/**
 * Takes up runs of this window's projects that somebody else has started from this machine: a terminal, another window, an agent. They are followed like our own: output,
 * Problems, notifications.
 */
export class OtherStarts implements Disposable {
  private readonly store = new DisposableStore();
  private turn: Promise<void> = Promise.resolve();
  private isWatching = false;

  constructor(
    private readonly projects: Projects,
    private readonly training: Training,
    private readonly log: Log,
  ) {
    const timer = setTimeout(() => this.watch(), delayMs);
    this.store.add(toDisposable(() => clearTimeout(timer)));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.watch()));
  }

  dispose(): void {
    this.store.dispose();
  }

  /** Once: trust may be granted before or after the window has settled. */
  private watch(): void {
    if (this.isWatching || !vscode.workspace.isTrusted) return;
    this.isWatching = true;
    this.watchNow().catch((error: unknown) => {
      this.isWatching = false;
      this.log.info(`Runs that others start on this machine are not taken up: ${messageOf(error)}`);
    });
  }

  private async watchNow(): Promise<void> {
    const [{ StartedRuns }, home] = await Promise.all([import('../journal/startedRuns.ts'), openHome()]);
    const starts = new StartedRuns(home.stateFolder);
    // The editor looks only now and then whether a folder has appeared.
    await mkdir(dirname(starts.file), { recursive: true, mode: 0o700 }).catch(() => undefined);
    let offset = await starts.size();
    const look = async () => {
      const { started, size } = await starts.since(offset);
      offset = size;
      await this.take(started);
    };
    const tell = (error: unknown) => this.log.info(`What was started elsewhere could not be read: ${messageOf(error)}`);
    // One after the other, so that no line is read twice. A look that fails does not keep the next from being tried.
    this.store.add(
      watchFile(starts.file, () => {
        this.turn = this.turn.then(look).catch(tell);
      }),
    );
  }

  private async take(started: readonly StartedRun[]): Promise<void> {
    if (started.length === 0) return;
    // A terminal knows a folder by its real path, a window by the one it was opened with.
    const roots = new Map(await Promise.all((await this.projects.roots()).map(async (root) => [await real(root), root] as const)));
    await eachAlone(
      started,
      async ({ run, pod, project }) => {
        const root = roots.get(await real(project));
        if (root !== undefined) await this.training.takeUp(run, root, pod);
      },
      // Nobody here asked for it: a line in the log, and "Follow Run".
      ({ run, pod }, error) => this.log.info(`Run ${run} on ${pod} is not followed: ${messageOf(error)}`),
    );
  }
}

async function real(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
