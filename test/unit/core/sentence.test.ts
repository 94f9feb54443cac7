import assert from 'node:assert/strict';
import { firstSentence } from '../../../src/core/sentence.ts';

describe('firstSentence', () => {
  it('ends where a sentence does, not in an address or a file name', () => {
    assert.equal(firstSentence('10.0.0.7:22 refuses connections. Check a.py. Then go.'), '10.0.0.7:22 refuses connections.');
    assert.equal(firstSentence('No full stop'), 'No full stop');
  });
});
