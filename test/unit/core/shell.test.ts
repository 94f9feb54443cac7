import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { exports, isVariableName, quote, quoteAll } from '../../../src/core/shell.ts';

/** Text as it may come from a file name, a setting or an agent; biased towards what shells care about. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
  fc.string({
    unit: fc.constantFrom(
      "'",
      '"',
      '\\',
      '$',
      '`',
      '\n',
      '\r',
      ' ',
      '\t',
      '*',
      '?',
      '[',
      '~',
      '!',
      '#',
      '&',
      ';',
      '|',
      '=',
      '-',
      'a',
      'é',
      '🙂',
    ),
  }),
  fc.constantFrom(
    '',
    '-n',
    '-e',
    '--',
    '~',
    '~root',
    '$HOME',
    '$(id)',
    '`id`',
    'a\n',
    '\n',
    "'",
    "''",
    "\\'",
    '!!',
    '{a,b}',
    '*',
    '%s',
    '\\c',
    '=ls',
    '-',
  ),
);

/** What a real `sh` makes of a script: its output, split at NUL, which no argument can contain. */
function inShell(script: string): string[] {
  // By stdin: a script of any length, and nothing but sh itself reads it.
  const { status, stdout, stderr } = spawnSync('sh', ['-s'], { input: script, maxBuffer: 1 << 28 });
  assert.equal(status, 0, stderr.toString());
  return stdout.toString().split('\0').slice(0, -1);
}

describe('quote', () => {
  it('makes any text one argument that a real sh reads back unchanged', () => {
    fc.assert(
      // Hundreds of values for each sh: starting one is what takes the time.
      fc.property(fc.array(text, { minLength: 1, maxLength: 400 }), (values) => {
        assert.deepEqual(inShell(values.map((value) => `printf '%s\\0' ${quote(value)}\n`).join('')), values);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps its meaning inside a second shell', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), (values) => {
        const inner = `printf '%s\\0' ${quoteAll(values)}`;
        assert.deepEqual(inShell(`sh -c ${quote(inner)}`), values);
        assert.deepEqual(inShell(`eval ${quote(inner)}`), values);
      }),
      { numRuns: 20 },
    );
  });

  it('leaves plain words as they are, since commands are shown to people', () => {
    for (const plain of ['train.py', '/workspace/moola/src', 'oof', '--seed', 'a=b', 'user@host:22', '50%'])
      assert.equal(quote(plain), plain);
    assert.equal(quote(''), "''");
    assert.equal(quote('two words'), "'two words'");
  });

  it('refuses NUL, which no argument can contain', () => {
    assert.throws(() => quote('a\0b'), RangeError);
  });
});

describe('exports', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/).map((value) => `RPO_${value}`);

  it('sets every variable to its exact value for the command that follows', () => {
    fc.assert(
      fc.property(fc.dictionary(name, text, { minKeys: 1, maxKeys: 30, noNullPrototype: true }), (variables) => {
        const names = Object.keys(variables);
        const read = `${exports(variables)}sh -c 'for v; do eval "printf \\"%s\\\\0\\" \\"\\$$v\\""; done' sh ${quoteAll(names)}`;
        assert.deepEqual(inShell(read), Object.values(variables));
      }),
      { numRuns: 30 },
    );
  });

  it('refuses what is not a name, rather than running it', () => {
    for (const bad of ['', '1A', 'A-B', 'A B', 'A;id', 'A=B', 'Ä', 'A\n']) {
      assert.equal(isVariableName(bad), false, JSON.stringify(bad));
      assert.throws(() => exports({ [bad]: 'x' }), RangeError, JSON.stringify(bad));
    }
  });
});
