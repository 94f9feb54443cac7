import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal, type JournalEntry } from '../../../src/journal/journal.ts';
import { isLook, localTime } from '../../../src/operations/journal.ts';

const entry: JournalEntry = {
  at: '2026-11-26T16:04:05.000Z',
  who: 'agent',
  by: 'a',
  operation: 'exec',
  project: '/p',
  arguments: {},
  ok: true,
  result: '',
  milliseconds: 1,
};

describe('the journal', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-journal-'));
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  it('loses nothing of a full file when several find it full at once', async () => {
    for (let round = 0; round < 20; round++) {
      await writeFile(
        join(folder, 'journal.jsonl'),
        `${JSON.stringify({ ...entry, operation: `full ${round}`, result: 'x'.repeat(600) })}\n`,
      );
      const writers = Array.from({ length: 6 }, () => new Journal(folder, 500));
      await Promise.all(writers.map(async (journal, i) => journal.add({ ...entry, operation: `new ${i}` })));
      const found = (await new Journal(folder).read(100)).map(({ operation }) => operation);
      assert.ok(found.includes(`full ${round}`), found.join());
    }
  });

  it('is turned again after a process died while it did', async () => {
    const lock = join(folder, 'journal.jsonl.lock');
    await writeFile(lock, '');
    await utimes(lock, 0, 0);
    await writeFile(join(folder, 'journal.jsonl'), 'x'.repeat(600) + '\n');
    const journal = new Journal(folder, 500);
    await journal.add(entry);
    assert.equal((await journal.read(10)).length, 1);
  });

  it('tells what acted and what failed from what only looked', () => {
    assert.deepEqual([entry, { ...entry, reads: true }, { ...entry, reads: true, ok: false }].map(isLook), [false, true, false]);
  });

  it('says which clock its times are of', () => {
    const { TZ } = process.env;
    try {
      for (const [zone, told] of [
        ['UTC', '2026-11-26 16:04:05 +00:00'],
        ['America/St_Johns', '2026-11-26 12:34:05 -03:30'],
        ['Asia/Kolkata', '2026-11-26 21:34:05 +05:30'],
      ] as const) {
        process.env['TZ'] = zone;
        assert.equal(localTime(entry.at), told);
      }
    } finally {
      if (TZ === undefined) delete process.env['TZ'];
      else process.env['TZ'] = TZ;
    }
  });
});
