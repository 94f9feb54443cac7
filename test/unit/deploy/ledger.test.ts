import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUserError } from '../../../src/core/errors.ts';
import { Ledger } from '../../../src/deploy/ledger.ts';

describe('the ledger of what was deployed', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'rpo-ledger-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const ledger = (root = '/workspace/p') => new Ledger(folder, 'pod', root);
  const at = new Date(0);

  it('loses nothing when several write at once', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, index) => ledger().add(new Map([[`${index}.py`, { sha256: `sum ${index}` }]]), at)));
    assert.equal(Object.keys(await ledger().read()).length, 12);
    assert.equal(readdirSync(join(folder, 'deployed')).length, 1);
  });

  it('sees what others wrote after it has written itself', async () => {
    const [mine, other] = [ledger(), ledger()];
    await mine.add(new Map([['a.py', { sha256: 'a' }]]), at);
    await other.add(new Map([['b.py', { sha256: 'b' }]]), at);
    assert.deepEqual(Object.keys(await mine.read()), ['a.py', 'b.py']);
    await mine.remove(['a.py']);
    for (const one of [mine, other]) assert.deepEqual(Object.keys(await one.read()), ['b.py']);
  });

  it('keeps pods and roots apart, and takes names that JavaScript has other uses for', async () => {
    await ledger().add(new Map([['__proto__', { sha256: 'a' }]]), at, 'upload');
    await ledger().add(new Map([['constructor', { sha256: 'b' }]]), at);
    assert.deepEqual(Object.entries(await ledger().read()), [
      ['__proto__', { sha256: 'a', at: '1970-01-01T00:00:00.000Z', by: 'upload' }],
      ['constructor', { sha256: 'b', at: '1970-01-01T00:00:00.000Z' }],
    ]);
    assert.deepEqual(await ledger('/workspace/other').read(), {});
  });

  it('says so when it cannot be written', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'deployed'), 'a file in the way');
    await assert.rejects(ledger().add(new Map([['a', { sha256: 'b' }]]), at), (error) => isUserError(error, 'local-failed'));
  });
});
