import assert from 'node:assert/strict';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';
import type { MonitorEvent } from '../../../src/monitor/monitor.ts';

type Metrics = Extract<MonitorEvent, { kind: 'metrics' }>;

/** What the monitor keeps: every other of the older half goes when there are too many. */
function kept(events: readonly Metrics[]): readonly Metrics[] {
  let lines: Metrics[] = [];
  for (const event of events) {
    lines.push(event);
    if (lines.length > 4_000) lines = lines.filter((_, i) => i >= 2_000 || i % 2 === 0);
  }
  return lines;
}

describe('History', () => {
  it('keeps the newest lines in full and thins out older ones, whatever they hold', () => {
    const monitor = new TrainingMonitor();
    const told: Metrics[] = [];
    for (let i = 0; i < 15_000; i++) {
      const line = [
        `Epoch ${i}/20000 loss: 0.${i} acc: -0.0`,
        `step ${i} loss nan lr 1e-${i % 30}`,
        `train class ${i % 7} accuracy: 0.${i}, f1: 0.5, loss: 1.${i}`,
        `Epoch ${i} loss ${i}.5 val_loss 0.25 val_acc 0.5 top1 0.75 top5 0.875`,
      ][i % 4]!;
      for (const event of monitor.write(new TextEncoder().encode(`${line}\n`))) if (event.kind === 'metrics') told.push(event);
    }
    assert.equal(told.length, 15_000);
    assert.deepEqual(monitor.getMetrics(), kept(told));
  });
});
