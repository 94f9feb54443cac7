import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { UserError } from '../core/errors.ts';
import { setContext } from './typed.ts';

const configName = 'runpod.json';

/** Which folder is the project: the one with the runpod.json nearest to the file in question; asked for when that is not clear. */
export class Projects implements Disposable {
  private readonly store = new DisposableStore();
  /** A runpod.json was found in a folder below an opened one. */
  private isNested = false;

  /** Looks for projects in the background; activation does not wait for it. */
  watch(): void {
    const look = () => void this.roots().then((roots) => setContext('runpod.hasProject', this.isNested || roots.length > 0));
    this.store.add(vscode.workspace.onDidChangeWorkspaceFolders(look));
    this.store.add(vscode.workspace.onDidCreateFiles(look));
    this.store.add(vscode.workspace.onDidDeleteFiles(look));
    this.store.add(
      vscode.workspace.onDidSaveTextDocument(({ uri }) => {
        if (basename(uri.path) === configName) look();
      }),
    );
    // The project may be a folder below the opened one: the file that is looked at tells.
    const near = (editor: vscode.TextEditor | undefined) => void (editor && !this.isNested ? this.nearest(editor.document.uri) : undefined);
    this.store.add(vscode.window.onDidChangeActiveTextEditor(near));
    near(vscode.window.activeTextEditor);
    look();
  }

  /**
   * The project of a file, or of the active editor's file, or of the window.
   *
   * @throws UserError 'not-configured' when no folder is open; CancellationError when the person does not choose.
   */
  async choose(file?: vscode.Uri): Promise<string> {
    const near = file ?? vscode.window.activeTextEditor?.document.uri;
    const nearest = near === undefined ? null : await this.nearest(near);
    if (nearest !== null) return nearest;
    const folders = localFolders();
    if (folders.length === 0) throw noFolder();
    const roots = await this.roots();
    // Without any runpod.json a folder is a project of defaults: deploying works, training asks for the command.
    return this.pick(roots.length > 0 ? roots : folders.map(({ uri }) => uri.fsPath));
  }

  /**
   * The same without asking anybody: what an agent means that says nothing. Of several projects, that of the active editor, else the first.
   *
   * @throws UserError 'not-configured' when no folder is open
   */
  async likeliest(): Promise<string> {
    const near = vscode.window.activeTextEditor?.document.uri;
    const nearest = near === undefined ? null : await this.nearest(near);
    const root = nearest ?? (await this.roots())[0] ?? localFolders()[0]?.uri.fsPath;
    if (root === undefined) throw noFolder();
    return root;
  }

  /** The project of a file, if it is in an open folder. */
  async nearest(uri: vscode.Uri): Promise<string | null> {
    const folder = uri.scheme === 'file' ? vscode.workspace.getWorkspaceFolder(uri) : undefined;
    if (!folder) return null;
    const top = folder.uri.fsPath;
    for (let path = uri.fsPath; ; path = dirname(path)) {
      if (await isFile(join(path, configName))) {
        if (path !== top) this.foundNested();
        return path;
      }
      if (path === top || dirname(path) === path) break;
    }
    // A file of a folder without any runpod.json belongs to that folder, unless another folder is a project.
    return (await this.roots()).length === 0 ? top : null;
  }

  /** Opened folders that have a runpod.json. */
  async roots(): Promise<readonly string[]> {
    const folders = localFolders().map(({ uri }) => uri.fsPath);
    const found = await Promise.all(folders.map((folder) => isFile(join(folder, configName))));
    return folders.filter((_, index) => found[index]);
  }

  dispose(): void {
    this.store.dispose();
  }

  private foundNested(): void {
    if (this.isNested) return;
    this.isNested = true;
    setContext('runpod.hasProject', true);
  }

  private async pick(roots: readonly string[]): Promise<string> {
    const [only] = roots;
    if (roots.length === 1 && only !== undefined) return only;
    const items = roots.map((root) => ({ label: `$(folder) ${basename(root)}`, description: root, root }));
    const chosen = await vscode.window.showQuickPick(items, { title: 'RunPod: Which project?', placeHolder: 'Several folders are open' });
    if (!chosen) throw new vscode.CancellationError();
    return chosen.root;
  }
}

/** A path as a person reads it: below its project where it can be. */
export function shortPath(root: string, file: string): string {
  const below = relative(root, file);
  return below === '' || below.startsWith('..') ? file : below.split('\\').join('/');
}

function noFolder(): UserError {
  return new UserError(
    'not-configured',
    'No folder is open. Open the folder of the project that is to be trained, or the example project.',
    {
      details: { missing: 'folder' },
    },
  );
}

function localFolders(): readonly vscode.WorkspaceFolder[] {
  return (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
