import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { dump } from 'npyjs';
import { isUserError } from '../../../src/core/errors.ts';
import { describe as describeArray } from '../../../src/results/describe.ts';
import { judgeFile } from '../../../src/results/judge.ts';
import { parseNpy } from '../../../src/results/npy.ts';
import { previousOf, replace } from '../../../src/results/previous.ts';

const npy = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Uint8Array(dump(Float64Array.from(values), [...shape]));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const array = (values: readonly number[], shape?: readonly number[]) => parseNpy(npy(values, shape), 'a.npy');
const truth = Array.from({ length: 60 }, (_, i) => i % 3);

describe('a file of predictions', () => {
  let folder: string;
  const write = async (path: string, bytes: Uint8Array) => {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), bytes);
    return join(folder, path);
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-judge-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is judged against the labels that lie above it', async () => {
    await write('oof/labels.npy', npy(truth));
    const file = await write('oof/rf/seed_1.npy', npy(truth.map((value, i) => (i < 6 ? 0 : value))));
    const verdict = await judgeFile(file, { named: 'oof/labels.npy' });
    assert.equal(verdict.accuracy, 56 / 60);
    assert.equal(verdict.labels, join(folder, 'oof/labels.npy'));
    assert.equal(verdict.comparison, null);
  });

  it('is compared with what was there before it was fetched anew', async () => {
    const labels = await write('labels.npy', npy(truth));
    const file = await write('rf/oof.npy', npy(truth));
    const arrived = npy(truth.map((value) => (value === 2 ? 1 : value)));
    await replace(folder, 'rf/oof.npy', await write('arrived.npy', arrived), sha256(arrived));
    assert.equal(await previousOf(file), join(folder, '.previous/rf/oof.npy'));
    // The same once more, of another window, is not a run of its own.
    await replace(folder, 'rf/oof.npy', await write('arrived.npy', arrived), sha256(arrived));
    const verdict = await judgeFile(file, { labels });
    assert.equal(verdict.comparison?.accuracy, 1);
    assert.equal(verdict.comparison.agreement, 2 / 3);
    assert.deepEqual(
      verdict.problems.map(({ message }) => message).filter((message) => message.includes('run before')),
      [
        'The accuracy fell from 100.0% of the run before to 66.7%.',
        'Class 2 is not predicted any more; the run before predicted it 20 times.',
      ],
    );
  });

  it('is as good as it is when the one of the run before cannot be read', async () => {
    const labels = await write('labels.npy', npy(truth));
    const file = await write('rf/oof.npy', npy(truth));
    const broken = await write('.previous/rf/oof.npy', npy(truth).subarray(0, 100));
    const verdict = await judgeFile(file, { labels });
    assert.deepEqual([verdict.ok, verdict.accuracy, verdict.comparison], [true, 1, null]);
    assert.match(verdict.note ?? '', /^Not compared with the run before: oof\.npy is damaged/);
    await assert.rejects(judgeFile(file, { labels, previous: broken }), (error) => isUserError(error, 'transfer-corrupt'));
  });

  it('makes no fuss about what another seed changes', async () => {
    const labels = await write('labels.npy', npy(truth));
    const previous = await write('before.npy', npy(truth.map((value, i) => (i === 0 ? 1 : value))));
    const file = await write('now.npy', npy(truth.map((value, i) => (i === 1 ? 0 : value))));
    assert.deepEqual((await judgeFile(file, { labels, previous })).problems, []);
  });

  it('may be an array of a .npz', async () => {
    const file = await write('all.npz', zipSync({ 'oof.npy': npy(truth), 'labels.npy': npy(truth) }));
    assert.equal((await judgeFile(`${file}#oof`, { labels: `${file}#labels` })).accuracy, 1);
    await assert.rejects(
      judgeFile(file),
      (error) => isUserError(error, 'bad-argument') && /#NAME, where NAME is one of oof, labels/.test(error.message),
    );
    await assert.rejects(judgeFile(`${file}#x`), (error) => isUserError(error, 'bad-argument') && /holds no array "x"/.test(error.message));
  });
});

describe('what an array is like', () => {
  const statistic = (values: readonly number[], label: string) =>
    describeArray(array(values)).statistics.find(([name]) => name === label)?.[1];

  it('tells mean and deviation, also where squares would overflow or drown', () => {
    assert.equal(statistic([1, 2, 3, 4], 'mean'), '2.5');
    assert.equal(statistic([1e9, 1e9 + 2], 'standard deviation'), '1');
    assert.equal(statistic([NaN, Infinity, 5], 'mean'), '5');
    assert.equal(statistic([NaN, Infinity, 5], 'NaN'), '1');
  });

  it('counts each value where there are few, and ranges where there are many', () => {
    assert.deepEqual(describeArray(array([2, 0, 2, 2])).histogram, [
      { label: '0', count: 1 },
      { label: '2', count: 3 },
    ]);
    const many = describeArray(array(Array.from({ length: 100 }, (_, i) => i / 99))).histogram;
    assert.equal(many.length, 20);
    assert.equal(
      many.reduce((sum, { count }) => sum + count, 0),
      100,
    );
    assert.equal(many[0]?.label, '0 – 0.05');
    const widest = describeArray(array(Array.from({ length: 30 }, (_, i) => (i - 15) * 1.1e307))).histogram;
    assert.equal(
      widest.reduce((sum, { count }) => sum + count, 0),
      30,
    );
  });

  it('shows the first rows and says what it leaves out', () => {
    const { rows, columns, moreRows, moreColumns } = describeArray(array(new Array<number>(30 * 15).fill(1.23456789), [30, 3, 5]));
    assert.deepEqual([rows.length, rows[0]?.length, columns, moreRows, moreColumns], [20, 12, 15, 10, 3]);
    assert.equal(rows[0]?.[0], '1.2346');
  });

  it('does not count through what nobody has the time for', () => {
    const { statistics, histogram, rows } = describeArray({
      shape: [30_000_000],
      dtype: '|u1',
      kind: 'int',
      values: new Uint8Array(30_000_000),
    });
    assert.deepEqual([statistics, histogram.length, rows.length], [[['values', '30,000,000: too many to count through here']], 0, 20]);
  });

  it('copes with nothing at all', () => {
    assert.deepEqual(describeArray(array([], [0, 3])).rows, []);
    assert.equal(describeArray(array([NaN])).histogram.length, 0);
  });
});
