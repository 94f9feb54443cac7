import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

  it('is read as bytes, where a line is compared with those before it, as it is as text, where each is scanned', () => {
    const formats = readFileSync(join(import.meta.dirname, '../../fixtures/formats.txt'), 'utf8').split('\n');
    const piece = fc.constantFrom(
      '-',
      '+',
      '.',
      '  ',
      '   ',
      '/',
      "'",
      '@',
      ',',
      ':',
      'nan',
      '1.',
      '1,234',
      '1e-5',
      '.5',
      '█',
      'é',
      '🚀',
      '\x1b[A',
      'x',
    );
    const change = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.nat({ max: 40 }), fc.option(fc.tuple(fc.nat(), piece), { freq: 3 }));
    const log = fc.tuple(
      fc.array(fc.constantFrom(...formats), { minLength: 1, maxLength: 3 }),
      fc.array(change, { minLength: 20, maxLength: 60 }),
    );
    fc.assert(
      fc.property(log, ([lines, changes]) => {
        // The same few lines again and again with other digits, and now and then with something else in them.
        const text = changes
          .map(([line, more, digit, junk]) => {
            const numbered = lines[line % lines.length]!.replace(/\d+/g, (old) =>
              more === 0 ? `${digit}` : old.replace(/\d/g, `${digit % 10}`),
            );
            if (junk === null) return numbered;
            const characters = Array.from(numbered);
            characters.splice(junk[0] % (characters.length + 1), 0, junk[1]);
            return characters.join('');
          })
          .map((line, i) => line + (i % 9 === 8 ? '\r' : '\n'))
          .join('');
        const scanned = new TrainingMonitor();
        const compared = new TrainingMonitor();
        assert.deepEqual(
          [...compared.write(new TextEncoder().encode(text)), ...compared.end()],
          [...scanned.write(text), ...scanned.end()],
        );
      }),
      { numRuns: 300 },
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

  for (const [name, head, line] of [
    ['the second line of a box', ['Traceback (most recent call last):', '│ /home/me/train.p │'], `│ a${' '.repeat(4_000)}x`],
    ['a frame in a box', ['Traceback (most recent call last):'], `│ /a.py:1 in f${' '.repeat(16_000)}x`],
    ['a frame of IPython', ['Traceback (most recent call last):'], `  File ${'a:1 in '.repeat(80)}${' '.repeat(16_000)}x`],
    ['a logger’s name', ['Traceback (most recent call last):'], `2024-06-01 10:00:00 ${'-'.repeat(60)}`],
    ['the place of a log call', ['Traceback (most recent call last):'], `ERROR ${'1'.repeat(16_000)}`],
    ['a row of a report', ['  precision    recall  f1-score   support'], `  a${' '.repeat(16_000)}x`],
  ] as const)
    it(`of one long line where ${name} is looked for is read in time`, () => {
      const once = (): number => {
        const monitor = new TrainingMonitor();
        for (const before of head) monitor.processLine(before);
        const start = process.cpuUsage();
        monitor.processLine(line);
        const { user, system } = process.cpuUsage(start);
        return (user + system) / 1000;
      };
      const fastest = Math.min(once(), once(), once());
      assert.ok(fastest < 50, `${fastest} ms`);
    });

  it('of processes without end is not remembered', () => {
    const others = `${'x'.repeat(8_000)}\n`.repeat(7);
    const monitor = new TrainingMonitor();
    const failing = (pid: number): Uint8Array =>
      new TextEncoder().encode(
        ['Traceback (most recent call last):', '  File "/workspace/train.py", line 3, in main', 'ValueError: the header is broken']
          .map((line) => `(train_fn pid=${pid}, ip=10.0.0.1) ${line}\n`)
          .join('') + others,
      );
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    for (let pid = 1_000; pid < 1_020; pid++) monitor.write(failing(pid));
    const before = used();
    for (let pid = 2_000; pid < 2_500; pid++) monitor.write(failing(pid));
    // A slice of each block, kept, is 28 MB.
    const growth = used() - before;
    assert.ok(growth < 8e6, `${growth} bytes`);
    assert.equal(monitor.getErrors().length, 1);
  });
});
