import assert from 'node:assert/strict';
import { UserError } from '../../../src/core/errors.ts';
import { JsonFace, TextFace } from '../../../src/cli/face.ts';
import { progressText, type Sink, Terminal, wrap } from '../../../src/cli/terminal.ts';
import type { LocatedFinding } from '../../../src/fixes/located.ts';
import { operations } from '../../../src/operations/table.ts';

const located: LocatedFinding = {
  finding: {
    type: 'nan-loss',
    severity: 'error',
    message: 'loss became nan',
    suggestion: 'Lower the learning rate.',
    line: 9,
    frame: null,
    frames: [],
    exception: null,
    epoch: 3,
    step: null,
    fixes: [],
  },
  place: null,
  related: [],
  actions: [],
};

function capture(isTTY = false) {
  const written = { out: '', err: '', both: '' };
  const sink = (name: 'out' | 'err'): Sink => ({
    isTTY,
    columns: 60,
    write: (text) => {
      // Colours are on when the tests run on a terminal.
      const plain = text.replace(/\u001b\[\d+m/g, '');
      written[name] += plain;
      written.both += plain;
    },
  });
  return { written, terminal: new Terminal({ out: sink('out'), err: sink('err') }) };
}

const exec = operations.find(({ name }) => name === 'exec')!;

describe('rpo --json', () => {
  it('prints one object a line, findings and metrics in the shape that others score', async () => {
    const { written, terminal } = capture();
    const face = new JsonFace(terminal);
    face.event({ kind: 'finding', file: 'a.log', located });
    face.event({ kind: 'finding', located, amends: true });
    face.event({
      kind: 'metrics',
      file: 'a.log',
      line: 4,
      epoch: 1,
      epochs: 9,
      step: null,
      steps: null,
      metrics: { loss: Number.NaN, lr: -Infinity, acc: 0.5 },
    });
    face.event({ kind: 'output', stream: 'stdout', text: 'two\nlines\n' });
    await face.result(exec, { exitCode: 0 });
    const expected = {
      type: 'nan-loss',
      severity: 'error',
      line: 9,
      message: 'loss became nan',
      suggestion: 'Lower the learning rate.',
      frame: null,
      epoch: 3,
    };
    assert.deepEqual(
      written.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      [
        { kind: 'finding', file: 'a.log', ...expected },
        { kind: 'finding', ...expected, amends: true },
        { kind: 'metrics', file: 'a.log', line: 4, epoch: 1, step: null, metrics: { loss: 'nan', lr: '-inf', acc: 0.5 } },
        { kind: 'output', stream: 'stdout', text: 'two\nlines\n' },
        { kind: 'result', exitCode: 0 },
      ],
    );
    assert.equal(written.err, '');
  });

  it('prints an error for programs and for people', async () => {
    const { written, terminal } = capture();
    await new JsonFace(terminal).error(new UserError('unreachable', 'Nobody answers. Start the pod.'));
    assert.deepEqual(JSON.parse(written.out), { kind: 'error', reason: 'unreachable', message: 'Nobody answers. Start the pod.' });
    assert.match(written.err, /Nobody answers/);
  });
});

describe('rpo for people', () => {
  it('keeps the order of output and findings, each finding on lines of its own', async () => {
    const { written, terminal } = capture();
    const face = new TextFace(terminal, '/project');
    face.event({ kind: 'output', stream: 'stdout', text: 'epoch 3 loss nan' });
    face.event({ kind: 'finding', located });
    face.event({ kind: 'output', stream: 'stdout', text: 'goes on\n' });
    await face.result(exec, { exitCode: 1, command: 'x', stdout: '', stderr: '', leftOut: 0, milliseconds: 1 });
    assert.match(
      written.out,
      /^epoch 3 loss nan\n┃ .*nan-loss: loss became nan.*\n┃ .*log line 9.*\n┃ Lower the learning rate\.\ngoes on\n$/,
    );
  });

  it('takes out what a pod could do to the terminal, also when it comes in pieces', async () => {
    const { written, terminal } = capture();
    const face = new TextFace(terminal, '/project');
    for (const text of ['a\u001b', ']0;title\u0007b\u001b[', '2Jc\n']) face.event({ kind: 'output', stream: 'stdout', text });
    await face.result(exec, { exitCode: 0, command: 'x', stdout: '', stderr: '', leftOut: 0, milliseconds: 1 });
    assert.equal(written.out, 'abc\n');
  });

  it('tells a fault of ours from an error that a person can mend, and never shows a stack', async () => {
    const { written, terminal } = capture();
    await new TextFace(terminal, '/').error(new TypeError('x is not a function'));
    assert.match(written.err, /x is not a function This is a fault of rpo; RPO_DEBUG=1 shows where\.\n$/);
    assert.doesNotMatch(written.err, /\n\s+at /);
  });

  it('rewrites one line of progress on a terminal and takes it away before anything else is written', () => {
    const { written, terminal } = capture(true);
    terminal.progress({ message: 'deploying', done: 500_000, total: 1_000_000, unit: 'bytes' });
    terminal.lines('out', 'done');
    assert.equal(written.both, '\r\u001b[Kdeploying 50%  500 KB of 1.0 MB\r\u001b[Kdone\n');
  });

  it('is silent about short work where nobody watches', () => {
    const { written, terminal } = capture();
    for (let i = 0; i < 100; i++) terminal.progress({ message: 'deploying', done: i, total: 100, unit: 'bytes' });
    terminal.clear();
    assert.equal(written.both, '');
  });

  it('breaks lines between words, colours not counted', () => {
    assert.equal(wrap('one two three', 8), 'one two\nthree');
    assert.equal(wrap('\u001b[1mone\u001b[22m two three', 8, '  '), '\u001b[1mone\u001b[22m two\n  three');
    assert.equal(wrap('unbreakable', 3), 'unbreakable');
    const { terminal } = capture(true);
    assert.equal(terminal.fit(`    ${'word '.repeat(20).trim()}`), `    ${'word '.repeat(11).trim()}\n    ${'word '.repeat(9).trim()}`);
    assert.equal(progressText({ message: 'x', done: 3, total: 9, unit: 'files' }), 'x 33%  3 of 9 files');
    assert.equal(progressText({ message: 'x', done: 3e6, total: 6e6, unit: 'bytes' }, 1_200_000), 'x 50%  3.0 MB of 6.0 MB  1.2 MB/s');
  });
});
