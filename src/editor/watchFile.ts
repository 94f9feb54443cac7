import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';

/** Tells when a file, wherever it is, was written or appeared; it need not be there yet. */
export function watchFile(file: string, changed: () => void): Disposable {
  const store = new DisposableStore();
  const pattern = new vscode.RelativePattern(vscode.Uri.file(dirname(file)), basename(file));
  const watcher = store.add(vscode.workspace.createFileSystemWatcher(pattern, false, false, true));
  store.add(watcher.onDidCreate(changed));
  store.add(watcher.onDidChange(changed));
  return store;
}
