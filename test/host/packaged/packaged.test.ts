import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commands } from '../../../src/manifest';
import { assertSucceeded, command, endOf, startPod, stopPod } from '../steps';

const extension = vscode.extensions.getExtension('runpod-orchestrator.runpod-orchestrator');

describe('the packaged extension, installed', function () {
  this.timeout(180_000);
  after(stopPod);

  it('brings what it needs and nothing else', () => {
    assert.ok(extension);
    for (const path of ['dist/extension.js', 'dist/later.js', 'dist/cli.js', 'examples/moola/runpod.json', 'media/runpod.schema.json']) {
      assert.ok(existsSync(join(extension.extensionPath, path)), path);
    }
    for (const path of ['src', 'node_modules', 'test']) assert.ok(!existsSync(join(extension.extensionPath, path)), path);
  });

  it('brings what its pages link to', () => {
    assert.ok(extension);
    const page = readFileSync(join(extension.extensionPath, 'readme.md'), 'utf8');
    const links = [...page.matchAll(/\]\(([^)#\s]+)/g)].map((match) => match[1] ?? '').filter((to) => !/^[a-z]+:/.test(to));
    assert.ok(links.length > 3);
    // vsce writes the names of its own pages small.
    const isThere = (to: string) =>
      existsSync(join(extension.extensionPath, to)) || existsSync(join(extension.extensionPath, to.toLowerCase()));
    assert.deepEqual(
      links.filter((to) => !isThere(to)),
      [],
    );
  });

  it('deploys, trains and fetches', async () => {
    await startPod();
    assertSucceeded(await endOf(await command<{ readonly run: string }>(commands.train, { model: 'logreg' })));
    const report = await command<{ readonly files: readonly unknown[] }>(commands.downloadResults, { model: 'logreg' });
    assert.equal(report.files.length, 2);
  });

  it('copies the example project', async () => {
    // Opening it would end this window, and the test with it: only the copy is looked at.
    const source = join(extension?.extensionPath ?? '', 'examples/moola');
    assert.ok(statSync(join(source, 'data/windows.csv')).size > 0);
  });
});
