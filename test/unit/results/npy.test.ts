import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { dump } from 'npyjs';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import { type NpyArray, parseNpy } from '../../../src/results/npy.ts';
import { readArray } from '../../../src/results/npz.ts';

/** As numpy 2.4 wrote them (numpy.lib.format.write_array). */
const written = {
  'float64, Fortran order':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAAAhAAAAAAAAA8D8AAAAAAAAQQAAAAAAAAABAAAAAAAAAFEA=',
  'int16, Fortran order, three axes':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGkyJywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAwABAAQAAgAFAABAA0ABQARAAkAFQACAA4ABgASAAoAFgADAA8ABwATAAsAFwA=',
  'text beyond the basic plane':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPFUzJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDQsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAphAAAAYgAAAAAAAAAAAAAAAAAAAAAAAACz1AEA6QAAAAAAAABhAAAAAAAAAGIAAAA=',
  bytes:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnfFMzJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAphYgAAAAB4eXo=',
  'int64, big-endian':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPmk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAf/////////+AAABAAAAAAA=',
  'text, big-endian':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPlUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAABhAAAAYg==',
  'float32, version 2':
    'k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwgMiksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwA==',
  float16:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDYsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAPgB+AHwAgAEA/3s=',
  booleans:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAA==',
  'a single number':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAMQA==',
  'no rows':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo=',
  records:
    'k05VTVBZAQB2AHsnZGVzY3InOiBbKCfpJywgJzxpNCcpLCAoJ2InLCAnPGY4JyldLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAAAAAAEA=',
  objects:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqABJWLAAAAAAAAAIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwGFlGgDjAVkdHlwZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlH2UYXSUYi4=',
  'complex numbers':
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGMxNicsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAADwPwAAAAAAAABA',
  dates:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPE04W0RdJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIApWRwAAAAAAAA==',
} as const;

const bytesOf = (name: keyof typeof written) => Buffer.from(written[name], 'base64');

function npy(header: string, data: Uint8Array = new Uint8Array(), version = 1): Buffer {
  const text = Buffer.from(header + '\n', 'latin1');
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]), length, text, data]);
}

function refused(bytes: Uint8Array, reason: Reason, pattern: RegExp): void {
  assert.throws(
    () => parseNpy(bytes, 'oof.npy'),
    (error) => {
      assert.ok(isUserError(error, reason), String(error));
      assert.match(error.message, pattern);
      return true;
    },
  );
}

describe('an array that numpy wrote', () => {
  const table: readonly (readonly [keyof typeof written, readonly number[], string, NpyArray['kind'], readonly unknown[]])[] = [
    ['float64, Fortran order', [2, 3], '<f8', 'float', [0, 1, 2, 3, 4, 5]],
    ['int16, Fortran order, three axes', [2, 3, 4], '<i2', 'int', Array.from({ length: 24 }, (_, index) => index)],
    ['text beyond the basic plane', [4], '<U3', 'string', ['ab', '', '𝒳é', 'a\0b']],
    ['bytes', [3], '|S3', 'string', ['ab', '', 'xyz']],
    ['int64, big-endian', [3], '>i8', 'int', [1n, -2n, 2n ** 40n]],
    ['text, big-endian', [1], '>U2', 'string', ['ab']],
    ['float32, version 2', [1, 2], '<f4', 'float', [1.5, -2]],
    ['float16', [6], '<f2', 'float', [1.5, NaN, Infinity, -0, 2 ** -24, 65504]],
    ['booleans', [2], '|b1', 'bool', [1, 0]],
    ['a single number', [], '<f8', 'float', [3.5]],
    ['no rows', [0, 3], '<f8', 'float', []],
  ];
  for (const [name, shape, dtype, kind, values] of table) {
    it(`is read: ${name}`, () => {
      const array = parseNpy(bytesOf(name), 'oof.npy');
      assert.deepEqual({ ...array, values: [...array.values] }, { shape, dtype, kind, values });
    });
  }

  it('is refused when it holds no plain values', () => {
    refused(bytesOf('objects'), 'bad-argument', /^oof\.npy holds Python objects, which are pickled; opening a pickle can run any code/);
    refused(bytesOf('records'), 'bad-argument', /records with named fields/);
    refused(bytesOf('complex numbers'), 'bad-argument', /complex numbers/);
    refused(bytesOf('dates'), 'bad-argument', /dates/);
    refused(npy("{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", new Uint8Array(2)), 'bad-argument', /bfloat16/);
  });

  it('is never taken for whole when it is cut off anywhere, or goes on', () => {
    for (const name of ['float64, Fortran order', 'text beyond the basic plane', 'float32, version 2', 'booleans'] as const) {
      const bytes = bytesOf(name);
      for (let length = 0; length < bytes.length; length++)
        refused(bytes.subarray(0, length), 'transfer-corrupt', /^oof\.npy is damaged: .*(empty|cut off)/);
      refused(Buffer.concat([bytes, Buffer.alloc(8)]), 'transfer-corrupt', /8 bytes follow after the end of its shape/);
    }
  });

  it('is left as it was by the reading', () => {
    const bytes = bytesOf('int64, big-endian');
    parseNpy(bytes, 'x');
    assert.deepEqual(bytes, bytesOf('int64, big-endian'));
  });

  it('is read at any place in a larger buffer', () => {
    const bytes = bytesOf('float64, Fortran order');
    for (let offset = 0; offset < 8; offset++) {
      const moved = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
      assert.deepEqual([...parseNpy(moved, 'x').values], [0, 1, 2, 3, 4, 5]);
    }
  });

  it('is what another writer meant by it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.float64Array({ maxLength: 20 }),
          fc.float32Array({ maxLength: 20 }),
          fc.int32Array({ maxLength: 20 }),
          fc.uint8Array({ maxLength: 20 }),
        ),
        (values) => {
          const array = parseNpy(new Uint8Array(dump(values as Float64Array, [values.length, 1])), 'x');
          assert.deepEqual(array.shape, [values.length, 1]);
          assert.deepEqual([...array.values], [...values]);
        },
      ),
    );
  });
});

describe('a hostile or broken header', () => {
  const data = new Uint8Array(8);
  const table: readonly (readonly [string, string, Reason, RegExp])[] = [
    ['no dict', 'import os', 'transfer-corrupt', /header is not one that numpy writes/],
    ['code', "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}", 'transfer-corrupt', /header is not/],
    ['a key missing', "{'descr': '<f8', 'fortran_order': False}", 'transfer-corrupt', /header is not/],
    ['a key twice', "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 'transfer-corrupt', /header is not/],
    ['a key too many', "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': True}", 'transfer-corrupt', /header is not/],
    ['a negative length', "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", 'transfer-corrupt', /header is not/],
    ['no tuple', "{'descr': '<f8', 'fortran_order': False, 'shape': (1)}", 'transfer-corrupt', /header is not/],
    [
      'an endless shape',
      "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      'transfer-corrupt',
      /beyond measure/,
    ],
    [
      'a product beyond measure',
      "{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000, 4000000000)}",
      'transfer-corrupt',
      /beyond measure/,
    ],
    [
      'more axes than numpy has',
      `{'descr': '<f8', 'fortran_order': False, 'shape': (${'1,'.repeat(65)})}`,
      'transfer-corrupt',
      /beyond measure/,
    ],
    [
      'a huge shape and no data',
      "{'descr': '<f8', 'fortran_order': False, 'shape': (400000000,)}",
      'bad-argument',
      /arrays up to 1024 MB are read/,
    ],
    ['strings of no size', "{'descr': '<U0', 'fortran_order': False, 'shape': (999999999,)}", 'bad-argument', /dtype <U0/],
    [
      'a dtype that there is not',
      "{'descr': '<f8x', 'fortran_order': False, 'shape': (1,)}",
      'transfer-corrupt',
      /dtype "<f8x" is not one/,
    ],
    [
      'a dtype that is a property',
      "{'descr': 'constructor', 'fortran_order': False, 'shape': (1,)}",
      'transfer-corrupt',
      /not one that numpy/,
    ],
  ];
  for (const [what, header, reason, pattern] of table) it(`is refused: ${what}`, () => refused(npy(header, data), reason, pattern));

  it('is refused: something else altogether', () => {
    refused(Buffer.from('PK\x03\x04 a zip'), 'bad-argument', /not a \.npy file/);
    refused(Buffer.from('<!doctype html>'), 'bad-argument', /not a \.npy file/);
    const bytes = bytesOf('booleans');
    bytes[6] = 9;
    refused(bytes, 'transfer-corrupt', /version 9/);
    refused(npy(`{${' '.repeat(20_000)}}`), 'transfer-corrupt', /header has 20003 bytes; at most 10000/);
    refused(
      npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", Uint8Array.of(255, 255, 255, 255)),
      'transfer-corrupt',
      /text that is none/,
    );
  });

  it('is read in any order of keys, as old writers did, with Python 2 numbers', () => {
    const array = parseNpy(npy('{ "shape": (1L, 1L,), "fortran_order": False , "descr":"<i8"}', data, 3), 'x');
    assert.deepEqual([array.shape, [...array.values]], [[1, 1], [0n]]);
  });

  it('gives an array or a sentence, whatever is flipped in the file', () => {
    const flips = fc.array(fc.tuple(fc.nat(140), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...(Object.keys(written) as (keyof typeof written)[])), flips, (name, changes) => {
        const bytes = bytesOf(name);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          const { shape, values } = parseNpy(bytes, 'x');
          assert.equal(
            values.length,
            shape.reduce((product, length) => product * length, 1),
          );
        } catch (error) {
          assert.ok(isUserError(error), String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a .npy file on disk', () => {
  it('is named in what is said about it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rpo-npy-'));
    try {
      const file = join(folder, 'seed_1.npy');
      await assert.rejects(
        readArray(file),
        (error) => isUserError(error, 'local-missing') && /There is no file .*seed_1\.npy/.test(error.message),
      );
      writeFileSync(file, '');
      await assert.rejects(
        readArray(file),
        (error) => isUserError(error, 'transfer-corrupt') && /^seed_1\.npy is damaged: it is empty/.test(error.message),
      );
      writeFileSync(file, bytesOf('booleans'));
      assert.deepEqual((await readArray(file)).shape, [2]);
      await assert.rejects(readArray(folder), (error) => isUserError(error, 'local-failed'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a large array', () => {
  it('is turned and judged in the memory of its own bytes, a small heap beside it', function () {
    this.timeout(60_000);
    const script = `
      const { parseNpy } = require('./src/results/npy.ts');
      const { validatePredictions } = require('./src/results/validate.ts');
      const head = Buffer.from("{'descr': '|u1', 'fortran_order': True, 'shape': (8000000, 2), }".padEnd(117) + '\\n');
      const bytes = Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length, 0]), head, Buffer.alloc(16_000_000, 1)]);
      console.log(validatePredictions(parseNpy(bytes, 'a.npy')).shape.join());
    `;
    // With an index or a text for each row, V8 ends the process.
    const args = ['--max-old-space-size=48', '--import', 'tsx', '--input-type=commonjs', '-e', script];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: join(import.meta.dirname, '../../..') });
    assert.deepEqual([stdout.trim(), status], ['8000000,2', 0], stderr.slice(0, 500));
  });
});
