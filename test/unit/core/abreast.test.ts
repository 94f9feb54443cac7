import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Abreast } from '../../../src/core/abreast.ts';

describe('work abreast', () => {
  it('that comes one by one is held back, and a failure is told though nobody waited for that one', async () => {
    const abreast = new Abreast(2);
    let now = 0;
    let most = 0;
    const piece = async () => {
      most = Math.max(most, ++now);
      await turn();
      now--;
    };
    for (let i = 0; i < 6; i++) await abreast.add(piece());
    await abreast.done();
    assert.equal(most, 2);
    await abreast.add(Promise.reject(new Error('disk full')));
    await turn();
    await assert.rejects(abreast.done(), /disk full/);
    await assert.rejects(abreast.add(piece()), /disk full/);
  });
});
