import assert from 'node:assert/strict';
import { lossOf, runText } from '../../../src/editor/runText.ts';
import type { MetricLine } from '../../../src/monitor/metric.ts';

const ref = { id: '20261124-000000-logreg-0000', root: '/p', pod: 'gpu', model: 'logreg', request: { model: 'logreg' } };
const line = (metrics: Record<string, number>, epoch: number | null = 12, epochs: number | null = 40): MetricLine => ({
  line: 1,
  epoch,
  epochs,
  step: null,
  steps: null,
  metrics,
});

describe('a run in the status bar', () => {
  it('shows model, epoch and loss while it goes on', () => {
    const view = { ref, state: { kind: 'following' }, metrics: line({ loss: 0.53412 }), loss: 0.53412 } as const;
    assert.equal(runText(view), '$(sync~spin) logreg epoch 12/40 loss 0.5341');
  });

  it('shows nan as it is', () => {
    assert.match(runText({ ref, state: { kind: 'following' }, metrics: null, loss: Number.NaN }), /loss NaN$/);
  });

  it('tells success, failure and a stop apart', () => {
    const ended = (exitCode: number | null, stopped = false) =>
      runText({ ref, state: { kind: 'ended', exitCode, stopped }, metrics: null, loss: null });
    assert.equal(ended(0), '$(check) logreg done');
    assert.equal(ended(1), '$(error) logreg failed');
    assert.equal(ended(130, true), '$(debug-stop) logreg stopped');
    assert.equal(ended(null), '$(error) logreg failed');
  });
});

describe('the loss among metrics', () => {
  it('is the training loss when there are several', () => {
    assert.equal(lossOf({ metrics: { val_loss: 2, train_loss: 1 } }), 1);
    assert.equal(lossOf({ metrics: { val_loss: 2, loss: 1 } }), 1);
  });

  it('is whatever is called loss, or nothing', () => {
    assert.equal(lossOf({ metrics: { eval_loss: 3 } }), 3);
    assert.equal(lossOf({ metrics: { accuracy: 0.9 } }), null);
  });
});
