import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { commands } from '../../../src/manifest';
import { command, notified } from '../steps';

describe('a workspace that is not trusted', () => {
  it('can be looked at', async () => {
    assert.ok(!vscode.workspace.isTrusted);
    assert.ok(vscode.extensions.getExtension('runpod-orchestrator.runpod-orchestrator'));
    assert.equal(await command(commands.addPod, { line: 'ssh root@10.0.0.1 -p 22', name: 'gpu' }), 'gpu');
  });

  it('deploys and runs nothing, and says what to do', async () => {
    for (const id of [commands.deployChanged, commands.train, commands.runCommand, commands.verifyEnvironment] as const) {
      assert.equal(await command(id), undefined, id);
    }
    await notified('This workspace is not trusted', 'Manage Workspace Trust');
  });

  it('tells agents so', async () => {
    for (const name of ['runpod_list_runs', 'runpod_exec']) {
      const call = vscode.lm.invokeTool(name, { input: { command: 'true' }, toolInvocationToken: undefined });
      await assert.rejects(Promise.resolve(call), /not trusted/, name);
    }
  });
});
