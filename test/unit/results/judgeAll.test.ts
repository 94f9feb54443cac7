import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zipSync } from 'fflate';
import { dump } from 'npyjs';
import { judgeAll, type JudgeAllOptions } from '../../../src/results/judgeAll.ts';

const reals = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Uint8Array(dump(Float64Array.from(values), [...shape]));
const ints = (values: readonly number[]) => new Uint8Array(dump(Int32Array.from(values), [values.length]));
const truth = Array.from({ length: 60 }, (_, i) => i % 3);
const probabilities = (classes: readonly number[]) =>
  reals(
    classes.flatMap((one) => [0, 1, 2].map((column) => (column === one ? 0.8 : 0.1))),
    [classes.length, 3],
  );

describe('the predictions among what a run left', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'rpo-judge-all-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const judged = async (arrays: Readonly<Record<string, Uint8Array>>, options: JudgeAllOptions = { labels: 'labels.npy' }) => {
    const files = Object.entries(arrays).map(([path, bytes]) => {
      const localPath = join(folder, path);
      mkdirSync(dirname(localPath), { recursive: true });
      writeFileSync(localPath, bytes);
      return { path, localPath };
    });
    const { verdicts, problems, passedOver } = await judgeAll(files, options);
    return { verdicts: verdicts.map(({ path, verdict }) => `${path} ${verdict.ok ? 'good' : 'bad'}`), problems, passedOver };
  };
  const labels = { 'labels.npy': ints(truth) };
  const others = {
    'loss.npy': reals([0.9, 0.5, 0.3]),
    'losses.npy': reals([7, 5.5, 3]),
    'embeddings.npy': reals(new Array<number>(60 * 5).fill(0.5), [60, 5]),
    'confusion.npy': reals([20, 0, 0, 0, 20, 0, 0, 0, 20], [3, 3]),
    'history.npz': zipSync({ 'loss.npy': reals([3, 2.5]), 'val_loss.npy': reals([3, 2.8]) }),
    'objects.npy': Buffer.from(
      `\u0093NUMPY\x01\x00v\x00${"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".padEnd(117)}\n`,
      'latin1',
    ),
  };

  it('are those that fit the labels: no loss, embedding or matrix fails a good run', async () => {
    const { verdicts, problems, passedOver } = await judged({ ...labels, 'oof.npy': probabilities(truth), ...others });
    assert.deepEqual([verdicts, problems], [['oof.npy good'], []]);
    assert.equal(passedOver, 6);
    assert.deepEqual(await judged({ ...labels, ...others }), { verdicts: [], problems: [], passedOver: 6 });
  });

  it('may be one of several arrays of a file, with the labels beside it', async () => {
    const all = zipSync({ 'pred.npy': ints(truth.map(() => 1)), 'y_true.npy': ints(truth), 'loss.npy': reals([0.5, 0.25]) });
    assert.deepEqual((await judged({ ...labels, 'all.npz': all })).verdicts, ['all.npz#pred bad']);
  });

  it('are told to be too short, also where nothing else fits', async () => {
    assert.deepEqual((await judged({ ...labels, 'oof.npy': probabilities(truth.slice(0, 40)), 'loss.npy': reals([0.9, 0.5]) })).verdicts, [
      'oof.npy bad',
    ]);
    assert.deepEqual((await judged({ ...labels, 'oof.npy': probabilities(truth.slice(0, 4)) })).verdicts, ['oof.npy bad']);
  });

  it('are read without labels, except what may as well be a loss', async () => {
    assert.deepEqual((await judged({ 'oof.npy': probabilities(truth), 'loss.npy': reals([0.4, 0.3, 0.2]) }, {})).verdicts, [
      'oof.npy good',
    ]);
    const binary = { 'p.npy': reals([0.1, 0.2, 0.3]) };
    assert.deepEqual((await judged(binary, {})).verdicts, []);
    assert.deepEqual((await judged(binary, { predictions: ['p.npy'] })).verdicts, ['p.npy bad']);
  });

  it('are those that runpod.json names, and these must be readable', async () => {
    const all = zipSync({ 'pred.npy': probabilities(truth), 'more.npy': probabilities(truth) });
    const { verdicts, problems } = await judged(
      { ...labels, ...others, 'all.npz': all },
      { labels: 'labels.npy', predictions: ['all.npz#pred', 'obj*.npy', 'losses.npy'] },
    );
    assert.deepEqual(verdicts, ['losses.npy bad', 'all.npz#pred good']);
    assert.match(problems.join(), /objects\.npy holds Python objects/);
  });

  it('cannot be judged with labels that cannot be read, which is told once', async () => {
    const { verdicts, problems } = await judged({
      'labels.npy': ints(truth).subarray(0, 140),
      'a.npy': probabilities(truth),
      'b.npy': probabilities(truth),
    });
    assert.deepEqual([verdicts.length, problems.length], [0, 1]);
  });
});
