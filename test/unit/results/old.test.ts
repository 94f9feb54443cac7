import assert from 'node:assert/strict';
import { ofOldSeeds, seedOf } from '../../../src/results/old.ts';

describe('old results', () => {
  it('are told by the seed in their path', () => {
    assert.equal(seedOf('oof/rf/v1/seed_{seed}.npy', 'oof/rf/v1/seed_42.npy'), '42');
    assert.equal(seedOf('oof/{seed}/x_{seed}.npy', 'oof/7/x_7.npy'), '7');
    assert.equal(seedOf('oof/**/seed_{seed}.npy', 'oof/a/seed_1.npy'), '1');
    assert.equal(seedOf('ckpt/rf/seed_{seed}/epoch_*.pt', 'ckpt/rf/seed_42/epoch_3.pt'), '42');
    assert.equal(seedOf('ckpt/epoch_*_seed_{seed}.{pt,json}', 'ckpt/epoch_3_seed_42.json'), '42');
    for (const [pattern, path] of [
      ['oof/{seed}/x_{seed}.npy', 'oof/7/x_8.npy'],
      ['oof/seed_{seed}.npy', 'oof/seed_42xnpy'],
      ['oof/seed_{seed}.npy', 'oof/seed_best.npy'],
      ['oof/labels.npy', 'oof/labels.npy'],
      ['ckpt/seed_{seed}/*.pt', 'ckpt/seed_4/deep/a.pt'],
    ] as const)
      assert.equal(seedOf(pattern, path), null, `${pattern} ${path}`);
  });

  it('are those of none of the newest seeds of their model', () => {
    const file = (model: string, seed: number, mtimeMs: number) => ({
      path: `${model}/${seed}`,
      bytes: 1,
      mtimeMs,
      model,
      seed: `${seed}`,
    });
    const files = [file('rf', 1, 10), file('rf', 2, 30), file('rf', 3, 20), file('xgb', 1, 1), { ...file('rf', 1, 40), path: 'rf/1.log' }];
    assert.deepEqual(
      ofOldSeeds(files, 2).map(({ path }) => path),
      ['rf/3'],
    );
    assert.deepEqual(ofOldSeeds(files, 9), []);
  });
});
