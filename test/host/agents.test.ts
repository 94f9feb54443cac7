import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { commands } from '../../src/manifest';
import { command, errors, mend, output, plant, replaceIn, restoreProject, startPod, stopPod, until, workspace } from './steps';
import { person } from './support/person';

const extension = vscode.extensions.getExtension('runpod-orchestrator.runpod-orchestrator');
const contributed = (extension?.packageJSON as { contributes: { languageModelTools: readonly { name: string }[] } }).contributes;
const names = contributed.languageModelTools.map(({ name }) => name);
const dialog = '.monaco-dialog-box';

describe('agents in the editor', function () {
  this.timeout(120_000);
  const called = new Set<string>();

  before(async function () {
    // Confirmations are answered as a person does.
    if (!person.available) this.skip();
    await startPod();
  });
  afterEach(async () => {
    for (const name of ['runpod.agents.limits', 'runpod.agents.offer'])
      await vscode.workspace.getConfiguration().update(name, undefined, vscode.ConfigurationTarget.Global);
  });
  after(stopPod);

  /** A tool that only reads: nobody is asked. */
  async function ask(name: string, input: object = {}, token?: vscode.CancellationToken): Promise<string> {
    called.add(`runpod_${name}`);
    const { content } = await vscode.lm.invokeTool(`runpod_${name}`, { input, toolInvocationToken: undefined }, token);
    return content.map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : '')).join('');
  }

  /** A tool that acts: the person is told what will happen, and agrees. */
  async function act(name: string, input: object, ...told: readonly RegExp[]): Promise<string> {
    const answer = ask(name, input);
    answer.catch(() => undefined);
    await person.sees(dialog);
    const text = await person.text(dialog);
    for (const expected of told) assert.match(text, expected);
    await person.click(`${dialog} .monaco-button:not(.secondary)`);
    return answer;
  }

  const runIn = (text: string): string => /\d{8}-\d{6}-[\w-]+/.exec(text)?.[0] ?? assert.fail(text);

  async function finished(run: string): Promise<string> {
    for (let input: object = { run, kinds: ['finish'] }; ;) {
      const answer = await ask('wait_for_event', input);
      if (answer.includes('[finish]')) return answer;
      input = { cursor: /Cursor: (\S+)/.exec(answer)?.[1], kinds: ['finish'] };
    }
  }

  it('are offered every tool that is contributed', () => {
    const registered = vscode.lm.tools.map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => !registered.includes(name)),
      [],
    );
  });

  it('are offered the MCP server where a person wants it, and the editor starts it by itself', async () => {
    // By default its tools are enough: both would be each of them twice.
    const settings = () => vscode.workspace.getConfiguration('runpod.agents');
    assert.equal(settings().get('offer'), 'tools');
    await settings().update('offer', 'both', vscode.ConfigurationTarget.Global);
    void vscode.commands.executeCommand('workbench.mcp.listServer');
    await person.click('.quick-input-list .monaco-list-row:has-text("RunPod")');
    await person.screenshot('mcp-server');
    await person.click('.quick-input-list .monaco-list-row:has-text("Start Server")');
    await until('its tools are there', () => vscode.lm.tools.some(({ name }) => /^mcp_.*_start_training$/.test(name)));
  });

  it('go around the loop, a person agrees to each step, and the window shows it', async () => {
    const bug = await plant('feature-axis');
    assert.match(await ask('list_pods'), /practice/);
    assert.match(await ask('verify'), /remote root|Python/i);
    const run = runIn(await act('start_training', { model: 'logreg' }, /Start on pod practice, in .*moola/, /python.* logreg/));
    assert.match(await finished(run), /\[finish\] failed/);
    await until("the failure of the agent's run stands in Problems", () => errors().some(({ file }) => file === bug.file));
    assert.match(await ask('findings', { run }), /features\.py:\d+/);
    assert.match(await ask('read_log', { run, search: 'error' }), /match/);
    assert.match(await ask('run_status', { run }), /failed/);
    assert.match(await ask('apply_fix', { run }), /./);
    await mend(bug);
    const again = await act(
      'fix_and_retry',
      { run, files: [bug.file] },
      /Put 1 file on pod practice, below .*moola/,
      /features\.py/,
      /Start run .* again/,
    );
    assert.match(await finished(runIn(again.split('Run ')[1] ?? '')), /\[finish\] succeeded/);
    const fetched = await act(
      'download_results',
      { model: 'logreg', folder: 'fetched' },
      /Fetch the results of logreg from pod practice into .*fetched/,
    );
    const [, predictions] = /\((\S+\.npy)/.exec(fetched) ?? [];
    assert.ok(predictions, fetched);
    assert.match(await ask('validate', { files: [predictions] }), /accuracy|rows/);
  });

  it('put files there and back, run commands, stop runs', async () => {
    await replaceIn('README.md', '#', '# changed\n#');
    assert.match(await act('deploy', { changed: true }, /Put 1 file on pod practice/, /README\.md/), /1 file/);
    assert.match(
      await act('exec', { command: 'echo from the pod' }, /Run on pod practice, in .*moola/, /echo from the pod/),
      /from the pod/,
    );
    await act('upload', { local: 'runpod.json', remote: 'copy.json' }, /Put runpod\.json on pod practice, as copy\.json/);
    await act('download', { remote: 'copy.json', local: 'results/copy.json' }, /Fetch copy\.json from pod practice into .*results/);
    const run = runIn(await act('start_training', { command: 'sleep 600' }, /sleep 600/));
    assert.match(await ask('list_runs'), new RegExp(`${run}.*running`));
    assert.match(await ask('gpu_status'), new RegExp(run));
    assert.match(
      await act('stop_run', { run, interruptSeconds: 1 }, /Stop on pod practice/, new RegExp(`${run}: sleep 600`)),
      /was stopped/,
    );
    await act('repair', { checks: [] }, /Repair on pod practice/);
  });

  it('have used every tool by now', () => {
    assert.deepEqual(
      names.filter((name) => !called.has(name)),
      [],
    );
  });

  it('are told what is wrong, and can be cancelled', async () => {
    await assert.rejects(ask('run_status', { run: '20260101-000000-x-0000' }), /There is no run/);
    const source = new vscode.CancellationTokenSource();
    const run = runIn(await act('start_training', { command: 'sleep 600' }));
    const waiting = ask('wait_for_event', { run, kinds: ['finish'] }, source.token);
    setTimeout(() => source.cancel(), 300);
    await assert.rejects(waiting);
    await act('stop_run', { run, interruptSeconds: 1 });
  });

  it('do nothing when the person declines', async () => {
    const declined = ask('exec', { command: 'touch declined' });
    declined.catch(() => undefined);
    await person.sees(dialog);
    await person.press('Escape');
    await assert.rejects(declined);
    assert.doesNotMatch(await act('exec', { command: 'ls' }), /declined/);
  });

  it('keep to the limits in the settings', async () => {
    await vscode.workspace.getConfiguration().update('runpod.agents.limits', { exec: ['ls *'] }, vscode.ConfigurationTarget.Global);
    await assert.rejects(
      ask('exec', { command: 'rm -rf .' }),
      /Refused: agents may run only commands like `ls \*`.*the setting runpod\.agents\.limits/,
    );
    await act('exec', { command: 'ls -a' }, /ls -a/);
  });

  it('and people in a terminal share one state with the window', async function () {
    await restoreProject();
    const cli = join(extension?.extensionPath ?? '', 'dist/cli.js');
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    const training = promisify(execFile)(process.execPath, [cli, 'train', 'logreg', '--json'], { cwd: workspace, env });
    const shown = async () => {
      await command(commands.showOutput);
      return /, run (\S+):/.exec(
        output()
          .split('\n')
          .findLast((line) => line.includes(', run ')) ?? '',
      )?.[1];
    };
    const { stdout } = await training;
    const run = runIn(stdout);
    await until('the run of the terminal is in the output', async () => (await shown()) === run);
    await command(commands.showJournal);
    const journal = vscode.window.activeTextEditor?.document.getText() ?? '';
    assert.match(journal, /agent \S.* start_training .*"model":"logreg"/);
    assert.match(journal, /agent \S.* ✗ exec .*rm -rf.*Refused/);
    assert.match(journal, /person rpo +train /);
    assert.match(journal, /person \S.* deployChanged/);
  });
});
