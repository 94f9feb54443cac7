import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listProcesses } from '../../src/practice/processes.ts';
import { rpo } from './support/rpo.ts';

describe('rpo demo', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-demo-test-'));
    await mkdir(join(folder, 'tmp'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const demo = (onStdout?: (all: string, kill: (signal: NodeJS.Signals) => void) => void) =>
    rpo(['demo'], { cwd: folder, home: join(folder, 'home'), env: { TMPDIR: join(folder, 'tmp') }, onStdout });

  /** Neither files nor processes, nor anything in the person's own folders. */
  async function nothingIsLeft(): Promise<void> {
    assert.deepEqual(await readdir(join(folder, 'tmp')), []);
    assert.deepEqual(await readdir(folder), ['tmp']);
    const left = (await listProcesses()).filter(({ environment, pid }) => pid !== process.pid && environment.includes(folder));
    assert.deepEqual(
      left.map(({ pid }) => pid),
      [],
    );
  }

  it('goes the whole way: two real failures, two fixes, results that hold', async () => {
    const { exitCode, stdout, stderr } = await demo();
    assert.equal(exitCode, 0, stdout + stderr);
    for (const shown of [
      /- for column in zip\(\*rows, strict=True\):\n\s+\+ for column in rows:/,
      /ValueError: zip\(\) argument 2 is longer than argument 1/,
      /error shape-mismatch: .*\n.*\n.*at src\/moola\/utils\/features\.py:\d+/,
      /FloatingPointError: loss became nan/,
      /error nan-loss: /,
      /✓ Change learning_rate from 100\.0 to 10\.0 in src\/moola\/config\/training\.py/,
      /✓ src\/moola\/config\/training\.py, .* verified on the pod in \d+ ms/,
      /✓ run \S+-logreg-\w{4} succeeded/,
      /300 rows, 3 of 3\s+classes\s+predicted, accuracy [78]\d\.\d%/,
      /Done in /,
    ])
      assert.match(stdout, shown);
    assert.doesNotMatch(stdout, /\u001b/, 'plain when nobody looks');
    await nothingIsLeft();
  });

  it('cleans up on Ctrl+C, wherever it is', async () => {
    let asked = false;
    const { exitCode, stdout } = await demo((all, kill) => {
      if (asked || !/Epoch 7|Train logreg/.test(all)) return;
      asked = true;
      kill('SIGINT');
    });
    assert.equal(exitCode, 130, stdout);
    assert.match(stdout, /Interrupted\./);
    await nothingIsLeft();
  });
});
