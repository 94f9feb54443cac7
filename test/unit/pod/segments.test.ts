import assert from 'node:assert/strict';
import { blockBytes, BlockPlan, segmentsOf } from '../../../src/pod/segments.ts';

describe('the plan of a large file', () => {
  it('hands out every block once, few at first, and knows the length of the last', () => {
    const plan = new BlockPlan(20 * blockBytes + 5);
    const segments = [...segmentsOf(plan)];
    assert.deepEqual(
      segments.map(({ blocks }) => blocks),
      [1, 2, 4, 4, 4, 4, 2],
    );
    assert.deepEqual(
      segments.flatMap(({ first, blocks }) => Array.from({ length: blocks }, (_, index) => first + index)),
      Array.from({ length: 21 }, (_, index) => index),
    );
    assert.equal(plan.lengthOf(segments.at(-1)!), blockBytes + 5);
    assert.equal(plan.take(1), undefined);
  });

  it('goes on with the gaps after a break, and counts each block once', () => {
    const plan = new BlockPlan(6 * blockBytes);
    plan.take(6);
    for (const block of [1, 4]) assert.equal(plan.finish(block), blockBytes);
    assert.equal(plan.finish(4), 0);
    assert.equal(plan.bytesLeft, 4 * blockBytes);
    plan.startOver();
    assert.deepEqual(
      [...segmentsOf(plan)],
      [
        { first: 0, blocks: 1 },
        { first: 2, blocks: 2 },
        { first: 5, blocks: 1 },
      ],
    );
    for (const block of [0, 2, 3, 5]) plan.finish(block);
    assert.ok(plan.isComplete);
  });

  it('takes no word for blocks that a file does not have', () => {
    const plan = new BlockPlan(blockBytes);
    for (const block of [-1, 1, 0.5, NaN]) assert.equal(plan.finish(block), 0);
    assert.equal(plan.isComplete, false);
  });
});
