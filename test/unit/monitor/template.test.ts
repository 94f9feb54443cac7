import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';
import type { MonitorEvent } from '../../../src/monitor/monitor.ts';

function read(chunks: readonly (Uint8Array | string)[]): MonitorEvent[] {
  const monitor = new TrainingMonitor();
  return [...chunks.flatMap((chunk) => monitor.write(chunk)), ...monitor.end()];
}

/** Lines that are printed again and again, and one that differs in little: in nothing, if one looks only at the bytes that belong to no number. */
const PAIRS: readonly (readonly [usual: string, other: string])[] = [
  ['training: acc/-0.5 loss 0.25', 'training: acc/0.5 loss 0.25'],
  ['training: acc@-0.5 loss 0.25', 'training: acc@0.5 loss 0.25'],
  ['training: acc-0.5 loss 0.25', 'training: acc-5 loss 0.25'],
  ['training: acc-0.5 loss 0.25', 'training: acc-5e3 loss 0.25'],
  ["training: acc'-1 loss 0.25", "training: acc'1 loss 0.25"],
  ['training: epoch12 loss 0.25', 'training: epoch1.2 loss 0.25'],
  ['training: loss .5 acc 0.25', 'training: loss .5.1 acc 0.25'],
  ['training: step 5 loss 0.25', 'training: step 5:1 loss 0.25'],
  ['training: step 5 loss 0.25', 'training: step 1,5 loss 0.25'],
  ['training: step 5  loss 0.25', 'training: step 5 loss 0.25'],
  ['training: (5)1 loss 0.25', 'training: (5)-1 loss 0.25'],
  ['training: loss nan acc 0.25', 'training: loss inf acc 0.25'],
  ['training: run-0123 loss 0.25', 'training: run-0999 loss 0.25'],
  ['training: é 5 loss 0.25', 'training: è 5 loss 0.25'],
  ['training: █5 loss 0.25', 'training: █-5 loss 0.25'],
  ['training: loss 1', 'training: loss 1.'],
  ['training: loss 1', 'training: loss 1.\r'],
  ['training: loss 0.25', 'training: loss 0.25\r100%'],
  ['training: step 5, loss 0.25', 'training: step 5,123 loss 0.25'],
  ['training: loss 0.123456789012', 'training: loss 12345678901234567.5'],
  ['training: step 5 loss 0.25', 'training: step 5_000 loss 0.25'],
  ['training: step 5_000 loss 0.25', 'training: step 5_000_loss 0.25'],
  ['training: step 5.5_000 loss 0.25', 'training: step 5_000 loss 0.25'],
  ['training: 0x7f loss 0.25', 'training: 1x7f loss 0.25'],
  ['training: 5xab loss 0.25', 'training: 0xab loss 0.25'],
  ['training: 0xab loss 0.25', 'training: 0xabz loss 0.25'],
  ['training: 0x loss 0.25', 'training: 0x1 loss 0.25'],
  ['[01:23<03:21, loss=0.25]', '[01:23<03:, loss=0.25]'],
  ['[01:23<03:21, loss=0.25]', '[01:23<1:03:21.5, loss=0.25]'],
];

describe('a line that is compared with those before it', () => {
  for (const [usual, other] of PAIRS) {
    it(`is read as it is by itself: ${other} after ${usual}`, () => {
      const text = `${`${usual}\n`.repeat(5)}${other}\n${usual}\n`;
      // What comes as text is always scanned.
      assert.deepEqual(read([new TextEncoder().encode(text)]), read([text]));
    });
  }

  it('is read as it is by itself, whatever its numbers are and its neighbours', () => {
    const number = fc.oneof(
      fc.constantFrom(
        '1.',
        '.5',
        '1,234',
        '1,23',
        '0:14:15',
        '1:',
        '10.0.0.1',
        '5e',
        '1_000',
        '0x7f',
        '0xfe',
        '0x',
        '5e-05',
        '1E+400',
        '-0',
        '--1',
        '+3',
        '',
        'nan',
        '2024-05-01',
        '7-3',
      ),
      fc.stringMatching(/^[-+]?\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?$/),
    );
    const shape = fc.array(
      fc.constantFrom(
        'loss ',
        ' loss=',
        "{'loss': ",
        ', ',
        '  ',
        ' █',
        '█',
        'Epoch ',
        '/',
        '%|',
        ' lr: ',
        '[',
        '<',
        ')',
        'é',
        'step',
        '\t',
      ),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    const end = fc.constantFrom('\n', '\n', '\n', '\r', '\r\n', '\r\r');
    const log = fc.array(shape, { minLength: 1, maxLength: 3 }).chain((shapes) =>
      fc.array(fc.tuple(fc.constantFrom(...shapes), fc.array(number, { minLength: 6, maxLength: 6 }), end), {
        minLength: 6,
        maxLength: 30,
      }),
    );
    fc.assert(
      fc.property(log, (lines) => {
        const text = lines.map(([parts, numbers, ending]) => parts.map((part, i) => part + numbers[i]!).join('') + ending).join('');
        assert.deepEqual(read([new TextEncoder().encode(text)]), read([text]));
      }),
      { numRuns: 1_000 },
    );
  });

  it('may be padded, signed and of any length', () => {
    const lines = Array.from(
      { length: 50 },
      (_, i) => `Epoch ${' '.repeat(2 + (i % 4))}${i + 1}/50  loss: ${i % 2 === 0 ? '-' : ''}${i}.${i ** 9}e-${i}`,
    );
    const text = `${lines.join('\n')}\n`;
    const events = read([new TextEncoder().encode(text)]);
    assert.deepEqual(events, read([text]));
    const found = events.filter((event) => event.kind === 'metrics');
    assert.deepEqual(
      found.map(({ epoch, metrics }) => [epoch, metrics['loss']]),
      lines.map((line, i) => [i + 1, Number(line.slice(line.indexOf(': ') + 2))]),
    );
  });
});
