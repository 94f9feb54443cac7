import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Redraw } from '../../../src/editor/redraw.ts';

/** Everything in chunks, as the output channel would hold it. */
function show(chunks: readonly string[], nowMs: () => number = () => 0): string {
  const redraw = new Redraw(nowMs);
  return chunks.map((chunk) => redraw.write(chunk)).join('') + redraw.end();
}

describe('progress bars in an output channel', () => {
  it('passes plain lines through as they come', () => {
    const redraw = new Redraw();
    assert.equal(redraw.write('epoch 1'), 'epoch 1');
    assert.equal(redraw.write(' loss 0.5\nepoch'), ' loss 0.5\nepoch');
  });

  it('takes \\r\\n for a line end, also when a chunk ends in between', () => {
    assert.equal(show(['a\r\nb\r', '\nc']), 'a\nb\nc');
  });

  it('shows the last state of a bar that is drawn over', () => {
    assert.equal(show(['\r 10%', '\r 50%', '\r100%\n', 'done\n']), ' 10%\n100%\ndone\n');
  });

  it('shows a long bar now and then', () => {
    let now = 0;
    const redraw = new Redraw(() => now);
    let out = '';
    for (let percent = 0; percent <= 100; percent++) {
      out += redraw.write(`\r${percent}%`);
      now += 100;
    }
    out += redraw.write('\n');
    assert.deepEqual(out.trimEnd().split('\n'), ['0%', '20%', '40%', '60%', '80%', '100%']);
  });

  it('keeps a line that is drawn over after it was shown', () => {
    assert.equal(show(['loading', '\rloaded\n']), 'loading\nloaded\n');
  });

  it('loses no text that nothing was drawn over, however it is cut', () => {
    const lines = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é') }));
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 7 }), fc.constantFrom('\n', '\r\n'), (parts, size, end) => {
        const text = parts.map((part) => part + end).join('');
        const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        assert.equal(show(chunks), parts.map((part) => part + '\n').join(''));
      }),
    );
  });
});
