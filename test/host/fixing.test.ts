import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commands } from '../../src/manifest';
import {
  assertSucceeded,
  at,
  choose,
  closeNotifications,
  command,
  type Ended,
  endOf,
  errors,
  mend,
  notified,
  onPod,
  plant,
  podWorkspace,
  problems,
  quickFixes,
  replaceIn,
  restoreProject,
  startPod,
  stopPod,
  train,
  until,
} from './steps';

describe('quick fixes', function () {
  this.timeout(240_000);
  before(startPod);
  after(stopPod);
  afterEach(closeNotifications);
  afterEach(restoreProject);

  it('lower the learning rate where the project sets it; deployed and trained again, it succeeds', async () => {
    const bug = await plant('learning-rate');
    assert.notEqual((await train(bug.model)).exitCode, 0);
    await until('the problem is shown', () => problems().some(({ diagnostic }) => diagnostic.code === 'nan-loss'));
    // Each fix divides by ten: from 100, where it explodes, down to where it does not.
    for (let tries = 0; errors().length > 0; tries++) {
      assert.ok(tries < 3);
      const fix = (await quickFixes('nan-loss')).find(({ title }) => /^Change learning_rate/.test(title));
      assert.ok(fix, 'no such quick fix');
      assert.ok(fix.isPreferred);
      const { file, line } = edited(fix);
      assert.equal(file, bug.file);
      await choose(fix);
      await notified(`${bug.file}:${line}: `, 'Deploy and Train Again');
      const document = await vscode.workspace.openTextDocument(at(bug.file));
      assert.ok(document.isDirty, 'the edit is for the person to look at');
      await command(commands.deployCurrentFile, at(bug.file));
      await train(bug.model);
      await closeNotifications();
    }
    assert.deepEqual(errors(), []);
    assert.match(onPod(bug.file), /learning_rate: float = (10|1)(\.0)?\b/);
  });

  it('install a missing module on the pod and train again', async () => {
    const wheels = join(podWorkspace, 'wheels');
    makeWheel(wheels, 'tinywheel');
    await replaceIn(
      'runpod.json',
      '"PYTHONUNBUFFERED": "1"',
      '"PYTHONUNBUFFERED": "1", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/workspace/wheels"',
    );
    await replaceIn(
      'src/moola/models/logreg.py',
      'from __future__ import annotations\n',
      'from __future__ import annotations\nimport tinywheel\n',
    );
    await command(commands.deployChanged);
    assert.notEqual((await train('logreg')).exitCode, 0);
    await until('the problem is shown', () => problems().some(({ diagnostic }) => diagnostic.code === 'import-error'));
    assert.equal(problems()[0]?.file, 'src/moola/models/logreg.py');
    const fix = (await quickFixes('import-error')).find(({ title }) => title.startsWith('Install tinywheel'));
    assert.ok(fix, 'no such quick fix');
    assertSucceeded(await endOf(await choose(fix)));
    assert.deepEqual(errors(), []);
  });

  it('deploy what was mended by hand and train again', async () => {
    const bug = await plant('import-name');
    assert.notEqual((await train(bug.model)).exitCode, 0);
    await until('the problem is shown', () => problems().length > 0);
    assert.equal(problems()[0]?.file, bug.file);
    const fix = (await quickFixes(bug.expect)).find(({ title }) => title === `Deploy ${bug.file} and train again`);
    assert.ok(fix, 'no such quick fix');
    // Typed and not saved: the fix saves what it sends.
    const editor = await vscode.window.showTextDocument(at(bug.file));
    const start = editor.document.getText().indexOf(bug.broken);
    await editor.edit((edit) =>
      edit.replace(new vscode.Range(editor.document.positionAt(start), editor.document.positionAt(start + bug.broken.length)), bug.fixed),
    );
    assertSucceeded(await endOf(await choose(fix)));
    assert.deepEqual(errors(), []);
  });

  it('deploy a file that the pod lacks and train again', async () => {
    rmSync(join(podWorkspace, 'moola/data/windows.csv'));
    assert.notEqual((await train('logreg')).exitCode, 0);
    await until('the problem is shown', () => problems().some(({ diagnostic }) => diagnostic.code === 'file-not-found'));
    const fix = (await quickFixes('file-not-found')).find(({ title }) => title === 'Deploy data/windows.csv and train again');
    assert.ok(fix, 'no such quick fix');
    assertSucceeded(await endOf(await choose(fix)));
    assert.deepEqual(errors(), []);
  });

  it('run the stage that makes an encoder that is missing', async () => {
    const request = { model: 'cnn_transformer', device: 'cpu', wait: true };
    assert.notEqual((await command<Ended>(commands.train, request)).exitCode, 0);
    await until('the problem is shown', () => problems().some(({ diagnostic }) => diagnostic.code === 'encoder-not-found'));
    const fix = (await quickFixes('encoder-not-found')).find(({ title }) => title === 'Run stage pretrain');
    assert.ok(fix, 'no such quick fix');
    assertSucceeded(await endOf(await choose(fix)));
    assert.ok(existsSync(join(podWorkspace, 'moola/artifacts/pretrained/encoder.pt')));
    await notified('Stage pretrain is done. Train cnn_transformer again?', 'Train Again');
    assertSucceeded(await command<Ended>(commands.train, request));
    assert.deepEqual(errors(), []);
  });

  it('do not edit what was changed meanwhile', async () => {
    const bug = await plant('learning-rate');
    await train(bug.model);
    await until('the problem is shown', () => problems().some(({ diagnostic }) => diagnostic.code === 'nan-loss'));
    await mend(bug);
    assert.ok((await quickFixes('nan-loss')).every(({ title }) => !/^Change learning_rate/.test(title)));
  });
});

/** Where the edit of a fix is. */
function edited(fix: vscode.CodeAction): { readonly file: string; readonly line: number } {
  const [[uri, edits]] = (fix.edit?.entries() ?? []) as [[vscode.Uri, vscode.TextEdit[]]];
  return { file: vscode.workspace.asRelativePath(uri), line: (edits[0]?.range.start.line ?? -1) + 1 };
}

/** The smallest wheel that pip installs: one empty module. */
function makeWheel(folder: string, name: string): void {
  mkdirSync(folder, { recursive: true });
  const script = `
import sys, zipfile
folder, name = sys.argv[1:]
info = f"{name}-1.0.dist-info"
with zipfile.ZipFile(f"{folder}/{name}-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}.py", "")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", f"{name}.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
`;
  execFileSync('python3', ['-c', script, folder, name]);
}
