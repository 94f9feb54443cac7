import assert from 'node:assert/strict';
import { eachAlone } from '../../../src/core/eachAlone.ts';

describe('eachAlone', () => {
  it('goes on after one that fails, and tells which', async () => {
    const done: string[] = [];
    const failures: string[] = [];
    await eachAlone(
      ['near', 'unreachable', 'far'],
      async (pod) => {
        await Promise.resolve();
        if (pod === 'unreachable') throw new Error('no answer');
        done.push(pod);
      },
      (pod, error) => failures.push(`${pod}: ${(error as Error).message}`),
    );
    assert.deepEqual(done, ['near', 'far']);
    assert.deepEqual(failures, ['unreachable: no answer']);
  });
});
