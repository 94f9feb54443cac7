import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { DeployReport } from '../../src/deploy/deploy';
import { commands } from '../../src/manifest';
import { person } from './support/person';
import { at, closeNotifications, command, notified, onPod, replaceIn, shown, startPod, stopPod, until } from './steps';

const file = 'src/moola/config/training.py';
const local = () => readFile(at(file).fsPath, 'utf8');
const sent = (report: DeployReport | undefined) => report?.files.filter(({ changed }) => changed).map(({ path }) => path);

describe('deploying', function () {
  this.timeout(120_000);
  before(startPod);
  after(stopPod);
  afterEach(closeNotifications);

  it('has put everything there that the project deploys', async () => {
    assert.equal(onPod(file), await local());
    assert.deepEqual(sent(await command<DeployReport>(commands.deployChanged)), []);
  });

  it('saves the current file and sends it', async () => {
    const editor = await vscode.window.showTextDocument(at(file));
    await editor.edit((edit) => edit.insert(new vscode.Position(0, 0), '# typed, not saved\n'));
    // A window that is slow tells late which editor is in front.
    await until('the file is in front', () => vscode.window.activeTextEditor?.document === editor.document);
    const report = await command<DeployReport | undefined>(commands.deployCurrentFile);
    if (!report) assert.fail(`in front: ${vscode.window.activeTextEditor?.document.uri.toString()}; ${await shown()}`);
    assert.deepEqual(sent(report), [file]);
    assert.ok(!editor.document.isDirty);
    assert.match(onPod(file), /^# typed, not saved\n/);
    if (person.available) await person.sees('.statusbar-item:has-text("training.py on practice in")');
  });

  it('sends several files and folders from the explorer', async () => {
    await replaceIn(file, '# typed', '# chosen');
    await replaceIn('src/moola/models/logreg.py', '\n', '\n# chosen\n');
    await replaceIn('src/moola/models/rf.py', '\n', '\n# chosen\n');
    const report = await command<DeployReport>(commands.deployResources, at(file), [at(file), at('src/moola/models')]);
    assert.deepEqual([...(sent(report) ?? [])].sort(), [file, 'src/moola/models/logreg.py', 'src/moola/models/rf.py']);
  });

  it('sends what changed', async () => {
    await replaceIn(file, '# chosen', '# changed');
    assert.deepEqual(sent(await command<DeployReport>(commands.deployChanged)), [file]);
  });

  it('sends a preset of runpod.json', async () => {
    await replaceIn(file, '# changed', '# preset');
    assert.deepEqual(sent(await command<DeployReport>(commands.deployPreset, { preset: 'config' })), [file]);
    assert.match(onPod(file), /^# preset/);
  });

  it('sends on save when asked to', async () => {
    const settings = vscode.workspace.getConfiguration('runpod');
    await settings.update('deploy.onSave', true, vscode.ConfigurationTarget.Workspace);
    const editor = await vscode.window.showTextDocument(at(file));
    await editor.edit((edit) => edit.insert(new vscode.Position(0, 0), '# saved\n'));
    await editor.document.save();
    await until('the pod has it', () => onPod(file).startsWith('# saved'));
    await settings.update('deploy.onSave', undefined, vscode.ConfigurationTarget.Workspace);
  });

  it('imports on the pod what was sent, when asked to', async () => {
    const settings = vscode.workspace.getConfiguration('runpod');
    await settings.update('deploy.testImports', true, vscode.ConfigurationTarget.Workspace);
    const model = 'src/moola/models/logreg.py';
    await replaceIn(model, 'standardise\n', 'standardize\n');
    await command(commands.deployResources, at(model), [at(model)]);
    await notified(`cannot be imported on practice`, 'Open');
    assert.match(onPod(model), /standardize/, 'the deploy stands');
    await closeNotifications();
    await replaceIn(model, 'standardize\n', 'standardise\n');
    await command(commands.deployResources, at(model), [at(model)]);
    if (person.available) await person.sees('.statusbar-item:has-text("modules imported")');
    await settings.update('deploy.testImports', undefined, vscode.ConfigurationTarget.Workspace);
  });

  it('says so when a file is outside of any project', async () => {
    const outside = await vscode.workspace.openTextDocument({ content: 'x' });
    await vscode.window.showTextDocument(outside);
    assert.equal(await command(commands.deployCurrentFile), undefined);
    await notified('is not a file on this disk');
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  });
});
