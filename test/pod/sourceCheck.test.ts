import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quote } from '../../src/core/shell.ts';
import { parseSourceCheck, sourceCheckCommand, sourceCheckInput } from '../../src/runs/sourceCheck.ts';
import { Agent, homeWith } from './support/agent.ts';
import { usePod } from './support/pod.ts';

describe('checking sources on the pod', () => {
  const t = usePod();

  /** Files below a fresh folder of the pod, checked there. */
  async function check(files: Readonly<Record<string, string>>, seconds?: number) {
    const root = join(t.practice.workspace, `check-${process.pid}`);
    await t.pod.exec(`rm -rf ${quote(root)}`);
    await t.pod.putFiles(
      Object.entries(files).map(([path, text]) => ({ source: { content: Buffer.from(text) }, remotePath: join(root, path) })),
    );
    const stdin = sourceCheckInput(Object.keys(files), 'python3 train.py', seconds);
    const { stdout } = await t.pod.exec(`cd ${quote(root)}\n${sourceCheckCommand}`, { stdin, timeoutMs: 60_000 });
    return parseSourceCheck(stdout);
  }

  it('ends when an import does not return, and says where it is', async () => {
    const found = await check(
      { 'pkg/__init__.py': '', 'pkg/m.py': 'import time\ndef ready():\n    while True:\n        time.sleep(0.1)\nready()\n' },
      2,
    );
    assert.deepEqual(found?.problems, [{ file: 'pkg/m.py', line: 4, message: 'importing it did not return within 2 seconds' }]);
  });

  it('waits for no thread that an import leaves behind', async () => {
    const startedAt = Date.now();
    const found = await check({ 'm.py': 'import threading, time\nthreading.Thread(target=lambda: time.sleep(50)).start()\n' });
    assert.deepEqual(found, { problems: [], imported: ['m'] });
    assert.ok(Date.now() - startedAt < 30_000);
  });

  it('gives the line of what raises, and of a syntax error', async () => {
    const broken = await check({ 'a.py': 'def f():\n    raise ValueError("no")\n\nf()\n', 'b.py': 'x = 1\n' });
    assert.deepEqual(broken?.problems, [{ file: 'a.py', line: 2, message: 'ValueError: no' }]);
    assert.deepEqual((await check({ 'c.py': 'x = (\n' }))?.problems[0]?.file, 'c.py');
  });

  it('leaves no doubt where things stand when nothing is started, and takes folders', async () => {
    const project = join(t.tmp, 'project');
    await mkdir(join(project, 'pkg'), { recursive: true });
    const config = (agents: object) =>
      writeFile(join(project, 'runpod.json'), JSON.stringify({ train: { command: 'python3 train.py' }, agents }));
    await config({});
    await writeFile(join(project, 'train.py'), 'print(1)\n');
    await writeFile(join(project, 'pkg/m.py'), 'x = 1\n');
    const agent = await Agent.start(project, await homeWith(t));
    try {
      await agent.call('deploy', { changed: true });
      const run = String((await agent.call('start_training')).structured['run']);
      await agent.waitForEnd(run);
      await writeFile(join(project, 'pkg/m.py'), 'x = 2\n');
      await config({ maxRuns: 0 });
      const answer = await agent.call('fix_and_retry', { run, files: ['pkg'] });
      assert.ok(answer.isError);
      assert.match(answer.text, /at most 0 runs.* pkg\/m\.py was deployed; no run was started\. \[not-allowed\]/);
    } finally {
      await agent.close();
    }
  });
});
