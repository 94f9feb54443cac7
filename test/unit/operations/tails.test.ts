import assert from 'node:assert/strict';
import { withTail } from '../../../src/operations/tails.ts';
import type { Orchestrator } from '../../../src/orchestrator.ts';
import type { RunTail } from '../../../src/runs/tail.ts';

/** All that is asked of it is what the project says of thresholds. */
const orchestrator = () => ({ project: { config: { monitor: undefined } } }) as unknown as Orchestrator;
const never = new AbortController().signal;
const same = async (tail: RunTail) => Promise.resolve(tail);

describe('what was read of a run', () => {
  it('is there for the next question', async () => {
    const one = orchestrator();
    assert.equal(await withTail(one, 'r1', never, same), await withTail(one, 'r1', never, same));
    assert.notEqual(await withTail(one, 'r1', never, same), await withTail(one, 'r2', never, same));
  });

  it('is there for who asks right after a cancel, though the cancelled one takes its time to let go', async () => {
    const one = orchestrator();
    const cancel = new AbortController();
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    let lent: RunTail | undefined;
    await new Promise<void>((begun) => {
      void withTail(one, 'r1', cancel.signal, async (tail) => {
        lent = tail;
        begun();
        await held;
      });
    });
    cancel.abort();
    const next = withTail(one, 'r1', never, same);
    setTimeout(letGo, 20);
    assert.equal(await next, lent);
  });

  it('is not lent to two at a time, and of two readers the one that got further leaves it', async () => {
    const one = orchestrator();
    const outer = await withTail(one, 'r1', never, async (tail) => {
      tail.take(Buffer.from('a line\n'));
      assert.notEqual(await withTail(one, 'r1', never, same), tail);
      return tail;
    });
    assert.equal(await withTail(one, 'r1', never, same), outer);
  });

  it('is begun anew after an error in the middle of a chunk', async () => {
    const one = orchestrator();
    const broken = await withTail(one, 'r1', never, async (tail) => {
      Object.defineProperty(tail.monitor, 'write', { value: () => assert.fail('broken') });
      assert.throws(() => tail.take(Buffer.from('a line\n')), /broken/);
      return Promise.resolve(tail);
    });
    assert.notEqual(await withTail(one, 'r1', never, same), broken);
  });
});
