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

  it('find them in a loss that is printed once an epoch, too', () => {
    const falling = (i: number): string => `train_loss ${(0.8 - i * 0.03).toFixed(3)}`;
    assert.deepEqual(types(watch(epochs(20, (i) => (i === 14 ? 'train_loss 3.1' : falling(i))))), ['loss-spike']);
    assert.deepEqual(types(watch(epochs(20, (i) => (i < 12 ? falling(i) : `train_loss ${3 + i / 10}`)))), [
      'loss-spike',
      'loss-divergence',
    ]);
    assert.deepEqual(watch(epochs(20, (i) => (i === 14 ? 'val_loss 3.1' : `val_loss ${(0.8 - i * 0.03).toFixed(3)}`))), []);
  });

  it('find a loss that grows from the beginning', () => {
    const growing = Array.from({ length: 12 }, (_, i) => `step ${i} loss ${(2 * 1.3 ** i).toFixed(4)}`);
    assert.deepEqual(types(watch(growing)), ['loss-divergence']);
    assert.deepEqual(watch(growing.slice(0, 8)), []);
    // A little up for long is a change of the data, not a divergence.
    assert.deepEqual(watch(Array.from({ length: 30 }, (_, i) => `step ${i} loss ${(2 + i / 100).toFixed(4)}`)), []);
  });

  it('find a training loss that stands still for long, unless it has come down', () => {
    const still = (loss: number): string[] => Array.from({ length: 130 }, (_, i) => `step ${i} loss ${loss}`);
    assert.deepEqual(types(watch(still(0.6931))), ['plateau']);
    assert.deepEqual(watch(still(0.6931).slice(0, 90)), []);
    assert.deepEqual(watch(['step 0 loss 2.3', ...still(0.001).slice(1)]), []);
  });

  it('say where training is although the line does not', () => {
    const [finding] = watch(['Epoch 3/20', '  1/469 - 1s - loss: 0.5', '469/469 - 3s - loss: nan']);
    assert.match(finding!.message, /in epoch 3, step 469$/);
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

describe('class collapse', () => {
  const collapsed: Readonly<Record<string, readonly string[]>> = {
    'a list': ['Per-class accuracy: [0.95, 0.00, 0.81]'],
    'a list without brackets': ['class accuracies: 0.95 0.0 0.81'],
    'a dict': ["Class-wise recall: {'cat': 0.98, 'dog': 0.0}"],
    'a line a class': ['Accuracy per class:', '  cat: 0.91', '  dog: 0.0'],
    'a table': ['| class | recall |', '|-------|--------|', '| cat | 0.98 |', '| dog | 0.0 |'],
    'a confusion matrix': ['Confusion matrix:', '[[100   0]', ' [ 90   0]]'],
    'a confusion matrix on one line': ['confusion_matrix: [[0, 60], [1, 80]]'],
  };
  for (const [form, lines] of Object.entries(collapsed))
    it(`is read from ${form}`, () => assert.deepEqual(types(watch(lines)), ['class-collapse']));

  it('is told of a class in mid-training when it is seen twice', () => {
    const epoch = (i: number): string[] => [`Epoch ${i}/10`, 'Per-class accuracy: [0.95, 0.00]'];
    assert.deepEqual(watch(epoch(1)), []);
    assert.deepEqual(types(watch([...epoch(1), ...epoch(2)])), ['class-collapse']);
  });

  const quiet: Readonly<Record<string, readonly string[]>> = {
    'no class recognised at all': ['Per-class accuracy: [0.0, 0.0]'],
    'too few examples': ['Confusion matrix:', '[[100   0]', ' [  4   0]]'],
    'weights of classes': ['class weights: [0.5, 0.0]', 'Per-class weights: {a: 0.0, b: 1.0}'],
    'a table of counts': ['| class | count |', '| cat | 98 |', '| dog | 0 |'],
    'IoU, which rare classes lack': ['| Class | IoU |', '| road | 0.98 |', '| train | 0.0 |'],
    'what follows a table': ['| class | recall |', '| cat | 0.98 |', '', '| dog | 0.0 |'],
    'numbers that are no matrix': ['Confusion matrix saved to cm.png', '[[0 60]', ' [1 80]]'],
  };
  for (const [what, lines] of Object.entries(quiet)) it(`is not: ${what}`, () => assert.deepEqual(watch(lines), []));
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
