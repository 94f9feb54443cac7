import * as vscode from 'vscode';
import { type Disposable, DisposableStore, toDisposable } from '../core/disposable.ts';
import type { Pods } from './pods.ts';
import type { Projects } from './projects.ts';
import type { RunWatches } from './runWatches.ts';
import type { Training } from './training.ts';

/** When the window has settled, well after activation. */
const delayMs = 1500;

/**
 * What a window takes up again by itself: it looks which folders are projects and whether there are pods, and goes on
 * following the runs that it followed when it was closed or reloaded. Nothing is connected when there were none.
 */
export class Resumption implements Disposable {
  private readonly store = new DisposableStore();

  constructor(projects: Projects, pods: Pods, training: Training, watches: RunWatches) {
    const timer = setTimeout(() => projects.watch(), 0);
    this.store.add(toDisposable(() => clearTimeout(timer)));
    const reading = setTimeout(() => void pods.watch(), delayMs);
    this.store.add(toDisposable(() => clearTimeout(reading)));
    const refs = watches.interruptedByReload;
    if (refs.length === 0 || !vscode.workspace.isTrusted) return;
    const later = setTimeout(() => void training.resume(refs), delayMs);
    this.store.add(toDisposable(() => clearTimeout(later)));
  }

  dispose(): void {
    this.store.dispose();
  }
}
