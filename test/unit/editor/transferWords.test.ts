import assert from 'node:assert/strict';
import { transferWords } from '../../../src/editor/transferWords.ts';

describe('the words about a transfer', () => {
  it('say how far it is, and how fast it goes as soon as that can be told', () => {
    let now = 0;
    const words = transferWords(() => now);
    assert.deepEqual(words({ bytesDone: 0, bytesTotal: 50e6 }), ['0 B of 50 MB', 0]);
    now = 2000;
    assert.deepEqual(words({ bytesDone: 25e6, bytesTotal: 50e6 }), ['25 MB of 50 MB, 13 MB/s', 0.5]);
  });
});
