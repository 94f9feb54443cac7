import assert from 'node:assert/strict';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { dump } from 'npyjs';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import { parseNpz } from '../../../src/results/npz.ts';

/** As numpy.savez_compressed(oof=..., labels=...) of numpy 1.24 wrote it, in Zip64 form as numpy does. */
const written = Buffer.from(
  'UEsDBBQAAAAIAAAAIQAY/WIoVwAAAKAAAAAHABQAb29mLm5weQEAEACgAAAAAAAAAFcAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKRpo6CrUKZAOus2dA4I39rJkgsBNKn4TSL+0BUEsDBBQAAAAIAAAAIQB+avvJSQAAAJAAAAAKABQAbGFiZWxzLm5weQEAEACQAAAAAAAAAEkAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQALgYoYITSAFBLAQIUAxQAAAAIAAAAIQAY/WIoVwAAAKAAAAAHAAAAAAAAAAAAAACAAQAAAABvb2YubnB5UEsBAhQDFAAAAAgAAAAhAH5q+8lJAAAAkAAAAAoAAAAAAAAAAAAAAIABkAAAAGxhYmVscy5ucHlQSwUGAAAAAAIAAgBtAAAAFQEAAAAA',
  'base64',
);
const array = new Uint8Array(dump(Float64Array.from([1, 2, 3]), [3]));

function refused(bytes: Uint8Array, reason: Reason, pattern: RegExp): void {
  assert.throws(
    () => parseNpz(bytes, 'oof.npz'),
    (error) => isUserError(error, reason) && pattern.test(error.message),
  );
}

describe('.npz', () => {
  it('is read as numpy writes it', () => {
    const arrays = parseNpz(written, 'oof.npz');
    assert.deepEqual([...arrays.keys()], ['oof', 'labels']);
    assert.deepEqual([...(arrays.get('oof')?.values ?? [])], [0.9, 0.1, 0.2, 0.8]);
    assert.deepEqual([...(arrays.get('labels')?.values ?? [])], [0n, 1n]);
  });

  it('is refused when it is cut off, at any byte', () => {
    for (let length = 0; length < written.length; length++) {
      assert.throws(
        () => parseNpz(written.subarray(0, length), 'oof.npz'),
        (error) => isUserError(error),
        String(length),
      );
    }
  });

  it('is refused when it holds something else', () => {
    refused(zipSync({ 'a.npy': array, '../evil.py': new Uint8Array(3) }), 'bad-argument', /holds "\.\.\/evil\.py", which is no array/);
    refused(zipSync({}), 'bad-argument', /holds no array/);
  });

  it('is refused before it is unpacked when it would be too much', () => {
    const small = zipSync({ 'a.npy': array });
    const view = new DataView(small.buffer, small.byteOffset);
    // Of the central directory: what the entry claims to be when it is unpacked.
    const directory = view.getUint32(small.length - 6, true);
    view.setUint32(directory + 24, 0x7fffffff, true);
    refused(small, 'bad-argument', /1 arrays of 2048 MB; up to 1000 of 1024 MB/);
    refused(zipSync(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`a${i}.npy`, array]))), 'bad-argument', /holds 1001 arrays/);
  });

  it('never fails but with a sentence, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.nat(written.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const bytes = new Uint8Array(written);
        bytes[at] = byte;
        try {
          parseNpz(bytes, 'oof.npz');
        } catch (error) {
          assert.ok(isUserError(error), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});
