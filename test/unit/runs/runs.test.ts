import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isRunId, newRunId, statusWord, type RunManifest } from '../../../src/runs/run.ts';
import { parseRuns } from '../../../src/runs/runs.ts';

const manifest: RunManifest = {
  id: '20261124-153012-logreg-4f2a',
  model: 'logreg',
  command: 'python -m moola.cli oof --model logreg',
  cwd: '/workspace/moola',
  variables: ['PYTHONPATH'],
  seed: 1337,
  device: 'cpu',
  startedAt: '2026-11-24T15:30:12.000Z',
  startedBy: 'ann@laptop',
  sources: {},
};
const listed = (status: string, id = manifest.id) => `${id} ${status}\n${JSON.stringify({ ...manifest, id })}\n`;

describe('run ids', () => {
  it('sort by time and name the model', () => {
    assert.equal(
      newRunId('logreg', new Date('2026-11-24T15:30:12.999Z'), () => 0.31),
      '20261124-153012-logreg-4f5c',
    );
  });

  it('are ids whatever the model is called, so that they can be part of a path', () => {
    fc.assert(
      fc.property(
        fc.option(fc.string({ unit: 'binary' })),
        fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }),
        fc.double({ min: 0, max: 0.9999, noNaN: true }),
        (model, now, random) => {
          assert.ok(isRunId(newRunId(model, now, () => random)));
        },
      ),
    );
  });

  it('are nothing else: what could leave the folder is refused', () => {
    for (const id of ['', '..', '../x', '20261124-153012-a/b-4f2a', `${manifest.id}\n`, `${manifest.id} `])
      assert.ok(!isRunId(id), JSON.stringify(id));
  });
});

describe('the list of runs', () => {
  it('tells running, ended, stopped and vanished runs apart', () => {
    const kinds = parseRuns(
      listed('running 812 - 10 1732462212 1732462242') +
        listed('exited 0 - 10 1732462212 1732462242') +
        listed('exited 3 - 10 1732462212 1732462242') +
        listed('exited 130 stopped 10 1732462212 1732462242') +
        listed('vanished 0 - 0 1732462212 1732462242'),
    ).map((run) => statusWord(run.status));
    assert.deepEqual(kinds, ['running', 'succeeded', 'failed', 'stopped', 'vanished']);
  });

  it('gives sizes in bytes and times in milliseconds', () => {
    const [run] = parseRuns(listed('running 812 - 4711 1732462212 1732462242'));
    assert.equal(run?.logBytes, 4711);
    assert.equal(run?.lastOutputMs, 1_732_462_212_000);
    assert.equal(run.silentMs, 30_000);
    assert.equal(run.tookMs, null);
    // Of one that ended: when run.json and exit were written, with and without decimals.
    assert.deepEqual(
      [
        'exited 0 - 9 1732462212 1732462312 1732462000.250 1732462300.5',
        'exited 0 - 9 1 1 1732462000 1732462300',
        'exited 0 - 9 1 1 0 0',
      ].map((status) => parseRuns(listed(status))[0]?.tookMs),
      [300_250, 300_000, null],
    );
  });

  it('counts silence from the start of a run that has said nothing, and never below nothing', () => {
    assert.deepEqual(
      parseRuns(
        listed('running 812 - 0 1732462212 1732462217') +
          listed('running 812 - 9 1732462212 1732462211') +
          listed('running 0 - 0 0 1732462212'),
      ).map(({ silentMs }) => silentMs),
      [5_000, 0, 0],
    );
  });

  it('puts runs of one second in the order in which they began', () => {
    const run = (id: string, startedAt: string) => `${id} exited 0 - 0 0 0\n${JSON.stringify({ ...manifest, id, startedAt })}\n`;
    const text =
      run('20261124-153012-logreg-4f2a', '2026-11-24T15:30:12.900Z') +
      run('20261124-153012-logreg-8000', '2026-11-24T15:30:12.100Z') +
      run('20261124-153011-rf-0001', '');
    assert.deepEqual(
      parseRuns(text).map(({ manifest }) => manifest.id),
      ['20261124-153011-rf-0001', '20261124-153012-logreg-8000', '20261124-153012-logreg-4f2a'],
    );
  });

  it('passes over a folder whose run.json is broken, of another run, or cut short', () => {
    const text =
      `${manifest.id} running 1 - 0 0 0\n{"id": "20261124-15` +
      '\n' +
      listed('exited 0 - 1 1 1', '20261124-153013-rf-0001') +
      `${manifest.id} running 1 - 0 0 0\n${JSON.stringify({ ...manifest, id: 'other' })}\n` +
      `${manifest.id} running 1 - 0 0 0`;
    assert.deepEqual(
      parseRuns(text).map((run) => run.manifest.id),
      ['20261124-153013-rf-0001'],
    );
  });

  it('never throws, whatever lies in the folder', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseRuns(text)));
    fc.assert(fc.property(fc.json(), (json) => void parseRuns(`${manifest.id} exited 1 - 5 6 7\n${json}\n`)));
  });
});
