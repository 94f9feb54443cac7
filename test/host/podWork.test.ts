import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { VerifyReport } from '../../src/doctor/check';
import { commands } from '../../src/manifest';
import type { PipelineView } from '../../src/pipeline/pipeline';
import { findPracticePod } from '../../src/practice/practicePod';
import type { FetchReport } from '../../src/results/fetch';
import {
  assertSucceeded,
  at,
  closeNotifications,
  command,
  mend,
  notified,
  plant,
  podWorkspace,
  problems,
  startPod,
  stopPod,
  train,
  until,
  workspace,
} from './steps';
import { person } from './support/person';

const folder = join(process.env['RPO_HOME'] ?? '', 'practice');

describe('on the pod', function () {
  this.timeout(180_000);
  before(startPod);
  after(stopPod);
  afterEach(closeNotifications);

  it('verifies the environment and says what to do', async () => {
    const report = await command<VerifyReport>(commands.verifyEnvironment);
    assert.equal(report.pod, 'practice');
    assert.ok(
      report.checks.some(({ id, status }) => id === 'python' && status === 'passed'),
      JSON.stringify(report.checks),
    );
    await notified('practice is', 'Show Checks');
    await vscode.commands.executeCommand('runpod.environment.focus');
    await person.sees('.pane-body .monaco-list-row:has-text("Project folder")');
    await person.screenshot('environment');
  });

  it('repairs in one step what verifying found', async () => {
    await rm(join(podWorkspace, 'moola/data/windows.csv'));
    const broken = await command<VerifyReport>(commands.verifyEnvironment);
    assert.equal(broken.checks.find(({ id }) => id === 'file:data/windows.csv')?.status, 'failed');
    await vscode.commands.executeCommand('runpod.environment.focus');
    await person.click('.pane-body .monaco-list-row:has-text("Deploy data/windows.csv")');
    await until('the file is back', () => existsSync(join(podWorkspace, 'moola/data/windows.csv')));
    await notified('practice is', 'Show Checks');
  });

  it("runs a command in the project's environment", async () => {
    assert.deepEqual(await command(commands.runCommand, { command: 'test "$PYTHONPATH" = src && exit 7' }), { exitCode: 7 });
  });

  it('fetches what a run left when it ends', async () => {
    const ended = await train('logreg');
    assertSucceeded(ended);
    await until('the log is here', () => existsSync(at(`results/.runpod/runs/${ended.run}/output.log`).fsPath));
    assert.ok(existsSync(at('results/artifacts/oof/logreg/v1/seed_1337.npy').fsPath));
    assert.equal(
      await command(commands.deployChanged).then(() => existsSync(join(podWorkspace, 'moola/results'))),
      false,
      'never deployed',
    );
  });

  it('downloads results and judges them', async () => {
    assertSucceeded(await train('logreg'));
    await closeNotifications();
    const report = await command<FetchReport>(commands.downloadResults, { model: 'logreg' });
    assert.deepEqual(report.files.map(({ path }) => path).sort(), ['artifacts/oof/labels.npy', 'artifacts/oof/logreg/v1/seed_1337.npy']);
    assert.ok(existsSync(at('results/artifacts/oof/logreg/v1/seed_1337.npy').fsPath));
    await notified('Results of logreg: 2 files in results. seed_1337.npy:', 'Reveal in Explorer');
  });

  it('opens an array as a page', async () => {
    const file = at('results/artifacts/oof/logreg/v1/seed_1337.npy');
    await vscode.commands.executeCommand('vscode.open', file);
    await until('the tab is there', () =>
      vscode.window.tabGroups.all.some(({ tabs }) =>
        tabs.some(({ input }) => input instanceof vscode.TabInputCustom && input.viewType === 'runpod.array'),
      ),
    );
    await person.screenshot('array');
  });

  it('shows in Problems what is wrong with predictions', async () => {
    const file = join(podWorkspace, 'moola/artifacts/oof/logreg/v1/seed_1337.npy');
    const bytes = await readFile(file);
    // float32 or float64 alike: the first class gets everything.
    await writeFile(file, collapsed(bytes));
    await command<FetchReport>(commands.downloadResults, { model: 'logreg' });
    const found = problems().filter(({ file: path }) => path.endsWith('seed_1337.npy'));
    assert.match(found.map(({ diagnostic }) => diagnostic.message).join('\n'), /Class collapse: all 300 rows are predicted as class/);
    assert.ok(
      found.some(({ diagnostic }) => /of the run before/.test(diagnostic.message)),
      JSON.stringify(found),
    );
    await person.screenshot('array-collapsed');
  });

  it('retrains the stages, with a tree that shows where it stands', async () => {
    const ended = command<PipelineView>(commands.retrainPipeline, { models: ['logreg', 'rf'], device: 'cpu' });
    await person.sees('.pane-body .monaco-list-row:has-text("base-models")');
    const view = await ended;
    assert.equal(view.state, 'succeeded', JSON.stringify(view));
    await person.sees('.pane-body .monaco-list-row:has-text("85.3%")');
    await person.screenshot('pipeline');
    await notified('The pipeline succeeded: 2 trained. Best: rf');
  });

  it('asks what to retrain, when it was not said', async function () {
    if (!person.available) this.skip();
    const ended = command<PipelineView>(commands.retrainPipeline, { device: 'cpu' });
    const picks = '.quick-input-widget';
    await person.click(`${picks} .monaco-list-row:has-text("Some Models")`);
    for (const other of ['rf', 'xgb', 'simple_lstm', 'cnn_transformer', 'stack'])
      await person.click(`${picks} .monaco-list-row:has-text("${other}")`);
    await person.click(`${picks} .monaco-button:has-text("OK")`);
    await person.click(`${picks} .monaco-list-row:has-text("Stop at the First Failure")`);
    const { state, stages } = await ended;
    assert.deepEqual([state, stages.flatMap(({ jobs }) => jobs.map(({ label }) => label))], ['succeeded', ['logreg']]);
    await notified('The pipeline succeeded: 1 trained.');
  });

  it('shows which stage failed and why, and goes on there after the fix', async () => {
    const bug = await plant('collapse');
    const automatic = (value: string | undefined) =>
      vscode.workspace.getConfiguration('runpod').update('downloads.automatic', value, vscode.ConfigurationTarget.Global);
    // A pipeline fetches and judges for itself, whatever is done after other runs.
    await automatic('never');
    const failed = await command<PipelineView>(commands.retrainPipeline, { models: ['logreg'], device: 'cpu' });
    assert.equal(failed.state, 'failed');
    await person.sees('.pane-body .monaco-list-row:has-text("Class collapse")');
    await person.screenshot('pipeline-failed');
    await notified('logreg failed: Class collapse', 'Resume Pipeline');
    await until('the verdict is in Problems', () =>
      problems().some(({ file, diagnostic }) => file.endsWith('seed_1337.npy') && diagnostic.message.startsWith('Class collapse')),
    );
    await automatic(undefined);
    await mend(bug);
    assert.equal((await command<PipelineView>(commands.resumePipeline)).state, 'succeeded');
  });

  it('shows the pipelines of a terminal, too', async () => {
    const before = await command<readonly PipelineView[]>(commands.refreshPipelines);
    assert.ok(before.length >= 2, JSON.stringify(before));
    await vscode.commands.executeCommand('runpod.pipeline.focus');
    const cli = join(vscode.extensions.getExtension('runpod-orchestrator.runpod-orchestrator')?.extensionPath ?? '', 'dist/cli.js');
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    const args = [cli, 'retrain', '--models', 'rf', '--device', 'cpu', '--deploy', 'none', '--folder', 'elsewhere', '--json'];
    await promisify(execFile)(process.execPath, args, { cwd: workspace, env, maxBuffer: 1e8 });
    // Nobody asked for it: the run of the terminal was taken up, and it is of a pipeline.
    await person.sees(`.pane-body .monaco-list-row[aria-level="3"]:has-text("rf")`);
    const [newest] = (await command<readonly PipelineView[]>(commands.refreshPipelines)).toReversed();
    assert.deepEqual([newest?.state, newest?.stages[0]?.jobs.map(({ label }) => label)], ['succeeded', ['rf']]);
    assert.ok(!before.some(({ id }) => id === newest?.id));
    // What other runs leave is fetched here when they end; this is the pipeline's to fetch, and it has.
    const { run } = await train('logreg');
    const log = (folder: string, id: string | null | undefined) => existsSync(at(`${folder}/.runpod/runs/${id}/output.log`).fsPath);
    await until('the log of that run is here', () => log('results', run));
    const ofPipeline = newest?.stages[0]?.jobs[0]?.run;
    assert.deepEqual([log('elsewhere', ofPipeline), log('results', ofPipeline)], [true, false]);
    await rm(at('elsewhere').fsPath, { recursive: true });
  });

  it('downloads logs', async () => {
    const report = await command<FetchReport>(commands.downloadLogs, { folder: at('fetched').fsPath });
    assert.ok(
      report.files.some(({ path }) => /output\.log$/.test(path)),
      JSON.stringify(report.files),
    );
  });

  it('tests the connection, and tries everything with real work', async () => {
    const tested = await command<{ readonly ok: boolean; readonly steps: readonly { readonly id: string }[] }>(commands.testConnection);
    assert.ok(tested.ok, JSON.stringify(tested));
    assert.equal(tested.steps.at(-1)?.id, 'session');
    const tried = await command<{ readonly ok: boolean }>(commands.selfTest);
    assert.ok(tried.ok, JSON.stringify(tried));
    await notified('Everything works with practice');
    const { problem } = await command<{ readonly problem: string }>(commands.gpuStatus);
    assert.match(problem, /There is no GPU/);
  });

  it("opens a terminal in the project's folder and environment", async () => {
    const name = await command<string>(commands.openTerminal);
    const mark = join(podWorkspace, 'moola/from-terminal');
    const terminal = () => vscode.window.terminals.find((one) => one.name === name);
    await until('it is there', () => terminal() !== undefined);
    terminal()?.sendText('echo "$PYTHONPATH $PWD" > from-terminal; exit');
    await until('the shell has written', () => existsSync(mark) && readFileSync(mark, 'utf8').endsWith('\n'));
    assert.match(readFileSync(mark, 'utf8'), /^src .*\/moola\n$/);
    await until('it is closed with its shell', () => terminal() === undefined);
    await rm(mark);
  });

  it('installs what the project needs, and says why that failed', async () => {
    const file = at('requirements.txt').fsPath;
    const requirements = await readFile(file, 'utf8');
    await writeFile(file, './not-there.whl\n');
    assert.equal(await command(commands.reinstall, { what: 'requirements' }), undefined);
    await notified('`python -m pip install -r requirements.txt` ended with exit code 1 on the pod');
    await writeFile(file, '# all that is needed is there\n');
    const { commands: done } = await command<{ readonly commands: readonly string[] }>(commands.reinstall, { what: 'requirements' });
    assert.deepEqual(done, ['python -m pip install -r requirements.txt']);
    await writeFile(file, requirements);
    await command(commands.deployChanged);
  });

  it('writes how a run went into a task, offered where it ended', async () => {
    const file = at('.taskmaster/tasks/tasks.json').fsPath;
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, JSON.stringify({ master: { tasks: [{ id: 1, title: 'Train', status: 'pending' }] } }));
    const { run } = await train('logreg');
    await notified('logreg trained on', 'Write to Task');
    await command(commands.writeRunToTask, { run, task: '1', status: 'done' });
    const text = await readFile(file, 'utf8');
    assert.ok(text.includes(`RunPod run ${run} on practice: succeeded with exit code 0.`), text);
    assert.match(text, /"status":\s*"done"/);
    await rm(at('.taskmaster').fsPath, { recursive: true });
  });

  it('cleans up only what was agreed to', async () => {
    const runs = join(podWorkspace, 'moola/.runpod/runs');
    for (let i = 0; i < 3; i++) await command(commands.train, { command: 'true', wait: true });
    const before = readdirSync(runs).length;
    const asked = command<{ readonly deleted: boolean }>(commands.clean, { keep: 1 });
    await person.sees('.monaco-dialog-box:has-text("Delete")');
    await person.screenshot('clean');
    await person.click('.monaco-dialog-box .monaco-button:has-text("Cancel")');
    assert.equal((await asked).deleted, false);
    assert.equal(readdirSync(runs).length, before);
  });

  it('tells what is on the GPU, and ends a process that is of no run', async () => {
    const pod = await findPracticePod(folder);
    const bin = join(folder, 'fake');
    const stray = spawn('sleep', ['600'], { stdio: 'ignore' });
    const hasEnded = new Promise((resolve) => stray.once('exit', (_, signal) => resolve(signal)));
    const smi = `#!/bin/sh\ncase $1 in --query-gpu*) echo '0, NVIDIA A40, 97, 512, 46068, 71';; *) echo '${stray.pid}, sleep, 512 MiB';; esac\n`;
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'nvidia-smi'), smi, { mode: 0o755 });
    await pod?.restart({ environment: { PATH: `${bin}:/usr/local/bin:/usr/bin:/bin` } });
    try {
      const { gpus, processes } = await command<{ readonly gpus: readonly { name: string }[]; readonly processes: readonly object[] }>(
        commands.gpuStatus,
      );
      assert.deepEqual(
        gpus.map(({ name }) => name),
        ['NVIDIA A40'],
      );
      assert.deepEqual(processes, [{ pid: stray.pid, program: 'sleep', memory: '512 MiB', ours: true, run: null }]);
      await notified('A process on the GPU is of no run of this project.', 'End a Process');
      await command(commands.endGpuProcess, { pid: stray.pid ?? 0, confirmed: true });
      assert.equal(await hasEnded, 'SIGTERM');
    } finally {
      stray.kill('SIGKILL');
    }
  });

  it('opens a terminal again that lost its connection, at a key', async () => {
    const pod = await findPracticePod(folder);
    // What is painted on a canvas cannot be read.
    const painting = (value: string | undefined) =>
      vscode.workspace.getConfiguration('terminal.integrated').update('gpuAcceleration', value, vscode.ConfigurationTarget.Global);
    await painting('off');
    const name = await command<string>(commands.openTerminal);
    const terminal = () => vscode.window.terminals.find((one) => one.name === name);
    const mark = join(podWorkspace, 'moola/again');
    terminal()?.sendText('touch again');
    await until('the shell works', () => existsSync(mark));
    await rm(mark);
    await pod?.restart();
    if (person.available) await person.sees('.xterm-rows:has-text("Press any key to connect again.")');
    terminal()?.sendText('');
    await until('the new shell works', () => {
      terminal()?.sendText('touch again');
      return existsSync(mark);
    });
    terminal()?.dispose();
    await rm(mark);
    await painting(undefined);
  });

  it('says how to go on when the host key has changed, and connects when it is trusted', async () => {
    const pod = await findPracticePod(folder);
    assert.ok(pod);
    await pod.restart({ newHostKey: true });
    assert.equal(await command(commands.runCommand, { command: 'true' }), undefined);
    await notified('The host key of 127.0.0.1', 'Trust New Host Key');
    assert.equal(await command(commands.trustHostKey, { pod: 'practice', confirmed: true }), await pod.hostFingerprint());
    assert.deepEqual(await command(commands.runCommand, { command: 'true' }), { exitCode: 0 });
  });

  it('says so when the pod cannot be reached', async () => {
    const pod = await findPracticePod(folder);
    await pod?.goDown();
    // One that was connected is tried again for a minute, so this is asked of one that was not.
    await command(commands.addPod, { line: `ssh root@127.0.0.1 -p ${pod?.port} -i ${pod?.identityFile}`, name: 'gone' });
    assert.equal(await command(commands.runCommand, { command: 'true' }), undefined);
    await notified('refuses connections', 'Try Again');
    await command(commands.removePod, { pod: 'gone' });
  });
});

/** Predictions of three classes, all for the first. */
function collapsed(npy: Buffer): Buffer {
  const start = 10 + npy.readUInt16LE(8);
  const isDouble = npy.toString('latin1', 10, start).includes('f8');
  const copy = Buffer.from(npy);
  for (let at = start, i = 0; at < copy.length; i++, at += isDouble ? 8 : 4) {
    const value = i % 3 === 0 ? 1 : 0;
    if (isDouble) copy.writeDoubleLE(value, at);
    else copy.writeFloatLE(value, at);
  }
  return copy;
}
