import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { commands } from '../../src/manifest';
import { person } from './support/person';
import { until } from './steps';

const extension = vscode.extensions.getExtension('runpod-orchestrator.runpod-orchestrator');

describe('activation', () => {
  it('happens by itself in a folder with a runpod.json', async () => {
    assert.ok(extension);
    await until('it is active', () => extension.isActive);
  });

  it('takes less than 50 ms, as the editor measures it', async function () {
    if (!person.available) this.skip();
    await vscode.commands.executeCommand('workbench.action.showRuntimeExtensions');
    const row = await person.text('.runtime-extensions-editor .monaco-list-row:has-text("RunPod Orchestrator")');
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    const milliseconds = Number(/Activation: (\d+)ms/.exec(row)?.[1]);
    console.log(`activation: ${milliseconds} ms`);
    this.test!.title += ` (${milliseconds} ms)`;
    assert.ok(milliseconds < 50, row);
  });

  it('registers every command', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      Object.values(commands).filter((id) => !registered.has(id)),
      [],
    );
  });
});
