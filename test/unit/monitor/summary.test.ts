import assert from 'node:assert/strict';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';

function run(lines: readonly string[]): TrainingMonitor {
  const monitor = new TrainingMonitor();
  monitor.write(`${lines.join('\n')}\n`);
  monitor.end();
  return monitor;
}

describe('summary', () => {
  it('says what ran, how far, the last and best metrics, and that nothing is wrong', () => {
    const lines = Array.from(
      { length: 20 },
      (_, i) => `Epoch ${i + 1}/20 | train_loss ${(1 / (i + 1)).toFixed(4)} | val_acc ${(i === 11 ? 0.95 : 0.5 + i / 50).toFixed(4)}`,
    );
    const summary = run(lines).summary('lstm');
    assert.deepEqual([summary.epoch, summary.epochs, summary.lines], [20, 20, 20]);
    const accuracy = summary.metrics.find((m) => m.name === 'val_acc')!;
    assert.deepEqual([accuracy.best, accuracy.bestEpoch, accuracy.last], [0.95, 12, 0.88]);
    assert.equal(summary.metrics.find((m) => m.name === 'train_loss')!.best, 0.05);
    assert.equal(summary.convergence, 'improving');
    assert.match(summary.text, /^lstm: got to epoch 20\/20/);
    assert.match(summary.text, /Nothing wrong was found/);
  });

  it('judges convergence by the validation loss', () => {
    const settled = Array.from(
      { length: 40 },
      (_, i) => `Epoch ${i + 1}/40 | train_loss ${(1 / (i + 1)).toFixed(4)} | val_loss ${(0.5 + Math.exp(-i)).toFixed(5)}`,
    );
    assert.equal(run(settled).summary().convergence, 'converged');
    assert.equal(run(settled.slice(0, 5)).summary().convergence, 'unknown');
  });

  it('puts causes before consequences and advice', () => {
    const lines = [
      'step 1 loss nan',
      'Traceback (most recent call last):',
      '  File "/w/train.py", line 3, in f',
      '    x()',
      "KeyError: 'x'",
      '[rank1]: torch.distributed.DistBackendError: NCCL error in: x.cpp:1, unhandled system error',
      'slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2024-01-01T00:00:00 ***',
    ];
    const summary = run(lines).summary();
    assert.deepEqual(
      summary.findings.map((f) => f.type),
      ['nan-loss', 'python-exception'],
    );
    assert.equal(summary.next.length, 2);
    assert.match(summary.text, /error python-exception at \/w\/train\.py:3: KeyError: 'x'\n {4}led to nccl-error \(rank1\), preempted/);
  });

  it('is bounded', () => {
    const many = Array.from(
      { length: 300 },
      (_, i) => `step ${i} | a_rather_long_name_of_a_metric_number_${'x'.repeat(i % 50)}_loss ${i}.5`,
    );
    const summary = run(many).summary('x'.repeat(10_000));
    assert.ok(summary.text.length <= 4_000);
    assert.ok(summary.metrics.length <= 12);
  });
});
