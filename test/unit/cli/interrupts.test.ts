import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Interrupts } from '../../../src/cli/interrupts.ts';

describe('an interrupted call', () => {
  const codes: number[] = [];
  let interrupts: Interrupts;
  beforeEach(() => {
    codes.length = 0;
    interrupts = new Interrupts((code) => codes.push(code), { listeningMs: 10_000, deafMs: 20 });
  });
  afterEach(() => interrupts.dispose());

  it('ends by itself a moment after the first signal when nothing of it listens', async () => {
    process.emit('SIGHUP', 'SIGHUP');
    assert.deepEqual([codes, interrupts.exitCode], [[], 129]);
    while (codes.length === 0) await delay(5);
    assert.deepEqual(codes, [129]);
  });

  it('is given time when something listens, and ends at once at the second signal', async () => {
    interrupts.signal.addEventListener('abort', () => undefined);
    process.emit('SIGHUP', 'SIGHUP');
    await delay(60);
    assert.deepEqual(codes, []);
    process.emit('SIGHUP', 'SIGHUP');
    assert.deepEqual(codes, [129]);
  });
});
