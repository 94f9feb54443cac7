import assert from 'node:assert/strict';
import { DisposableStore, toDisposable } from '../../../src/core/disposable.ts';

describe('DisposableStore', () => {
  it('disposes in reverse order, once', () => {
    const order: number[] = [];
    const store = new DisposableStore();
    for (const id of [1, 2, 3]) store.add({ dispose: () => order.push(id) });
    store.dispose();
    store.dispose();
    assert.deepEqual(order, [3, 2, 1]);
    assert.equal(store.isDisposed, true);
  });

  it('returns what it is given', () => {
    const item = { dispose: () => undefined, name: 'x' };
    assert.equal(new DisposableStore().add(item), item);
  });

  it('disposes at once what comes after its own end', () => {
    const store = new DisposableStore();
    store.dispose();
    let disposed = false;
    store.add({ dispose: () => (disposed = true) });
    assert.equal(disposed, true);
  });

  it('also disposes what is added while it is being disposed', () => {
    const store = new DisposableStore();
    let late = false;
    store.add({ dispose: () => store.add({ dispose: () => (late = true) }) });
    store.dispose();
    assert.equal(late, true);
  });

  it('lets go of everything even if one of them throws, and says so', () => {
    const order: number[] = [];
    const store = new DisposableStore();
    store.add({ dispose: () => order.push(1) });
    store.add({
      dispose: () => {
        throw new Error('stuck');
      },
    });
    store.add({ dispose: () => order.push(3) });
    assert.throws(() => store.dispose(), /stuck/);
    assert.deepEqual(order, [3, 1]);
  });
});

describe('toDisposable', () => {
  it('runs its function once at most', () => {
    let count = 0;
    const item = toDisposable(() => count++);
    item.dispose();
    item.dispose();
    assert.equal(count, 1);
  });
});
