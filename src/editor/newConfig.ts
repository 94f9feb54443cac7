import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { UserError } from '../core/errors.ts';
import type { Projects } from './projects.ts';
import { setContext } from './typed.ts';

/** Opens the project's runpod.json; makes one to fill in when there is none. */
export async function openConfig(projects: Projects): Promise<string> {
  const root = await projects.choose();
  const file = join(root, 'runpod.json');
  if (!(await stat(file).catch(() => null))) {
    try {
      await writeFile(file, template(basename(root)), { flag: 'wx' });
    } catch (error) {
      throw new UserError('local-failed', `${file} could not be made: ${(error as Error).message}. Check the permissions of the folder.`, { cause: error });
    }
    setContext('runpod.hasProject', true);
  }
  await vscode.window.showTextDocument(vscode.Uri.file(file));
  return file;
}

/** Every key that most projects need, with what it does; the schema completes the rest. */
export function template(folderName: string): string {
  return `// How RunPod Orchestrator works with this project. Paths are relative to this folder, here and on the pod.
{
  // The project's folder on the pod.
  "remoteRoot": ${JSON.stringify(`/workspace/${folderName}`)},

  "environment": {
    // A script to source before every command, e.g. of a virtual environment:
    // "activate": "/workspace/venv/bin/activate",
    "variables": { "PYTHONUNBUFFERED": "1" }
  },

  "train": {
    // {model}, {device} and {seed} are filled in for each run.
    "command": "python train.py --model {model} --device {device} --seed {seed}",
    "device": "cuda",
    "models": {
      "baseline": {}
    }
  },

  // Files that are usually deployed together.
  "presets": {
    "source": ["**/*.py"]
  },

  // What a run leaves behind, for "Download Results".
  "results": ["results/{model}/**"],
  "logs": ["logs/**/*.log"],

  // Never deployed; written like .gitignore, which counts as well.
  "exclude": ["results/", "logs/"]
}
`;
}
