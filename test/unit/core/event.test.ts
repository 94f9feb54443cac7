import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Emitter } from '../../../src/core/event.ts';

describe('Emitter', () => {
  it('tells each listener that is subscribed at the time, in the order they came, whatever is done in between', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const) }),
      fc.record({ do: fc.constant('remove' as const), which: fc.nat(20) }),
      fc.record({ do: fc.constant('fire' as const), value: fc.integer() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const emitter = new Emitter<number>();
        const heard: string[] = [];
        const expected: string[] = [];
        const all: { readonly id: number; on: boolean; dispose(): void }[] = [];
        for (const now of steps) {
          if (now.do === 'add') {
            const id = all.length;
            all.push({ id, on: true, ...emitter.event((value) => heard.push(`${id}:${value}`)) });
          } else if (now.do === 'remove') {
            const entry = all[now.which];
            if (entry) {
              entry.dispose();
              entry.on = false;
            }
          } else {
            emitter.fire(now.value);
            expected.push(...all.filter((entry) => entry.on).map((entry) => `${entry.id}:${now.value}`));
          }
        }
        assert.deepEqual(heard, expected);
      }),
    );
  });

  it('tells the others when a listener throws, and does not swallow what it threw', () => {
    const emitter = new Emitter<string>();
    const heard: string[] = [];
    emitter.event((value) => heard.push(`a ${value}`));
    emitter.event(() => {
      throw new Error('first');
    });
    emitter.event(() => {
      throw new Error('second');
    });
    emitter.event((value) => heard.push(`b ${value}`));
    assert.throws(() => emitter.fire('x'), /first/);
    assert.deepEqual(heard, ['a x', 'b x']);
  });

  it('does not call a listener that an earlier one has just unsubscribed', () => {
    const emitter = new Emitter<void>();
    let called = false;
    emitter.event(() => second.dispose());
    const second = emitter.event(() => (called = true));
    emitter.fire();
    assert.equal(called, false);
  });

  it('does not call a listener that was added while firing until the next time', () => {
    const emitter = new Emitter<number>();
    const heard: number[] = [];
    emitter.event(() => emitter.event((value) => heard.push(value)));
    emitter.fire(1);
    assert.deepEqual(heard, []);
    emitter.fire(2);
    assert.deepEqual(heard, [2]);
  });

  it('takes the same function twice as two listeners', () => {
    const emitter = new Emitter<void>();
    let count = 0;
    const listener = () => count++;
    emitter.event(listener).dispose();
    emitter.event(listener);
    emitter.event(listener);
    emitter.fire();
    assert.equal(count, 2);
  });

  it('is silent once disposed', () => {
    const emitter = new Emitter<void>();
    let count = 0;
    emitter.event(() => count++);
    emitter.dispose();
    emitter.fire();
    assert.equal(count, 0);
  });
});
