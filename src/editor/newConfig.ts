import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { UserError } from '../core/errors.ts';
import { configTemplate } from './configTemplate.ts';
import type { Projects } from './projects.ts';
import { setContext } from './typed.ts';

/** Opens the project's runpod.json; makes one to fill in when there is none. */
export async function openConfig(projects: Projects): Promise<string> {
  const root = await projects.choose();
  const file = join(root, 'runpod.json');
  if (!(await stat(file).catch(() => null))) {
    try {
      await writeFile(file, configTemplate(basename(root)), { flag: 'wx' });
    } catch (error) {
      throw new UserError('local-failed', `${file} could not be made: ${(error as Error).message}. Check the permissions of the folder.`, {
        cause: error,
      });
    }
    setContext('runpod.hasProject', true);
  }
  await vscode.window.showTextDocument(vscode.Uri.file(file));
  return file;
}
