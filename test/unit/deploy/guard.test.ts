import assert from 'node:assert/strict';
import { isUserError } from '../../../src/core/errors.ts';
import { checkSize, formatBytes } from '../../../src/deploy/guard.ts';

describe('the size guard', () => {
  const megabyte = 1024 * 1024;

  it('lets source code pass', () => {
    checkSize([{ path: 'src/train.py', bytes: 20_000 }]);
  });

  it('names the files that are too large, largest first, and says what to do', () => {
    assert.throws(
      () =>
        checkSize([
          { path: 'a.py', bytes: 1 },
          { path: 'small.ckpt', bytes: 101 * megabyte },
          { path: 'large.ckpt', bytes: 900 * megabyte },
        ]),
      (error) =>
        isUserError(error, 'bad-argument') &&
        /large\.ckpt.*small\.ckpt.*Nothing was sent.*"exclude"/s.test(error.message) &&
        !error.message.includes('a.py'),
    );
  });

  it('refuses a set that is too large although no file is', () => {
    const files = Array.from({ length: 20 }, (_, i) => ({ path: `data/${i}.npy`, bytes: 90 * megabyte }));
    assert.throws(() => checkSize(files), /The set is 1\.9 GB/);
  });
});

describe('sizes for people', () => {
  it('are decimal and short', () => {
    assert.deepEqual([0, 999, 1000, 123_456, 9_600_000, 1.5e12].map(formatBytes), ['0 B', '999 B', '1.0 KB', '123 KB', '9.6 MB', '1.5 TB']);
  });
});
