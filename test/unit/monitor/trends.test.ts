import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';
import type { MonitorOptions } from '../../../src/monitor/monitor.ts';
import type { Finding } from '../../../src/monitor/finding.ts';

function watch(lines: readonly string[], options?: MonitorOptions): readonly Finding[] {
  const monitor = new TrainingMonitor(options);
  monitor.write(`${lines.join('\n')}\n`);
  monitor.end();
  return monitor.getErrors();
}

const types = (findings: readonly Finding[]): string[] => findings.map((f) => f.type);
const epochs = (count: number, line: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => `Epoch ${i + 1}/${count} | ${line(i)}`);
/** Noise without chance, so that a failure repeats. */
const noise = (i: number): number => Math.sin(i * 12.9898) * 0.05;

describe('trends', () => {
  it('keep quiet about a training that goes well', () => {
    const good = epochs(
      200,
      (i) =>
        `train_loss ${(Math.exp(-i / 60) + noise(i) * 0.3 + 0.1).toFixed(4)} | val_loss ${(Math.exp(-i / 60) + 0.2).toFixed(4)} | grad_norm ${(1 + noise(i)).toFixed(3)} | lr ${(1e-3 * (1 - i / 200)).toExponential(3)}`,
    );
    assert.deepEqual(watch(good), []);
  });

  // What `python -m moola.cli …` printed for each model of examples/moola: five folds, one after the other, small and noisy validation sets.
  const fixtures = join(import.meta.dirname, '../../fixtures/moola');
  for (const name of readdirSync(fixtures)) {
    it(`keep quiet about ${name}, whose folds begin anew`, () => {
      const lines = readFileSync(join(fixtures, name), 'utf8').split('\n');
      assert.ok(lines.length > 20);
      assert.deepEqual(watch(lines), []);
    });
  }

  it('begin anew where epochs, or steps without epochs, go backwards: another fold or model', () => {
    const rising = (i: number): string => (1 + i / 8).toFixed(3);
    const fold = epochs(8, (i) => `train_loss ${(1 - i / 40).toFixed(3)} | val_loss ${rising(i)}`);
    assert.deepEqual(watch([...fold, ...fold, ...fold]), []);
    const boosted = Array.from({ length: 8 }, (_, i) => `[${i}]\ttrain-logloss:${(1 - i / 40).toFixed(3)}\teval-logloss:${rising(i)}`);
    assert.deepEqual(watch([...boosted, ...boosted, ...boosted]), []);
    const steps = (loss: number): string[] => Array.from({ length: 80 }, (_, i) => `step ${i} loss ${(loss + noise(i)).toFixed(4)}`);
    assert.deepEqual(watch([...steps(1), ...steps(9.5)]), []);
  });

  it('follow a loss over the passes of its loader, whose steps start over each epoch', () => {
    const passes = (loss: number): string[] =>
      Array.from({ length: 100 }, (_, i) => `Epoch ${Math.floor(i / 10)} step ${i % 10} loss ${(loss + noise(i)).toFixed(4)}`);
    assert.deepEqual(types(watch([...passes(1), 'Epoch 10 step 0 loss 9.5'])), ['loss-spike']);
  });

  it('find the loss that turned nan or inf, whatever it is called', () => {
    for (const line of ['train_loss nan', 'loss: inf', "{'loss': nan, 'epoch': 0.1}", 'lm loss: NaN | grad norm: 1.0', 'val_loss=-inf'])
      assert.deepEqual(types(watch([`step 3 | ${line}`])), ['nan-loss'], line);
    for (const line of [
      'best_loss inf',
      'val_loss improved from inf to 0.3',
      'ap nan',
      'Epoch 0:   0%|          | 0/100 [00:00<?, ?it/s, loss=nan, v_num=0]',
    ])
      assert.deepEqual(watch([line]), [], line);
  });

  it('find a Trainer that hides nan behind a loss of 0', () => {
    const line = "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.1}";
    assert.deepEqual(watch([line]), []);
    assert.deepEqual(types(watch([line, line])), ['nan-loss']);
  });

  it('take a loss scaler’s single overflows for what they are', () => {
    const overflow = ['Gradient norm: inf', 'Gradient norm: 1.2', 'Gradient norm: inf'];
    assert.deepEqual(watch(overflow), []);
    assert.deepEqual(types(watch(Array.from({ length: 5 }, () => 'Gradient norm: inf'))), ['gradient-explosion']);
  });

  it('find a spike, and a divergence when it stays', () => {
    const calm = Array.from({ length: 80 }, (_, i) => `step ${i} loss ${(1 + noise(i)).toFixed(4)}`);
    assert.deepEqual(types(watch([...calm, 'step 80 loss 9.5'])), ['loss-spike']);
    assert.deepEqual(types(watch([...calm, ...Array.from({ length: 25 }, (_, i) => `step ${80 + i} loss 9.5`)])), [
      'loss-spike',
      'loss-divergence',
    ]);
  });

  it('find a plateau and overfitting in a validation loss', () => {
    assert.deepEqual(types(watch(epochs(30, (i) => `train_loss 0.5 | val_loss ${Math.max(0.5, 1 - i / 10).toFixed(3)}`))), ['plateau']);
    assert.deepEqual(
      types(
        watch(
          epochs(30, (i) => `train_loss ${(1 - i / 40).toFixed(3)} | val_loss ${(i < 8 ? 1 - i / 20 : 0.6 + (i - 8) / 20).toFixed(3)}`),
        ),
      ),
      ['overfitting'],
    );
  });

  it('find vanished gradients, a learning rate that stays at zero, and a drop in throughput', () => {
    assert.deepEqual(types(watch(epochs(40, (i) => `loss 0.5${i} | grad_norm 1e-9`))), ['vanishing-gradient']);
    assert.deepEqual(types(watch(epochs(40, (i) => `loss 0.5${i} | lr 0.0`))), ['zero-learning-rate']);
    assert.deepEqual(
      types(watch(Array.from({ length: 80 }, (_, i) => `step ${i} loss 0.${900 - i} tokens/sec: ${i < 50 ? 1000 + i : 200}`))),
      ['throughput-drop'],
    );
  });

  it('are advice: never an error, except what breaks the training', () => {
    for (const finding of watch(epochs(40, (i) => `loss 0.5${i} | grad_norm 1e-9 | lr 0.0`))) assert.equal(finding.severity, 'info');
  });

  it('obey their thresholds', () => {
    const overflow = ['Gradient norm: inf', 'Gradient norm: inf'];
    assert.deepEqual(types(watch(overflow, { thresholds: { gradientNonFiniteRun: 2 } })), ['gradient-explosion']);
  });
});

describe('hang', () => {
  const minute = 60_000;

  it('is told once when there is no progress, by a clock from outside', () => {
    const monitor = new TrainingMonitor();
    for (let i = 0; i < 10; i++) monitor.write(`step ${i} loss 0.5\n`, i * minute);
    assert.deepEqual(monitor.check(20 * minute), []);
    const [event] = monitor.check(45 * minute);
    assert.ok(event?.kind === 'finding' && event.finding.type === 'hang');
    assert.match(event.finding.message, /no progress for 36 min; usually every 60 s/);
    assert.deepEqual(monitor.check(50 * minute), []);
  });

  it('is not told while a short pause can have its reasons, nor after the end', () => {
    const monitor = new TrainingMonitor();
    for (let i = 0; i < 10; i++) monitor.write(`step ${i} loss 0.5\n`, i * 100);
    assert.deepEqual(monitor.check(5 * minute), []);
    monitor.end();
    assert.deepEqual(monitor.check(500 * minute), []);
  });
});
