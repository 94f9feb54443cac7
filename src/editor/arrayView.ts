import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { messageOf, UserError } from '../core/errors.ts';
import { customEditors } from '../manifest.ts';
import type { NpyArray } from '../results/npy.ts';
import { arrayPage, messagePage, type ShownArray } from './arrayPage.ts';
import type { Projects } from './projects.ts';

/** More than these are no page that anybody reads. */
const maxShownArrays = 50;
/** Reading and counting more than this would hold up the other extensions of the window. */
const maxShownBytes = 256 * 1024 ** 2;

/** Opens .npy and .npz files: dtype, shape, statistics, histogram, first rows, and for predictions the verdict. Read-only. */
export class ArrayView implements vscode.CustomReadonlyEditorProvider, Disposable {
  private readonly registration = vscode.window.registerCustomEditorProvider(customEditors.array, this, {
    supportsMultipleEditorsPerDocument: true,
  });

  constructor(private readonly projects: Projects) {}

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  async resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const store = new DisposableStore();
    const render = async () => {
      panel.webview.html = await this.page(uri);
    };
    // A file that is fetched anew is shown anew.
    const folder = vscode.Uri.file(dirname(uri.fsPath));
    const watcher = store.add(vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, globOf(basename(uri.fsPath)))));
    store.add(watcher.onDidChange(render));
    store.add(watcher.onDidCreate(render));
    panel.onDidDispose(() => store.dispose());
    await render();
  }

  dispose(): void {
    this.registration.dispose();
  }

  private async page(uri: vscode.Uri): Promise<string> {
    const nonce = randomBytes(16).toString('base64url');
    try {
      return arrayPage(await this.read(uri), nonce);
    } catch (error) {
      return messagePage(messageOf(error), nonce);
    }
  }

  private async read(uri: vscode.Uri): Promise<readonly ShownArray[]> {
    const file = uri.fsPath;
    const { size } = await stat(file);
    if (size > maxShownBytes)
      throw new UserError(
        'bad-argument',
        `${basename(file)} has ${Math.round(size / 1024 ** 2)} MB; files up to ${maxShownBytes / 1024 ** 2} MB are shown.`,
      );
    const [{ readArrays }, { describe }] = await Promise.all([import('../results/npz.ts'), import('../results/describe.ts')]);
    const arrays = [...(await readArrays(file, maxShownBytes))];
    return Promise.all(
      arrays.slice(0, maxShownArrays).map(async ([name, array]) => ({
        name,
        array,
        description: describe(array),
        verdict: await this.judge(uri, arrays.length === 1 ? file : `${file}#${name}`, array),
      })),
    );
  }

  /** Null for what is no predictions: measurements, images, the labels themselves would only be called bad ones. */
  private async judge(uri: vscode.Uri, reference: string, array: NpyArray): Promise<ShownArray['verdict']> {
    const [{ judgeArray }, { labelsPath, loadProject }] = await Promise.all([
      import('../results/judge.ts'),
      import('../project/project.ts'),
    ]);
    const root = await this.projects.nearest(uri);
    const project = root === null ? null : await loadProject(root).catch(() => null);
    const options = project === null ? {} : { named: labelsPath(project), minShare: project.config.validation.minShare };
    const verdict = await judgeArray(reference, array, options).catch(() => null);
    return verdict === null || verdict.kind === null ? null : verdict;
  }
}

/** The pattern that matches just this name. */
function globOf(name: string): string {
  return name.replace(/[*?[\]{}]/g, (character) => `[${character}]`);
}
