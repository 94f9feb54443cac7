import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commands } from '../../src/manifest';
import { person } from './support/person';
import { at, closeNotifications, command, notified, problems, until } from './steps';

const podsFile = join(process.env['RPO_HOME'] ?? '', 'pods.json');
const pods = () => JSON.parse(readFileSync(podsFile, 'utf8')) as { readonly selected?: string; readonly pods: Record<string, unknown> };

describe('setting up', () => {
  afterEach(closeNotifications);

  it('says what to do when there is no pod yet', async () => {
    assert.deepEqual(existsSync(podsFile) ? pods().pods : {}, {});
    assert.equal(await command(commands.deployChanged), undefined);
    await notified('No pod is set up yet', 'Start Practice Pod');
  });

  it("adds a pod by the SSH line of RunPod's console, pasted whole", async () => {
    const line = '$ ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519\n';
    assert.equal(await command(commands.addPod, { line, name: 'gpu' }), 'gpu');
    assert.deepEqual(pods(), {
      selected: 'gpu',
      pods: { gpu: { host: '213.173.98.12', port: 12345, user: 'root', identityFile: '~/.ssh/id_ed25519' } },
    });
  });

  it('refuses what is no SSH line, while it is typed', async function () {
    if (!person.available) this.skip();
    const added = command(commands.addPod);
    await person.sees('.quick-input-widget:has-text("Paste the SSH line")');
    await person.type('ssh root@ssh.runpod.io -i ~/.ssh/id_ed25519');
    await person.sees('.quick-input-message:has-text("it gives a terminal only")');
    await person.screenshot('add-pod');
    await person.press('Escape');
    assert.equal(await added, undefined);
  });

  it('offers the hosts of ~/.ssh/config', async function () {
    if (!person.available) this.skip();
    const folder = join(homedir(), '.ssh');
    assert.ok(folder.startsWith(tmpdir()), 'not the real one');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'config'), 'Host mybox\n  HostName 10.0.0.9\n');
    const added = command(commands.addPod);
    await person.sees('.quick-input-list .monaco-list-row:has-text("mybox")');
    await person.type('mybox');
    await person.press('Enter');
    await person.sees('.quick-input-widget:has-text("What to call mybox")');
    await person.press('Enter');
    assert.equal(await added, 'mybox');
    assert.deepEqual(pods().pods['mybox'], { sshConfigHost: 'mybox' });
    await command(commands.removePod, { pod: 'mybox' });
    await rm(join(folder, 'config'));
  });

  it('selects one of several pods', async () => {
    await command(commands.addPod, { line: 'ssh root@10.0.0.1 -p 22', name: 'other' });
    assert.equal(pods().selected, 'other');
    assert.equal(await command(commands.selectPod, { pod: 'gpu' }), 'gpu');
    assert.equal(pods().selected, 'gpu');
  });

  it('shows the selected pod in the status bar', async () => {
    if (person.available) await person.sees('.statusbar-item:has-text("gpu")');
  });

  it('removes pods', async () => {
    for (const pod of ['gpu', 'other']) await command(commands.removePod, { pod });
    assert.deepEqual(pods().pods, {});
  });

  it('offers the walkthrough, from a command', async () => {
    await command(commands.openWalkthrough);
    const labels = () => vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.map(({ label }) => label));
    await until('its page is open', () => labels().some((label) => /Walkthrough|Welcome/.test(label)));
    if (person.available) {
      await person.sees('.gettingStartedContainer:has-text("Choose a pod")');
      await person.screenshot('walkthrough');
    }
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('copies the example project to where the person says, never over something', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rpo-example-'));
    try {
      for (const name of ['moola', 'moola-2']) {
        assert.equal(await command(commands.openExample, { folder }), join(folder, name));
        assert.equal(readFileSync(join(folder, name, 'src/moola/cli.py'), 'utf8'), readFileSync(at('src/moola/cli.py').fsPath, 'utf8'));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('shows a bad value of runpod.json at its line, until it is mended', async () => {
    const uri = at('runpod.json');
    const good = await readFile(uri.fsPath, 'utf8');
    const line = good.split('\n').findIndex((each) => each.includes('"seed": 1337'));
    const document = await vscode.workspace.openTextDocument(uri);
    assert.equal(document.languageId, 'jsonc');
    const edit = new vscode.WorkspaceEdit();
    edit.replace(uri, document.lineAt(line).range, '    "seed": "many",');
    await vscode.workspace.applyEdit(edit);
    await document.save();
    await until('the problem is shown', () =>
      problems().some(({ file, diagnostic }) => file === 'runpod.json' && diagnostic.range.start.line === line),
    );
    await writeFile(uri.fsPath, good);
    await until('the document is read again', () => document.getText() === good);
    await command(commands.createConfig);
    await vscode.workspace.applyEdit(touch(uri, document));
    await document.save();
    await until('the problem is gone', () => problems().length === 0);
    await writeFile(uri.fsPath, good);
  });
});

/** An edit that changes nothing that counts, so that there is something to save. */
function touch(uri: vscode.Uri, document: vscode.TextDocument): vscode.WorkspaceEdit {
  const edit = new vscode.WorkspaceEdit();
  edit.insert(uri, document.lineAt(document.lineCount - 1).range.end, '\n');
  return edit;
}
