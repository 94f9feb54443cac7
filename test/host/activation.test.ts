import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { commands } from '../../src/manifest';
import { until } from './steps';

const extension = vscode.extensions.getExtension('runpod-orchestrator.runpod-orchestrator');

describe('activation', () => {
  it('happens by itself in a folder with a runpod.json', async () => {
    assert.ok(extension);
    await until('it is active', () => extension.isActive);
  });

  it('registers every command', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      Object.values(commands).filter((id) => !registered.has(id)),
      [],
    );
  });
});
