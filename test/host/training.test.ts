import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { commands } from '../../src/manifest';
import { person } from './support/person';
import {
  assertSucceeded,
  at,
  closeNotifications,
  command,
  type Ended,
  errors,
  notified,
  output,
  plant,
  problems,
  replaceIn,
  restoreProject,
  startPod,
  stopPod,
  train,
  until,
} from './steps';

describe('training', function () {
  this.timeout(180_000);
  before(startPod);
  after(stopPod);
  afterEach(closeNotifications);
  afterEach(restoreProject);

  it('streams the output into a channel and ends with the exit code', async () => {
    const { run, exitCode } = await train('logreg');
    assert.equal(exitCode, 0);
    await until('the output is complete', () => output().includes('Ended with exit code 0'));
    assert.match(output(), new RegExp(`^> logreg on practice, run ${run}: python -m moola.cli oof --model logreg`));
    assert.match(output(), /loss/i);
    await notified('logreg trained on practice', 'Download Results');
  });

  it('shows pod, model, epoch and loss in the status bar', async function () {
    if (!person.available) this.skip();
    const ended = train('logreg');
    await person.sees('.statusbar-item:has-text("practice"):has-text("logreg epoch")');
    await ended;
    await person.sees('.statusbar-item:has-text("logreg done, loss")');
  });

  it('shows a failure at the local line, with the other frames beside it', async () => {
    const bug = await plant('feature-axis');
    assert.notEqual((await train(bug.model)).exitCode, 0);
    await until('the problem is shown', () => problems().length > 0);
    const found = problems().find(({ diagnostic }) => diagnostic.code === bug.expect);
    assert.ok(found, JSON.stringify(problems()));
    assert.match(found.file, /^src\/moola\//);
    const document = await vscode.workspace.openTextDocument(at(found.file));
    assert.ok(document.lineAt(found.diagnostic.range.start.line).text.trim() !== '');
    assert.equal(found.diagnostic.severity, vscode.DiagnosticSeverity.Error);
    const related = found.diagnostic.relatedInformation ?? [];
    assert.ok(related.length > 0);
    assert.ok(related.every(({ location }) => vscode.workspace.getWorkspaceFolder(location.uri)));
    await notified('logreg:', 'Show');
    assert.ok(found.diagnostic.range.start.character > 0, 'without the indentation');
  });

  it('takes the problem away when the model is trained again', async () => {
    assert.ok(problems().length > 0);
    await command(commands.deployChanged);
    assertSucceeded(await train('logreg'));
    assert.deepEqual(errors(), []);
  });

  it('runs a command instead of a model', async () => {
    const ended = await command<Ended>(commands.train, { command: 'echo "$PYTHONPATH"; exit 3', wait: true });
    assert.equal(ended.exitCode, 3);
    await notified('failed on practice with exit code 3', 'Show Output');
  });

  it('strips control sequences and keeps a progress bar short', async () => {
    const bar = `python -c "import sys; [sys.stdout.write(chr(13) + str(i) + '%') for i in range(101)]; print(chr(10) + chr(27) + '[31mred' + chr(27) + '[0m')"`;
    await command(commands.train, { command: bar, wait: true });
    await until('the output is complete', () => /^red$/m.test(output()));
    assert.match(output(), /^100%$/m);
    assert.doesNotMatch(output(), /^50%$/m);
  });

  it('stops a run', async () => {
    const { run } = await command<{ readonly run: string }>(commands.train, { command: 'sleep 600' });
    const ended = command<Ended>(commands.followRun, { run, wait: true });
    assert.equal(await command(commands.stopTraining), run);
    assert.notEqual((await ended).exitCode, 0);
  });

  it('trains the same again', async () => {
    const first = await command<Ended>(commands.train, { command: 'echo "seed {seed}"', seed: 5, wait: true });
    const again = await command<Ended>(commands.trainAgain, { wait: true });
    assertSucceeded(again);
    assert.notEqual(again.run, first.run);
    await until('its output is shown', () => output().includes(again.run) && output().includes('seed 5'));
  });

  it('offers what can be done from the status bar', async function () {
    if (!person.available) this.skip();
    await person.click('.statusbar-item:has-text("practice")');
    await person.sees('.quick-input-widget:has-text("Train Again")');
    await person.press('Escape');
  });

  it('shows the output of the newest run', async () => {
    await vscode.commands.executeCommand('workbench.action.closePanel');
    await command(commands.showOutput);
    if (person.available) await person.sees('.output-view:has-text("Ended with exit code 0")');
  });

  it('takes up a run that something else has started', async () => {
    const started = await command<Ended>(commands.train, { command: 'echo taken up', wait: true });
    assertSucceeded(await command<Ended>(commands.followRun, { run: started.run, wait: true }));
    await until('its output is shown whole', () => output().includes('taken up'));
  });

  it('says what to do about a model that is not there', async () => {
    assert.equal(await command(commands.train, { model: 'logrek' }), undefined);
    await notified('Did you mean "logreg"');
  });

  it('says what to do when runpod.json is broken', async () => {
    await replaceIn('runpod.json', '"seed": 1337', '"seed": -1');
    assert.equal(await command(commands.train, { model: 'logreg' }), undefined);
    assert.ok(problems().some(({ file }) => file === 'runpod.json'));
    await notified('runpod.json has a problem', 'Open runpod.json');
    await replaceIn('runpod.json', '"seed": -1', '"seed": 1337');
    assertSucceeded(await train('logreg'));
    assert.deepEqual(errors(), []);
  });
});
