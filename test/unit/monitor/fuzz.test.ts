import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';
import { FRAGMENTS, noise } from './fragments.ts';

const megabyte = (head: string, unit: string, tail: string): Uint8Array =>
  new TextEncoder().encode(head + unit.repeat(Math.ceil(1e6 / unit.length)) + tail);

describe('any input', () => {
  it('is read without an exception, and the same in any chunks', () => {
    const text = fc.array(
      fc.oneof(fc.constantFrom(...FRAGMENTS, '\n', '\n  File "a.py", line 3, in f\n', 'ValueError: bad\n'), fc.string({ maxLength: 8 })),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 50 }), (parts, size) => {
        const bytes = new TextEncoder().encode(parts.join(''));
        const whole = new TrainingMonitor();
        const cut = new TrainingMonitor();
        const expected = [...whole.write(bytes), ...whole.end()];
        const events = [];
        for (let at = 0; at < bytes.length; at += size) events.push(...cut.write(bytes.slice(at, at + size)));
        events.push(...cut.end());
        assert.deepEqual(events, expected);
      }),
      { numRuns: 400 },
    );
  });

  it('of one line of a megabyte is read in time that does not explode', function () {
    this.timeout(120_000);
    const fragment = fc.constantFrom(...FRAGMENTS);
    fc.assert(
      fc.property(fragment, fc.array(fragment, { minLength: 1, maxLength: 4 }), fragment, (head, unit, tail) => {
        const bytes = megabyte(head, unit.join(''), tail);
        const monitor = new TrainingMonitor();
        monitor.write('Epoch 1/3 loss: 0.5\n  File "x.py", line 3, in f\n');
        const start = performance.now();
        for (let at = 0; at < bytes.length; at += 65_536) monitor.write(bytes.subarray(at, at + 65_536));
        monitor.end();
        // 50 ms on a quiet machine (npm run bench measures that); a pattern that is super-linear needs seconds.
        assert.ok(performance.now() - start < 1_000);
      }),
      { numRuns: 60 },
    );
  });

  it('of one line of a megabyte in which nothing repeats is read in time, too', function () {
    this.timeout(120_000);
    for (const kind of ['bytes', 'printable', 'pieces'] as const) {
      for (let seed = 1; seed <= 3; seed++) {
        const bytes = noise(1_000_000, seed, kind);
        const monitor = new TrainingMonitor();
        monitor.write('Epoch 1/3 loss: 0.5\n  File "x.py", line 3, in f\n');
        const before = process.cpuUsage();
        for (let at = 0; at < bytes.length; at += 65_536) monitor.write(bytes.subarray(at, at + 65_536));
        monitor.end();
        const { user, system } = process.cpuUsage(before);
        // As above. Each redraw of a shape of its own once cost as much as a line, which made half a second.
        assert.ok(user + system < 400_000, `${kind}: ${(user + system) / 1000} ms`);
      }
    }
  });
});
