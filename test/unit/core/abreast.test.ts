import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Abreast, mapAbreast } from '../../../src/core/abreast.ts';

describe('work abreast', () => {
  it('keeps the order of the items, and never does more at a time than told', async () => {
    let now = 0;
    let most = 0;
    const results = await mapAbreast([5, 1, 4, 2, 3, 0], 3, async (item, index) => {
      most = Math.max(most, ++now);
      for (let i = 0; i < item; i++) await turn();
      now--;
      return `${index}:${item}`;
    });
    assert.deepEqual(results, ['0:5', '1:1', '2:4', '3:2', '4:3', '5:0']);
    assert.equal(most, 3);
    assert.deepEqual(await mapAbreast([], 3, () => Promise.reject(new Error('nothing to do'))), []);
  });

  it('begins nothing after a failure, and waits for what was under way', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const working = mapAbreast([0, 1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 0) throw new Error('first');
      for (let i = 0; i < 5; i++) await turn();
      ended.push(item);
    });
    await assert.rejects(working, /first/);
    assert.deepEqual([begun, ended], [[0, 1], [1]]);
  });

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
    await abreast.settled();
    await assert.rejects(abreast.done(), /disk full/);
    await assert.rejects(abreast.add(piece()), /disk full/);
  });
});
