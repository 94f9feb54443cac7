import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Editor } from '../support/editor';
import { startEditor } from '../support/editor';

const config = 'src/moola/config/training.py';
const good = 'learning_rate: float = 1.0';
const bad = 'learning_rate: float = 100.0';

/** The whole loop in a window, with mouse and keyboard: what a newcomer does in the first minutes. */
describe('the loop, as a person goes through it', function () {
  this.timeout(300_000);
  let editor: Editor;
  const file = () => join(editor.workspace, config);
  const onPod = () => join(editor.rpoHome, 'practice/workspace/moola', config);

  const brokenLine = () =>
    editor.page.locator('.editor-instance .view-line', { hasText: 'raise' }).filter({ hasText: 'FloatingPointError' });

  before(async () => {
    editor = await startEditor({ extension: 'packaged', settings: { 'chat.disableAIFeatures': true } });
    // The palette that is opened before an extension is known never hears of it.
    await editor.page.locator('.statusbar', { hasText: 'RunPod' }).waitFor();
  });
  after(() => editor.dispose());
  afterEach(async function () {
    if (this.currentTest?.isFailed())
      console.log(await editor.screenshot(`failed-${this.currentTest.title.replace(/\W+/g, '-')}`), editor.log());
  });

  it('starts the practice pod from the palette and deploys the project from the notification', async () => {
    await editor.command('RunPod: Start Practice Pod');
    const started = editor.notification('The practice pod runs on this machine');
    await started.waitFor({ timeout: 60_000 });
    await editor.screenshot('1-practice-pod');
    await started.getByRole('button', { name: 'Deploy Changed Files' }).click();
    await editor.page.locator('.statusbar', { hasText: /files on practice in/ }).waitFor({ timeout: 30_000 });
    assert.equal(readFileSync(onPod(), 'utf8'), readFileSync(file(), 'utf8'));
  });

  it('trains a model chosen from a list, with epoch and loss in the status bar', async () => {
    await editor.command('RunPod: Train Model');
    await editor.pick('logreg');
    await editor.page.locator('.statusbar', { hasText: /logreg epoch \d+/ }).waitFor({ timeout: 60_000 });
    await editor.screenshot('2-training');
    await editor.notification('logreg trained on practice').waitFor({ timeout: 60_000 });
    await editor.screenshot('3-trained');
    await editor.command('Notifications: Clear All Notifications');
  });

  it('deploys a broken file from the context menu of the explorer', async () => {
    writeFileSync(file(), readFileSync(file(), 'utf8').replace(good, bad));
    await editor.openFile('training.py');
    await editor.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'training.py' }).click({ button: 'right' });
    const item = editor.page.locator('.context-view .action-item', { hasText: 'Deploy to Pod' });
    await item.waitFor();
    await editor.screenshot('4-context-menu');
    await item.click();
    await editor.page.locator('.statusbar', { hasText: /training\.py on practice in/ }).waitFor();
    assert.match(readFileSync(onPod(), 'utf8'), new RegExp(bad));
  });

  it('sees what broke at the local line', async () => {
    await editor.command('RunPod: Train Again');
    const finding = editor.notification('train_loss became nan');
    await finding.waitFor({ timeout: 60_000 });
    await editor.screenshot('5-finding');
    await finding.getByRole('button', { name: 'Show', exact: true }).click();
    await editor.page.locator('.markers-panel .monaco-list-row', { hasText: 'nan-loss' }).waitFor();
    await editor.page.locator('.tab.active', { hasText: 'softmax.py' }).waitFor();
    await brokenLine().waitFor();
    await editor.screenshot('6-problems');
  });

  it('takes the quick fix from the light bulb', async () => {
    await brokenLine().click();
    await editor.command('Notifications: Clear All Notifications');
    await brokenLine().click();
    await editor.page.keyboard.press('Control+.');
    const fix = editor.page.locator('.action-widget .monaco-list-row', { hasText: 'Change learning_rate from 100.0 to 10' });
    await fix.waitFor();
    await editor.screenshot('problems');
    await fix.click();
    const edited = editor.notification('100.0 became 10');
    await edited.waitFor();
    await editor.screenshot('7-edited');
    await edited.getByRole('button', { name: 'Deploy and Train Again' }).click();
  });

  it('trains again to success, and the problem is gone', async () => {
    await editor.notification('logreg trained on practice').waitFor({ timeout: 60_000 });
    await editor.page.locator('.markers-panel', { hasText: 'nan-loss' }).waitFor({ state: 'detached' });
    assert.match(readFileSync(onPod(), 'utf8'), /learning_rate: float = 10(\.0)?\b/);
    await editor.screenshot('8-mended');
  });

  it('fetches the results from the notification', async () => {
    await editor.notification('logreg trained on practice').getByRole('button', { name: 'Download Results' }).first().click();
    const fetched = editor.notification('Results of logreg: 2 files in results.');
    await fetched.waitFor({ timeout: 30_000 });
    await editor.screenshot('9-results');
  });

  it('is asked before something is replaced that changed on the pod meanwhile', async () => {
    const mine = readFileSync(file(), 'utf8');
    writeFileSync(onPod(), '# of somebody else\n');
    await editor.page.locator('.tab', { hasText: /^training\.py/ }).click();
    await editor.command('RunPod: Deploy Current File to Pod');
    const dialog = editor.page.locator('.monaco-dialog-box', { hasText: 'changed on practice since' });
    await dialog.waitFor();
    await editor.screenshot('10-changed-on-pod');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(readFileSync(onPod(), 'utf8'), '# of somebody else\n');

    await editor.command('RunPod: Deploy Current File to Pod');
    await dialog.getByRole('button', { name: 'Show Difference' }).click();
    await editor.page.locator('.monaco-diff-editor', { hasText: '# of somebody else' }).waitFor();
    await editor.screenshot('11-difference');
    await editor.notification('changed on practice since').getByRole('button', { name: 'Overwrite' }).click();
    await editor.page.locator('.statusbar', { hasText: /training\.py on practice in/ }).waitFor();
    assert.equal(readFileSync(onPod(), 'utf8'), mine);
  });

  it('goes on following a run after the window was reloaded', async () => {
    // Long enough to be going on yet when the window is back, however slow this machine is.
    writeFileSync(file(), readFileSync(file(), 'utf8').replace('epochs: int = 60', 'epochs: int = 400'));
    await editor.command('RunPod: Deploy Current File to Pod');
    for (const until = Date.now() + 30_000; !/epochs: int = 400/.test(readFileSync(onPod(), 'utf8'));) {
      assert.ok(Date.now() < until, 'the longer training was not deployed');
      await sleep(100);
    }
    await editor.command('RunPod: Train Model');
    await editor.pick('logreg');
    await editor.page.locator('.statusbar', { hasText: /logreg epoch \d+/ }).waitFor({ timeout: 60_000 });
    await editor.page.reload();
    await editor.page.waitForSelector('.monaco-workbench .statusbar');
    await editor.page.locator('.statusbar', { hasText: /logreg (epoch|done)/ }).waitFor({ timeout: 60_000 });
    await editor.page.locator('.statusbar', { hasText: /logreg done/ }).waitFor({ timeout: 120_000 });
    await editor.page.locator('.output-view-pane, .output-view', { hasText: 'Ended with exit code 0' }).waitFor();
    await editor.screenshot('12-after-reload');
  });
});
