import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LineReader, MAX_LINE } from '../../../src/monitor/lines.ts';

type Piece = [text: string, redraw: boolean];

function read(chunks: Iterable<Uint8Array | string>): Piece[] {
  const pieces: Piece[] = [];
  const reader = new LineReader((piece, redraw) => pieces.push([piece.text, redraw]));
  for (const chunk of chunks) reader.write(chunk);
  reader.end();
  return pieces;
}

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

describe('LineReader', () => {
  it('keeps blank lines, drops the line ends', () => {
    assert.deepEqual(read(['a\n\nb\r\n', 'c']), [
      ['a', false],
      ['', false],
      ['b', false],
      ['c', false],
    ]);
  });

  it('gives what \\r overwrote as redraws, and the rest as the line', () => {
    assert.deepEqual(read(['\r 1%\r\r 2%', '\r 3%\r\nend']), [
      [' 1%', true],
      [' 2%', true],
      [' 3%', false],
      ['end', false],
    ]);
  });

  it('gives the same pieces for every chunk size', () => {
    const text = 'Zwölf Boxkämpfer 🚀\r\n損失: 0.5\r 10%|█▏  |\r 20%|██  |\n\n\r\r\nEnde';
    const bytes = new TextEncoder().encode(text);
    const whole = read([bytes]);
    assert.deepEqual(whole, read([text]));
    for (let size = 1; size <= bytes.length; size++) assert.deepEqual(read(cut(bytes, [size])), whole, `chunks of ${size}`);
  });

  it('gives the same pieces for any bytes in any chunks', () => {
    const interesting = fc.oneof(
      fc.constantFrom(10, 13, 0x1b, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x9a, 0x80, 0xff, 0xc0, 0xed, 0xa0),
      fc.integer({ min: 0, max: 255 }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(interesting, { maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
        (some, more, sizes) => {
          const bytes = Uint8Array.from([...more, ...some, ...more]);
          assert.deepEqual(read(cut(bytes, sizes)), read([bytes]));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('bounds a line: the start and the end are kept, the same in any chunks', () => {
    const long = `start ${'x'.repeat(5 * MAX_LINE)} end`;
    const [piece] = read([long, '\n']);
    assert.ok(piece![0].length <= MAX_LINE + 10);
    assert.match(piece![0], /^start x+ … x+ end$/);
    for (const size of [1, 7, 8192, 8193, 40_000]) assert.deepEqual(read([...cut(new TextEncoder().encode(long), [size]), '\n'])[0], piece);
  });
});
