import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { metricsRecord } from '../../../src/operations/findings.ts';
import { monitor } from '../../../src/operations/monitor.ts';
import type { OperationContext, OperationEvent } from '../../../src/operations/operation.ts';

const traceback = [
  'Traceback (most recent call last):',
  '  File "/workspace/moola/train.py", line 12, in <module>',
  '    main()',
  'ValueError: shapes (3,4) and (5,) not aligned',
];

describe('rpo monitor', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'rpo-monitor-'))));
  after(() => rm(folder, { recursive: true, force: true }));

  function call(stdin?: AsyncIterable<Uint8Array>, currentFolder?: string) {
    const events: OperationEvent[] = [];
    const abort = new AbortController();
    const context = {
      projectRoot: folder,
      home: undefined,
      ports: {},
      stdin,
      currentFolder,
      orchestrator: () => Promise.reject(new Error('no pod is needed')),
    } satisfies OperationContext;
    const run = (files: readonly string[]) =>
      monitor.handle(context, { files }, { signal: abort.signal, progress: () => {}, emit: (event) => events.push(event) });
    const findings = () =>
      events.flatMap((event) =>
        event.kind === 'finding'
          ? [{ file: event.file, line: event.located.finding.line, frame: event.located.finding.frame?.line, amends: event.amends }]
          : [],
      );
    return { run, events, findings, abort };
  }

  it('takes each file as a log of its own', async () => {
    await writeFile(join(folder, 'a.log'), ['epoch 1 loss 0.5', 'epoch 2 loss nan', ...traceback].join('\n') + '\n');
    await writeFile(join(folder, 'b.log'), 'epoch 1 loss 0.25\n');
    const { run, events } = call();
    const output = await run(['a.log', 'b.log']);
    assert.deepEqual([...new Set(events.flatMap((event) => ('file' in event ? [event.file] : [])))], ['a.log', 'b.log']);
    const [a, b] = output['logs'] as { findingCount: number; metricsLines: number }[];
    assert.equal(b?.findingCount, 0);
    assert.equal(b?.metricsLines, 1);
    assert.equal(a?.metricsLines, 2);
    assert.ok((a?.findingCount ?? 0) >= 1);
  });

  it('takes the thresholds that runpod.json sets', async () => {
    await writeFile(join(folder, 'n.log'), 'Gradient norm: inf\nGradient norm: inf\n');
    const count = async () => ((await call().run(['n.log']))['logs'] as { findingCount: number }[])[0]?.findingCount;
    assert.equal(await count(), 0);
    await writeFile(join(folder, 'runpod.json'), '{ "monitor": { "gradientNonFiniteRun": 2 } }');
    assert.equal(await count(), 1);
    await rm(join(folder, 'runpod.json'));
  });

  it('finds a file from the folder that a person is in, and calls it as that person does', async () => {
    await mkdir(join(folder, 'deep'));
    await writeFile(join(folder, 'deep/d.log'), 'epoch 1 loss 0.5\n');
    const { logs } = (await call(undefined, join(folder, 'deep')).run(['d.log', '../deep/d.log'])) as { logs: { file: string }[] };
    assert.deepEqual(
      logs.map(({ file }) => file),
      ['d.log', '../deep/d.log'],
    );
  });

  it('tells each finding once, as it stands at the end of the log', async () => {
    await writeFile(
      join(folder, 'c.log'),
      ['Epoch 3/9 | loss nan', ...traceback.slice(0, 3), 'FloatingPointError: loss became nan in epoch 3'].join('\n') + '\n',
    );
    const { run, findings } = call();
    await run(['c.log']);
    assert.deepEqual(findings(), [{ file: 'c.log', line: 1, frame: 12, amends: undefined }]);
  });

  it('reads an input that never ends until it is told to stop, and tells findings meanwhile', async () => {
    const stdin = new PassThrough();
    const { run, findings, abort } = call(stdin);
    const done = run(['-']);
    stdin.write([...traceback, ''].join('\n'));
    for (let i = 0; i < 300 && findings().length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(findings(), [{ file: '-', line: 4, frame: 12, amends: undefined }]);
    abort.abort();
    const output = await done;
    assert.equal((output['logs'] as { findingCount: number }[])[0]?.findingCount, 1);
  });

  it('says what is wrong with a file in a sentence', async () => {
    await assert.rejects(call().run(['none.log']), { name: 'UserError', reason: 'local-missing', message: 'There is no file none.log.' });
    await assert.rejects(call().run(['.']), { name: 'UserError', reason: 'local-missing' });
    await assert.rejects(call().run(['-']), { name: 'UserError', reason: 'bad-argument' });
  });

  it('writes numbers that JSON has no form for as words', () => {
    const record = metricsRecord({
      line: 1,
      epoch: 1,
      epochs: null,
      step: null,
      steps: null,
      metrics: { a: Number.NaN, b: Infinity, c: -Infinity, d: 0.5 },
    });
    assert.deepEqual(record, { line: 1, epoch: 1, step: null, metrics: { a: 'nan', b: 'inf', c: '-inf', d: 0.5 } });
  });
});
