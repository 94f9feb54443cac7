import assert from 'node:assert/strict';
import { collectJob } from '../../../src/pipeline/collect.ts';
import type { Job } from '../../../src/pipeline/plan.ts';
import { projectSchema } from '../../../src/project/schema.ts';
import type { CollectedRun } from '../../../src/results/collect.ts';
import type { Run } from '../../../src/runs/run.ts';

const job: Job = { key: 'base/rf', stage: 'base', model: 'rf', request: { model: 'rf' } };
const run = (exitCode = 0, model: string | null = 'rf') =>
  ({ manifest: { id: 'r1', model, seed: 7 }, status: { kind: 'exited', exitCode, stopped: false } }) as unknown as Run;

/** What the pod has of the paths, `old:` before those that were there before the run. */
const collected = (paths: readonly string[], missing: readonly string[] = []): CollectedRun => {
  const files = paths.map((one) => {
    const path = one.replace('old:', '');
    return { path, localPath: `/here/${path}`, bytes: 1, sha256: '', mtimeMs: 0, changed: true };
  });
  const older = paths.filter((one) => one.startsWith('old:')).map((one) => one.slice(4));
  return { folder: '/here', files, missing, incomplete: [], milliseconds: 1, older };
};

async function judge(config: object, report: CollectedRun, of: { readonly run?: Run; readonly job?: Job } = {}) {
  const asked: string[] = [];
  const { problems } = await collectJob(of.job ?? job, of.run ?? run(), projectSchema.parse(config), {
    ofRun: async (more) => {
      asked.push(...more);
      return report;
    },
    judge: async (files) => {
      asked.push(...files.map(({ path }) => path));
      return { verdicts: [], problems: [], passedOver: 0 };
    },
  });
  return { problems, asked };
}

describe('what a job left', () => {
  const config = {
    train: { models: { rf: {} } },
    results: ['out/{model}/{seed}.npy', 'out/labels.npy', 'plots/*.png'],
    labels: 'out/labels.npy',
  };

  it('is what it wrote itself of what names its model', async () => {
    assert.deepEqual(await judge(config, collected(['.runpod/runs/r1/run.json', 'old:out/labels.npy', 'out/rf/7.npy'], ['plots/*.png'])), {
      problems: [],
      asked: ['out/rf/7.npy'],
    });
  });

  it('is nothing when only the labels are there, or only what an earlier run left', async () => {
    assert.deepEqual((await judge(config, collected(['out/labels.npy'], ['out/rf/7.npy', 'plots/*.png']))).problems, [
      'It left no results: nothing on the pod matches out/rf/7.npy.',
    ]);
    const stale = await judge(config, collected(['out/labels.npy', 'old:out/rf/7.npy']));
    assert.deepEqual(stale, { problems: ['It left no new results: out/rf/7.npy is of before this run.'], asked: [] });
  });

  it('may lie beside what earlier runs left', async () => {
    const all = { train: { models: { rf: {} } }, results: ['out/{model}/**'] };
    assert.deepEqual(await judge(all, collected(['old:out/rf/1.npy', 'out/rf/7.npy'])), { problems: [], asked: ['out/rf/7.npy'] });
  });

  it('counts also where no pattern names a model', async () => {
    const all = { results: ['out/**'] };
    assert.deepEqual((await judge(all, collected(['out/a.npy']))).problems, []);
    assert.deepEqual((await judge(all, collected([], ['out/**']))).problems, ['It left no results: nothing on the pod matches out/**.']);
    assert.deepEqual((await judge(all, collected(['old:out/a.npy']))).problems, [
      'It left no new results: out/a.npy is of before this run.',
    ]);
    assert.deepEqual((await judge({}, collected([]))).problems, []);
  });

  it('must be there of what its stage says, or its model', async () => {
    const stage = { stages: [{ name: 'pretrain', command: 'x', results: ['enc/{seed}.pt'] }] };
    const of = { job: { key: 'pretrain', stage: 'pretrain', model: null, request: { command: 'x' } }, run: run(0, null) };
    assert.deepEqual(await judge(stage, collected([], ['enc/7.pt']), of), {
      problems: ['It left no results: nothing on the pod matches enc/7.pt.'],
      asked: ['enc/7.pt'],
    });
    const own = { labels: 'y.npy', train: { models: { rf: { results: ['rf.npy', 'y.npy'] } } } };
    assert.deepEqual((await judge(own, collected(['rf.npy', 'old:y.npy']))).problems, []);
    assert.deepEqual((await judge(own, collected(['y.npy'], ['rf.npy']))).problems, [
      'It left no results: nothing on the pod matches rf.npy.',
    ]);
  });

  it('is not judged when it failed, and told once when it is not whole', async () => {
    assert.deepEqual(await judge(config, collected(['old:out/rf/7.npy']), { run: run(1) }), { problems: [], asked: [] });
    const cut = { ...collected([]), incomplete: [{ path: 'out/rf/7.npy', why: 'it is empty' }] };
    assert.deepEqual((await judge(config, cut)).problems, ['out/rf/7.npy is not whole: it is empty.']);
  });
});
