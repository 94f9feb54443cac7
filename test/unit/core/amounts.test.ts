import assert from 'node:assert/strict';
import { bytes, count, duration } from '../../../src/core/amounts.ts';

describe('amounts', () => {
  it('are counted with their noun', () => {
    assert.deepEqual([count(1, 'file'), count(0, 'file'), count(1200, 'entry', 'entries')], ['1 file', '0 files', '1,200 entries']);
  });

  it('of bytes are decimal, as disks and networks are counted', () => {
    assert.deepEqual([0, 999, 1000, 7200, 999_499, 999_500, 1_400_000_000].map(bytes), [
      '0 B',
      '999 B',
      '1.0 KB',
      '7.2 KB',
      '999 KB',
      '1.0 MB',
      '1.4 GB',
    ]);
  });

  it('of time are as fine as one reads them', () => {
    assert.deepEqual([240, 3_210, 250_000, 7_500_000].map(duration), ['240 ms', '3.2 s', '4 min 10 s', '2 h 5 min']);
  });
});
