import assert from 'node:assert/strict';
import fc from 'fast-check';
import { jsonLength } from '../../../src/operations/fitting.ts';
import { lastLines, LogReader, type LogQuestion } from '../../../src/operations/logReader.ts';

const bytes = (text: string) => Buffer.from(text);
const log = (count: number, text: (line: number) => string = (line) => `line ${line}`) =>
  Array.from({ length: count }, (_, i) => `${text(i + 1)}\n`).join('');

function read(text: string, question: Partial<LogQuestion>) {
  const reader = new LogReader({ characters: 2_800, ...question });
  for (let at = 0; at < text.length; at += 1_000) reader.take(bytes(text.slice(at, at + 1_000)));
  return reader.end();
}

/** As the pod answers: the last bytes, and the counts of all. */
function end(text: string, limit: number, question: { readonly tail?: number; readonly characters?: number } = {}) {
  const all = bytes(text);
  const lineEnds = text.split('\n').length - 1;
  return lastLines(
    { bytes: all.subarray(Math.max(0, all.length - limit)), totalBytes: all.length, lineEnds },
    { tail: 40, characters: 2_800, ...question },
  );
}

const numbers = (lines: string) => lines.split('\n').map((line) => Number(line.split(':')[0]));

describe('parts of a log', () => {
  it('around a line hold that line, and as many on both sides as there is room for', () => {
    const part = read(
      log(100, (line) => `${line} ${'z'.repeat(250)}`),
      { around: 50 },
    );
    assert.deepEqual(numbers(part.lines), [45, 46, 47, 48, 49, 50, 51, 52, 53, 54].slice(0, numbers(part.lines).length));
    assert.ok(part.lines.includes('50: 50 zzz'));
    assert.match(part.leftOut, /^Left out: \d+ lines before these, \d+ lines after these\./);
    assert.equal(part.totalLines, 100);
    // A side that is at its end leaves its room to the other.
    assert.deepEqual(
      numbers(read(log(100), { around: 2 }).lines),
      [...Array(17).keys()].map((i) => i + 1),
    );
  });

  it('cut a line that is too long rather than leave it out', () => {
    const part = read(
      log(3, () => '"'.repeat(390)),
      { around: 2, characters: 200 },
    );
    assert.match(part.lines, /^2: "+…$/);
    assert.ok(jsonLength(part.lines) <= 210);
    assert.equal(part.leftOut, 'Left out: 1 line before these, 1 line after these. Ask for other lines or more characters.');
  });

  it('are ranges and searches, with what was left out', () => {
    assert.deepEqual(read(log(9), { from: 2, to: 3 }), { lines: '2: line 2\n3: line 3', totalLines: 9, matches: null, leftOut: '' });
    const found = read(log(200), { search: 'LINE 1', characters: 200 });
    assert.equal(found.matches, 111);
    assert.match(found.lines, /^1: line 1\n10: line 10\n/);
    assert.match(found.leftOut, /^Left out: \d+ lines after these/);
    assert.equal(read(log(3), { around: 90 }).lines, '');
  });

  it('show of a line that redraws itself what it said last', () => {
    assert.equal(read('10%\r50%\r100%\nnext\n', { from: 1 }).lines, '1: 100%\n2: next');
    assert.equal(read(`${'9%\r'.repeat(100_000)}99%`, { from: 1 }).lines, '1: 99%');
  });
});

describe('the end of a log', () => {
  it('is read from its last bytes, with the numbers of the whole', () => {
    const part = end(log(100_000), 5_000, { tail: 3 });
    assert.equal(part?.lines, '99998: line 99998\n99999: line 99999\n100000: line 100000');
    assert.equal(part.totalLines, 100_000);
    assert.equal(part.leftOut, '');
    assert.equal(end('a\nb', 100)?.lines, '1: a\n2: b');
    assert.deepEqual(end('', 100), { lines: '', totalLines: 0, matches: null, leftOut: '' });
  });

  it('asks for more bytes when they do not suffice', () => {
    assert.equal(end(log(100), 50, { tail: 40 }), null);
    assert.equal(end(log(1_000), 900, { tail: 900, characters: 200 })?.leftOut.startsWith('Left out: 88'), true);
  });

  it('gives of one endless line what it said last', () => {
    assert.equal(end('x\r'.repeat(50_000) + 'y', 1_000)?.lines, '1: y');
    assert.match(end('x'.repeat(50_000), 1_000)?.lines ?? '', /^1: …x+…$/);
  });

  it('is what reading all of it gives, wherever the bytes are cut', () => {
    const line = fc.stringMatching(/^[ab"\\\r]{0,30}$/);
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 40 }),
        (lines, isOpen, limit, tail) => {
          const text = lines.map((one) => `${one}\n`).join('') + (isOpen ? 'open' : '');
          const whole = end(text, Infinity, { tail });
          const part = end(text, limit, { tail });
          // One line of which only the end is there is told as such.
          if (part !== null && !part.lines.includes('…')) assert.deepEqual(part, whole);
        },
      ),
    );
  });
});
