import assert from 'node:assert/strict';
import fc from 'fast-check';
import { maskSecrets } from '../../../src/core/secrets.ts';
import { ControlStripper, stripControl } from '../../../src/core/terminal.ts';

const escape = '\u001b';
const samples: readonly (readonly [string, string, string])[] = [
  ['colours', `${escape}[1;31mred${escape}[0m`, 'red'],
  ['cursor moves', `a${escape}[2K${escape}[10;20Hb`, 'ab'],
  ['a window title', `${escape}]0;evil\u0007text`, 'text'],
  ['a clipboard write ended by ST', `${escape}]52;c;ZXZpbA==${escape}\\text`, 'text'],
  ['a device control string', `${escape}Pq#0;evil${escape}\\text`, 'text'],
  ['a reset', `${escape}cgone`, 'gone'],
  ['a charset switch', `${escape}(Bplain`, 'plain'],
  ['an eight-bit CSI', '\u009b31mred', 'red'],
  ['backspaces and bells', 'a\b\u0007b', 'ab'],
  ['a title that another sequence cuts off', `${escape}]0;evil${escape}[1mtext`, 'text'],
  ['bidirectional overrides', 'if \u202egnissap', 'if gnissap'],
];

describe('control sequences of a pod', () => {
  for (const [what, printed, shown] of samples) it(`are taken out: ${what}`, () => assert.equal(stripControl(printed), shown));

  it('leave text, tabs, line ends and any language alone', () => {
    const text = 'loss\t0.5\r\nÄ 漢字 🚀 e\u0301\n';
    assert.equal(stripControl(text), text);
  });

  it('are taken out whatever the chunks are', () => {
    const all = samples.map(([, printed]) => printed).join('|');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (sizes) => {
        const stripper = new ControlStripper();
        let shown = '';
        for (let at = 0, i = 0; at < all.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          shown += stripper.write(all.slice(at, at + size));
          at += size;
        }
        assert.equal(shown + stripper.end(), samples.map(([, , plain]) => plain).join('|'));
      }),
    );
  });

  it('never come through, and a lone ESC does not hold output back for ever', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) =>
        assert.doesNotMatch(stripControl(text), /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/),
      ),
    );
    assert.ok(new ControlStripper().write(`${escape}]0;${'x'.repeat(1000)}\u0007end`).endsWith('end'));
  });
});

describe('control sequences of a hostile pod', () => {
  it('are taken out in linear time', () => {
    const startedAt = performance.now();
    stripControl('\u009d'.repeat(300_000) + escape);
    assert.ok(performance.now() - startedAt < 1_000, 'what begins a string is looked at once');
  });
});

describe('secrets that programs print', () => {
  it('are masked, and one can still tell which it was', () => {
    assert.equal(maskSecrets('token hf_abcdefghijklmnop1234 ok'), 'token hf_*** ok');
    assert.equal(maskSecrets('OPENAI: sk-proj-abcdefghijklmnop'), 'OPENAI: sk-proj-***');
    assert.equal(maskSecrets("WANDB_API_KEY='0123456789abcdef'"), "WANDB_API_KEY='***'");
  });

  it('are not seen where there are none', () => {
    for (const text of ['disk-usage 3', 'task-a', 'tokens: 512', 'sk-learn 1.2', 'NUM_TOKENS=512000', 'epoch 3 loss 0.5'])
      assert.equal(maskSecrets(text), text);
  });
});
