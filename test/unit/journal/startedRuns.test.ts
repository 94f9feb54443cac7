import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartedRuns } from '../../../src/journal/startedRuns.ts';

const run = (id: string) => ({ run: id, pod: 'p', project: '/project' });

describe('started runs', () => {
  let folder: string;
  let starts: StartedRuns;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-started-'));
    starts = new StartedRuns(join(folder, 'rpo'));
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  it('are told once to whoever reads on from where it was', async () => {
    assert.deepEqual(await starts.since(0), { started: [], size: 0 });
    await starts.add(run('a'));
    const first = await starts.since(0);
    assert.deepEqual(first.started, [run('a')]);
    await Promise.all([starts.add(run('b')), starts.add(run('c'))]);
    const second = await starts.since(first.size);
    assert.deepEqual(second.started.map((one) => one.run).sort(), ['b', 'c']);
    assert.deepEqual((await starts.since(second.size)).started, []);
  });

  it('wait for the end of a line, and pass over what is none', async () => {
    await starts.add(run('a'));
    await appendFile(starts.file, 'nonsense\n{"run":"b","pod":"p",');
    const { started, size } = await starts.since(0);
    assert.deepEqual(started, [run('a')]);
    await appendFile(starts.file, '"project":"/project"}\n');
    assert.deepEqual((await starts.since(size)).started, [run('b')]);
  });

  it('begin a new file when the old one is large, and readers notice', async () => {
    await starts.add(run('a'));
    await writeFile(starts.file, 'x'.repeat(300_000) + '\n');
    const { size } = await starts.since(0);
    await starts.add(run('b'));
    assert.deepEqual((await starts.since(size)).started, [run('b')]);
    assert.ok((await stat(starts.file)).size < 1_000);
  });
});
