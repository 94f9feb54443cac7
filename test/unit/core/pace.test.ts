import assert from 'node:assert/strict';
import { Pace } from '../../../src/core/pace.ts';

describe('the pace of something', () => {
  it('is what was done lately, without what was there at the beginning', () => {
    const pace = new Pace();
    assert.equal(pace.perSecond(20_000, 0), undefined);
    assert.equal(pace.perSecond(20_100, 100), undefined, 'too early');
    assert.equal(pace.perSecond(21_000, 1000), 1000);
    assert.equal(pace.perSecond(22_000, 2000), 1000);
    for (let ms = 3000; ms <= 8000; ms += 1000) pace.perSecond(22_000, ms);
    assert.equal(pace.perSecond(22_000, 9000), 0, 'a line that stands still');
  });

  it('begins anew with work that does', () => {
    const pace = new Pace();
    pace.perSecond(0, 0);
    assert.equal(pace.perSecond(5_000, 1000), 5000);
    assert.equal(pace.perSecond(0, 1100), undefined);
    assert.equal(pace.perSecond(100, 2100), 100);
  });
});
