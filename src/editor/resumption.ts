import * as vscode from 'vscode';
import { type Disposable, DisposableStore, toDisposable } from '../core/disposable.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from './log.ts';
import type { Projects } from './projects.ts';
import type { RunWatches } from './runWatches.ts';
import type { Training } from './training.ts';

/** When the window has settled, well after activation. */
const delayMs = 1500;

/**
 * What a window takes up again by itself: it looks which folders are projects, and goes on following the runs that it
 * followed when it was closed or reloaded. Nothing is connected when there were none.
 */
export class Resumption implements Disposable {
  private readonly store = new DisposableStore();

  constructor(projects: Projects, training: Training, watches: RunWatches, log: Log) {
    const timer = setTimeout(() => projects.watch(), 0);
    this.store.add(toDisposable(() => clearTimeout(timer)));
    const refs = watches.interruptedByReload;
    if (refs.length === 0 || !vscode.workspace.isTrusted) return;
    const later = setTimeout(() => {
      // A pod that is gone is no news to break into somebody's morning with: it stays a line in the log, and "Follow Run".
      training.resume(refs).catch((error: unknown) => log.info(`The runs of the last session are not followed: ${messageOf(error)}`));
    }, delayMs);
    this.store.add(toDisposable(() => clearTimeout(later)));
  }

  dispose(): void {
    this.store.dispose();
  }
}
