import assert from 'node:assert/strict';
import { CompressionChoice } from '../../../src/pod/compressionChoice.ts';

describe('whether to compress', () => {
  const megabytes = 10;
  /** So many megabytes of content arrive a second, this way or that; half a dozen sets one after another. */
  const after = (plain: number, compressed: number, sets = 6): CompressionChoice => {
    const choice = new CompressionChoice();
    for (let set = 0; set < sets; set++) {
      const rate = choice.pays ? compressed : plain;
      choice.learn(choice.pays, megabytes * 1e6, 100 + (megabytes / rate) * 1000, 100);
    }
    return choice;
  };

  it('is yes while nothing is known of the line', () => assert.ok(new CompressionChoice().pays));
  it('is yes over a slow line, whose other way is not even tried', () => assert.ok(after(1, 2.5).pays));
  it('is no where plain turns out to be quicker', () => assert.ok(!after(40, 15).pays));
  it('is yes where plain was tried and is slower', () => assert.ok(after(12, 20).pays));

  it('learns nothing from a few kilobytes', () => {
    const choice = after(40, 15);
    choice.learn(false, 10_000, 5_000, 100);
    assert.ok(!choice.pays);
  });

  it('is asked anew when the line has become another one', () => {
    const choice = after(40, 15);
    choice.learn(false, 10e6, 10_100, 100);
    assert.ok(choice.pays);
  });
});
