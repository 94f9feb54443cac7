import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NpyArray } from '../../../src/results/npy.ts';
import { type ValidateOptions, validatePredictions } from '../../../src/results/validate.ts';

const ints = (...values: number[]): NpyArray => ({
  shape: [values.length],
  dtype: '<i8',
  kind: 'int',
  values: BigInt64Array.from(values, BigInt),
});
const floats = (...values: number[]): NpyArray => ({
  shape: [values.length],
  dtype: '<f8',
  kind: 'float',
  values: Float64Array.from(values),
});
const text = (...values: string[]): NpyArray => ({ shape: [values.length], dtype: '<U9', kind: 'string', values });
const rows = (...values: number[][]): NpyArray => ({
  shape: [values.length, values[0]?.length ?? 0],
  dtype: '<f4',
  kind: 'float',
  values: Float64Array.from(values.flat()),
});
const judge = (array: NpyArray, options: ValidateOptions = {}) => validatePredictions(array, options);
const errors = (array: NpyArray, options: ValidateOptions = {}) =>
  judge(array, options)
    .problems.filter((one) => one.severity === 'error')
    .map((one) => one.message);
const warnings = (array: NpyArray, options: ValidateOptions = {}) =>
  judge(array, options)
    .problems.filter((one) => one.severity === 'warning')
    .map((one) => one.message);

describe('predictions', () => {
  it('as labels, probabilities, one-hot rows and scores are the same to the judge', () => {
    const labels = ints(0, 1, 2, 1);
    const same: readonly (readonly [string, NpyArray, string])[] = [
      ['labels', ints(0, 1, 2, 2), 'labels'],
      ['labels as floats', floats(0, 1, 2, 2), 'labels'],
      ['labels in a column', { ...ints(0, 1, 2, 2), shape: [4, 1] }, 'labels'],
      ['probabilities', rows([0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0, 0.2, 0.8], [0.3, 0.3, 0.4]), 'probabilities'],
      ['one-hot', rows([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]), 'one-hot'],
      ['scores', rows([3, -1, 0], [0, 9, 1], [-5, -2, -1], [0, 0, 0.1]), 'scores'],
    ];
    for (const [name, array, kind] of same) {
      const verdict = judge(array, { labels });
      assert.equal(verdict.kind, kind, name);
      assert.equal(verdict.accuracy, 0.75, name);
      assert.deepEqual(
        verdict.classes,
        [
          { class: '0', count: 1, share: 0.25, accuracy: 1 },
          { class: '1', count: 1, share: 0.25, accuracy: 0.5 },
          { class: '2', count: 2, share: 0.5, accuracy: 1 },
        ],
        name,
      );
      assert.deepEqual(
        [verdict.ok, verdict.problems, verdict.summary],
        [true, [], '4 rows, 3 of 3 classes predicted, accuracy 75.0%.'],
        name,
      );
    }
    assert.equal(judge(ints(0, 1, 2, 2), { labels: rows([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]) }).accuracy, 0.75);
  });

  it('of two classes may be one probability, of named ones text', () => {
    assert.deepEqual(judge(floats(0.1, 0.9, 0.5), { labels: ints(0, 1, 0) }).accuracy, 2 / 3);
    const named = judge(text('cat', 'dog', 'cat'), { labels: text('cat', 'dog', 'dog') });
    assert.deepEqual(
      named.classes.map((one) => [one.class, one.count]),
      [
        ['cat', 2],
        ['dog', 1],
      ],
    );
    // Columns stand for the sorted labels, as scikit-learn's classes_.
    assert.equal(judge(rows([0.9, 0.1], [0.2, 0.8]), { labels: text('cat', 'dog') }).accuracy, 1);
    assert.equal(judge(rows([0.9, 0.1], [0.2, 0.8]), { labels: ints(1, 2) }).accuracy, 1);
    assert.equal(judge(rows([0.9, 0.1], [0.2, 0.8]), { labels: ints(0, 1) }).accuracy, 1);
    assert.equal(judge(rows([0.9, 0.1], [0.2, 0.8]), { labels: text('b', 'a'), classes: ['b', 'a'] }).accuracy, 1);
  });

  it('without labels have no accuracy, and are plain data', () => {
    const verdict = judge(ints(0, 1, 10, 9));
    assert.ok(!('accuracy' in verdict) && !verdict.classes.some((one) => 'accuracy' in one));
    assert.deepEqual(
      verdict.classes.map((one) => one.class),
      ['0', '1', '9', '10'],
    );
    assert.deepEqual(JSON.parse(JSON.stringify(verdict)), verdict);
  });

  it('that collapsed into one class are an error', () => {
    const collapsed = rows([0.1, 0.9], [0.2, 0.8], [0.3, 0.7]);
    const verdict = judge(collapsed, { labels: ints(0, 1, 1) });
    assert.equal(verdict.ok, false);
    assert.equal(
      verdict.summary,
      'Class collapse: all 3 rows are predicted as class 1 (3 rows, 1 of 2 classes predicted, accuracy 66.7%).',
    );
    assert.deepEqual(errors(ints(1, 1, 1), { labels: ints(0, 1, 1) }), ['Class collapse: all 3 rows are predicted as class 1.']);
    assert.deepEqual(errors(ints(1, 1, 1), { classes: ['0', '1'] }), ['Class collapse: all 3 rows are predicted as class 1.']);
    assert.deepEqual(warnings(ints(1, 1, 1)), ['All 3 rows are predicted as class 1, and no other class is known.']);
    assert.deepEqual(judge(rows([0.1, 0.9])).problems, []); // one row cannot collapse
  });

  it('that hardly know a class are remarked on, unless it is as rare in truth', () => {
    const many = ints(...Array.from({ length: 200 }, (_, index) => (index === 0 ? 2 : index % 2)));
    assert.deepEqual(warnings(many), ['Class 2 (0.5%) is hardly ever predicted.']);
    assert.deepEqual(warnings(many, { minShare: 0.001 }), []);
    assert.deepEqual(warnings(many, { labels: many }), []);
    const truth = ints(...Array.from({ length: 200 }, (_, index) => index % 4));
    assert.deepEqual(errors(many, { labels: truth }), [
      'Class collapse: class 3 (25.0% of the labels) is never predicted.',
      'Class collapse: class 2 (0.5% against 25.0% of the labels) is hardly ever predicted.',
    ]);
    assert.deepEqual(judge(many, { labels: truth }).lost, ['3', '2']);
    assert.deepEqual(judge(many, { labels: truth, minShare: 0.001 }).lost, ['3']);
    // A row more or less of a rare class is chance.
    const rare = ints(...Array.from({ length: 200 }, (_, index) => (index < 3 ? 2 : index % 2)));
    assert.deepEqual([errors(many, { labels: rare }), judge(many, { labels: rare }).lost], [[], ['2']]);
    assert.deepEqual(judge(many, { labels: many }).lost, []);
    assert.deepEqual(warnings(ints(0, 1, 2, 0, 1, 0), { labels: ints(0, 1, 1, 0, 2, 0) }), [
      'Class 2 (16.7% against 16.7% of the labels) is never predicted rightly.',
    ]);
    assert.deepEqual(warnings(rows([1, 0, 0], [0, 1, 0])), ['Class 2 is never predicted.']);
    assert.match(
      warnings(ints(...Array.from({ length: 100 }, (_, index) => index)), { minShare: 0.5 })[0] ?? '',
      /^Classes 0 \(1\.0%\), .* and 90 more are hardly ever predicted\.$/,
    );
  });

  it('with NaN or infinity are an error; such rows are predicted as nothing', () => {
    const verdict = judge(rows([0.9, 0.1], [NaN, 0.2], [0.1, Infinity], [0.2, 0.8]), { labels: ints(0, 1, 1, 1) });
    assert.deepEqual([verdict.ok, verdict.nan, verdict.inf, verdict.accuracy], [false, 1, 1, 0.75]);
    assert.deepEqual(
      verdict.problems.map((one) => one.message),
      ['1 of 8 values is NaN: training went wrong before it ended.', '1 of 8 values is infinite.'],
    );
    assert.deepEqual(errors(floats(0, 1, NaN)), ['1 of 3 values is NaN: training went wrong before it ended.']);
    const all = judge(floats(NaN, NaN));
    assert.deepEqual([all.ok, all.classes, all.nan], [false, [], 2]);
  });

  it('that were never written, or do not add up, are told', () => {
    assert.deepEqual(errors(rows([0, 0], [0, 0])), ['All rows are zeros: no prediction was ever written.']);
    assert.deepEqual(warnings(rows([0.9, 0.1], [0, 0], [0.2, 0.8])), [
      '1 of 3 rows is only zeros: never predicted (was a fold left out?).',
    ]);
    assert.deepEqual(warnings(rows([0.9, 0.1], [0.4, 0.1], [0.2, 0.8])), ['The probabilities of 1 of 3 rows do not add up to 1.']);
  });

  it('of the wrong length, shape or kind are an error', () => {
    assert.deepEqual(errors(ints(0, 1), { labels: ints(0, 1, 1) }), ['There are 2 predictions for 3 labels; the accuracy cannot be told.']);
    assert.equal(judge(ints(0, 1), { labels: ints(0, 1, 1) }).accuracy, undefined);
    assert.deepEqual(errors({ ...floats(1, 2), shape: [1, 1, 2] }), [
      'These are no predictions: its shape is (1, 1, 2); expected (rows,) or (rows, classes).',
    ]);
    assert.match(errors({ ...floats(1), shape: [] })[0] ?? '', /its shape is \(\)/);
    assert.match(errors(floats())[0] ?? '', /it has no rows/);
    assert.match(errors(floats(0.5, 17.3))[0] ?? '', /real numbers beyond 0 and 1/);
    assert.match(errors({ ...ints(), shape: [30_000_000], values: new Uint8Array(1) })[0] ?? '', /30000000 rows; expected at most/);
    assert.match(errors(ints(...Array.from({ length: 20_000 }, (_, index) => index)))[0] ?? '', /more than 10000 different values/);
    assert.match(errors(rows([0.5, 0.5]), { classes: ['a', 'b', 'c'] })[0] ?? '', /it has 2 columns and there are 3 classes/);
    assert.match(errors(ints(0, 1), { labels: { ...floats(1, 2), shape: [1, 1, 2] } })[0] ?? '', /^The labels cannot be used/);
    assert.deepEqual(errors(ints(0, 1, 7), { classes: ['0', '1'] }), ['There are classes that are not among the expected ones: 7.']);
  });

  it('no better than guessing are remarked on', () => {
    assert.deepEqual(warnings(ints(0, 1, 1, 1), { labels: ints(0, 0, 0, 1) }), [
      'The accuracy of 50.0% is no better than always saying the most frequent class (75.0%).',
    ]);
  });

  it('always add up', () => {
    const label = fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(label, (pairs) => {
        const verdict = judge(ints(...pairs.map(([one]) => one)), { labels: ints(...pairs.map(([, two]) => two)) });
        assert.equal(
          verdict.classes.reduce((sum, one) => sum + one.count, 0),
          pairs.length,
        );
        assert.ok(Math.abs(verdict.classes.reduce((sum, one) => sum + one.share, 0) - 1) < 1e-9);
        assert.equal(verdict.accuracy, pairs.filter(([one, two]) => one === two).length / pairs.length);
        assert.equal(verdict.ok, !verdict.problems.some((one) => one.severity === 'error'));
      }),
    );
  });
});
