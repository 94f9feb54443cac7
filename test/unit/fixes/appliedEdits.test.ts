import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppliedEdits } from '../../../src/fixes/appliedEdits.ts';

describe('settings changed because of a run', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'rpo-applied-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const edit = { run: 'r1', path: 'config.py', setting: 'lr', from: '0.1', to: '0.05' };

  it('are known to every session, the last change of each', async () => {
    const edits = new AppliedEdits(folder);
    assert.equal(await edits.find('r1', 'config.py', 'lr'), null);
    await Promise.all([edits.add(edit), new AppliedEdits(folder).add({ ...edit, setting: 'batch_size' })]);
    await edits.add({ ...edit, from: '0.2', to: '0.1' });
    assert.equal((await new AppliedEdits(folder).find('r1', 'config.py', 'lr'))?.from, '0.2');
    assert.ok(await edits.find('r1', 'config.py', 'batch_size'));
    assert.equal(await edits.find('r2', 'config.py', 'lr'), null);
    assert.equal(await edits.find('r1', 'other.py', 'lr'), null);
    assert.equal(await edits.find('r1', 'config.py', 'wd'), null);
  });

  it('are forgotten where their file is broken, and written down anew', async () => {
    const edits = new AppliedEdits(folder);
    await writeFile(join(folder, 'applied.json'), '{broken');
    assert.equal(await edits.find('r1', 'config.py', 'lr'), null);
    await edits.add(edit);
    assert.deepEqual(await edits.find('r1', 'config.py', 'lr'), edit);
  });
});
