import assert from 'node:assert/strict';
import { lastLine } from '../../../src/core/lastLine.ts';

describe('lastLine', () => {
  it('is the last one with something on it', () => {
    assert.equal(lastLine('a\n  b: no such file  \n\n'), 'b: no such file');
    assert.equal(lastLine(' \n'), '');
  });
});
