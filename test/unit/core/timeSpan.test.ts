import assert from 'node:assert/strict';
import { timeSpan } from '../../../src/core/timeSpan.ts';

describe('a time limit', () => {
  it('is said as people say it', () => {
    const said = [0, 250, 1_000, 1_500, 30_000, 60_000, 90_000, 300_000, 3_600_000, 5_400_000, 86_400_000].map(timeSpan);
    assert.deepEqual(said, [
      '0 milliseconds',
      '250 milliseconds',
      '1 second',
      '1.5 seconds',
      '30 seconds',
      '1 minute',
      '90 seconds',
      '5 minutes',
      '1 hour',
      '90 minutes',
      '24 hours',
    ]);
  });
});
