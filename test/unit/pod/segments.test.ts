import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { blockBytes, BlockPlan, segmentsOf, stripesFor } from '../../../src/pod/segments.ts';
import { blocksToHash, partOf, StartedOver } from '../../../src/pod/uploadPart.ts';

describe('the plan of a large file', () => {
  it('hands out every block once, few at a time at first and at the end, and knows the length of the last', () => {
    const plan = new BlockPlan(20 * blockBytes + 5);
    const segments = [...segmentsOf(plan, 2)];
    assert.deepEqual(
      segments.map(({ blocks }) => blocks),
      [1, 2, 4, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1],
    );
    assert.deepEqual(
      segments.flatMap(({ first, blocks }) => Array.from({ length: blocks }, (_, index) => first + index)),
      Array.from({ length: 21 }, (_, index) => index),
    );
    assert.equal(plan.lengthOf(segments.at(-1)!), 5);
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
      [...segmentsOf(plan, 1)],
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

describe('what the pod is told to hash while a part arrives', () => {
  const part = () => {
    const source = {
      remotePath: '/a/b',
      from: { localPath: '/l' },
      bytes: 20 * blockBytes,
      version: '1',
      mode: '644',
      modeAsked: false,
      expected: [],
      ours: [],
    };
    return partOf(source, 0);
  };
  /** What was told so far, and how it ended. */
  function listen(lines: AsyncIterable<Buffer>) {
    const heard = { said: '', end: '' };
    void (async () => {
      for await (const line of lines) heard.said += line.toString();
      heard.end = 'end';
    })().catch((error: unknown) => (heard.end = error instanceof StartedOver ? 'started over' : String(error)));
    return heard;
  }

  it('is what has arrived without a gap, and at the end what is on its way', async () => {
    const one = part();
    const heard = listen(blocksToHash([one], () => 'its hash'));
    const segments = [...Array(2)].map(() => one.plan.take(8)!);
    await turn();
    assert.equal(heard.said, '');
    for (let block = 8; block < 16; block++) one.plan.finish(block);
    await turn();
    assert.equal(heard.said, '', 'the first are missing');
    for (let block = 0; block < 8; block++) one.plan.finish(block);
    await turn();
    assert.equal(heard.said, '0 16\n');
    assert.deepEqual(
      segments.map(({ first }) => first),
      [0, 8],
    );
    one.plan.take(4);
    await turn();
    assert.equal(heard.said, '0 16\n16 4 wait\nend\nwhole its hash\n');
    assert.equal(heard.end, '', 'it watches until all has arrived');
    for (let block = 16; block < 20; block++) one.plan.finish(block);
    await turn();
    assert.equal(heard.end, 'end');
  });

  it('is void when the part is sent anew', async () => {
    const one = part();
    const heard = listen(blocksToHash([one], () => 'its hash'));
    while (one.plan.take(4));
    await turn();
    assert.match(heard.said, /whole/);
    one.plan.startOver();
    await turn();
    assert.equal(heard.end, 'started over');
  });

  it('ends with a cancelled upload', async () => {
    const controller = new AbortController();
    const heard = listen(blocksToHash([part()], () => '', controller.signal));
    await turn();
    controller.abort();
    await turn();
    assert.deepEqual(heard, { said: '', end: 'end' });
  });
});

describe('the name of a part', () => {
  const source = { from: { localPath: '/l/x' }, bytes: 9e6, version: '1.2', mode: '644', modeAsked: false, expected: [], ours: [] };
  const name = (changes: object) => partOf({ ...source, remotePath: '/w/a.ckpt', ...changes }, 0).partPath;
  it('is the same for the same version of a source, and no other', () => {
    assert.equal(name({}), name({}));
    for (const other of [{ remotePath: '/w/b.ckpt' }, { bytes: 9e6 + 1 }, { version: '1.3' }, { from: { localPath: '/l/y' } }])
      assert.notEqual(name({}), name(other));
    assert.ok(stripesFor(1) < stripesFor(100));
  });
});
