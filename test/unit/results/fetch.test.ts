import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { dump } from 'npyjs';
import { isUserError } from '../../../src/core/errors.ts';
import type { Pod } from '../../../src/pod/pod.ts';
import { fetchResults } from '../../../src/results/fetch.ts';

const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex');

/** The three calls that fetching makes, over files in memory, as pod.ts describes them; the real ones are tested with sshd. */
function podWith(files: Record<string, string>) {
  const calls: string[] = [];
  const pod = {
    listFiles: (folder: string) => {
      calls.push(`list ${folder}`);
      const below = Object.entries(files).filter(([path]) => path.startsWith(folder + '/'));
      return Promise.resolve(below.map(([path, text]) => ({ path: posix.relative(folder, path), bytes: text.length, mtimeMs: 0 })));
    },
    hashFiles: (paths: readonly string[]) => {
      calls.push(`hash ${paths.join(' ')}`);
      return Promise.resolve(new Map(paths.map((path) => [path, sha256(files[path] ?? '')])));
    },
    getFiles: (
      folder: string,
      paths: readonly string[],
      localFolder: string,
      options: { onProgress?: (progress: { bytesDone: number; bytesTotal: number }) => void },
    ) => {
      calls.push(`get ${paths.join(' ')}`);
      options.onProgress?.({ bytesDone: 1, bytesTotal: 1 });
      return Promise.resolve(
        paths.map((path) => {
          const [remotePath, localPath] = [posix.join(folder, path), join(localFolder, path)];
          mkdirSync(dirname(localPath), { recursive: true });
          writeFileSync(localPath, files[remotePath] ?? '', 'latin1');
          return { remotePath, localPath, sha256: sha256(files[remotePath] ?? ''), bytes: files[remotePath]?.length ?? 0 };
        }),
      );
    },
  };
  return { pod: pod as unknown as Pod, calls };
}

describe('fetching results', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'rpo-fetch-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const files = {
    '/w/p/artifacts/oof/rf/seed_1.npy': 'rf one',
    '/w/p/artifacts/oof/rf/seed_2.npy': 'rf two',
    '/w/p/artifacts/oof/labels.npy': 'labels',
    '/w/p/logs/a/b.log': 'log',
    '/w/p/data/big.bin': 'data',
  };
  const fetch = (pod: Pod, patterns: readonly string[], more: object = {}) =>
    fetchResults(pod, { remoteRoot: '/w/p', patterns, localFolder: folder, ...more });

  it('brings what the patterns match, in the same folders, and tells what they do not', async () => {
    const { pod, calls } = podWith(files);
    const progress: number[] = [];
    const report = await fetch(pod, ['artifacts/oof/rf/seed_1.npy', 'artifacts/oof/*.npy', 'logs/**/*.log', 'artifacts/none/*'], {
      onProgress: ({ bytesDone }: { bytesDone: number }) => progress.push(bytesDone),
    });
    assert.equal(report.folder, folder);
    assert.deepEqual(report.files, [
      {
        path: 'artifacts/oof/labels.npy',
        localPath: join(folder, 'artifacts/oof/labels.npy'),
        bytes: 6,
        sha256: sha256('labels'),
        mtimeMs: 0,
        changed: true,
      },
      {
        path: 'artifacts/oof/rf/seed_1.npy',
        localPath: join(folder, 'artifacts/oof/rf/seed_1.npy'),
        bytes: 6,
        sha256: sha256('rf one'),
        mtimeMs: 0,
        changed: true,
      },
      { path: 'logs/a/b.log', localPath: join(folder, 'logs/a/b.log'), bytes: 3, sha256: sha256('log'), mtimeMs: 0, changed: true },
    ]);
    assert.deepEqual(report.missing, ['artifacts/none/*']);
    assert.equal(readFileSync(join(folder, 'logs/a/b.log'), 'utf8'), 'log');
    assert.deepEqual(progress, [1]);
    // Each folder once, none within another, nothing that no pattern is about.
    assert.deepEqual(
      calls.filter((call) => call.startsWith('list')),
      ['list /w/p/artifacts/oof', 'list /w/p/logs', 'list /w/p/artifacts/none'],
    );
    assert.equal(calls.filter((call) => call.startsWith('get')).length, 1);
  });

  it('does not bring again what is here with the same bytes', async () => {
    const { pod, calls } = podWith(files);
    await fetch(pod, ['artifacts']);
    writeFileSync(join(folder, 'artifacts/oof/labels.npy'), 'LABELS'); // same size, other bytes
    writeFileSync(join(folder, 'artifacts/oof/rf/seed_1.npy'), 'longer than it was');
    calls.length = 0;
    const report = await fetch(pod, ['artifacts']);
    assert.deepEqual(
      report.files.map(({ path, changed, bytes }) => [path, changed, bytes]),
      [
        ['artifacts/oof/labels.npy', true, 6],
        ['artifacts/oof/rf/seed_1.npy', true, 6],
        ['artifacts/oof/rf/seed_2.npy', false, 6],
      ],
    );
    assert.deepEqual(calls, [
      'list /w/p',
      'hash /w/p/artifacts/oof/rf/seed_2.npy /w/p/artifacts/oof/labels.npy',
      'get artifacts/oof/labels.npy artifacts/oof/rf/seed_1.npy',
    ]);
    calls.length = 0;
    assert.ok((await fetch(pod, ['artifacts'])).files.every((file) => !file.changed));
    assert.ok(!calls.some((call) => call.startsWith('get')));
  });

  it('leaves out what is excluded', async () => {
    const { pod } = podWith(files);
    const report = await fetch(pod, ['**'], { exclude: ['*.bin', 'rf/', '!/logs'] });
    assert.deepEqual(
      report.files.map((file) => file.path),
      ['artifacts/oof/labels.npy', 'logs/a/b.log'],
    );
  });

  it('takes a model name for no glob, and nothing at all for no patterns', async () => {
    const { pod } = podWith({ '/w/p/out/a*b/x': '1', '/w/p/out/acb/x': '2' });
    assert.deepEqual(
      (await fetch(pod, ['out/a\\*b/x'])).files.map((file) => file.path),
      ['out/a*b/x'],
    );
    assert.deepEqual((await fetch(pod, [])).files, []);
  });

  it('puts in place only what is whole, and keeps what was there before', async () => {
    const names = ['/w/p/good.npy', '/w/p/cut.npy', '/w/p/log.txt'];
    const npy = Buffer.from(dump(Uint8Array.from([1, 2, 3]), [3])).toString('latin1');
    writeFileSync(join(folder, 'good.npy'), 'of the run before');
    writeFileSync(join(folder, 'cut.npy'), 'of the run before, whole');
    const { pod } = podWith(Object.fromEntries(names.map((name) => [name, name.includes('cut') ? npy.slice(0, -1) : npy])));
    const report = await fetch(pod, ['**'], { wholeOnly: true });
    assert.deepEqual(
      report.files.map(({ path, localPath }) => [path, localPath]),
      [
        ['good.npy', join(folder, 'good.npy')],
        ['log.txt', join(folder, 'log.txt')],
      ],
    );
    assert.equal(report.incomplete[0]?.path, 'cut.npy');
    assert.equal(readFileSync(join(folder, 'cut.npy'), 'utf8'), 'of the run before, whole');
    assert.equal(readFileSync(join(folder, '.previous/good.npy'), 'utf8'), 'of the run before');
    assert.deepEqual(readdirSync(folder).sort(), ['.previous', 'cut.npy', 'good.npy', 'log.txt']);
  });

  it('keeps the run before also when two put the same new file in place', async () => {
    const npy = (...values: number[]) => Buffer.from(dump(Uint8Array.from(values), [values.length])).toString('latin1');
    writeFileSync(join(folder, 'a.npy'), 'of the run before');
    const { pod } = podWith({ '/w/p/a.npy': npy(1, 2, 3) });
    for (let round = 0; round < 5; round++) {
      await Promise.all([1, 2, 3].map(() => fetch(pod, ['**'], { wholeOnly: true })));
      assert.equal(readFileSync(join(folder, '.previous/a.npy'), 'utf8'), 'of the run before');
      rmSync(join(folder, 'a.npy'));
      writeFileSync(join(folder, 'a.npy'), 'of the run before');
    }
  });

  it('does not put in place what changes while a run goes on', async () => {
    const { pod } = podWith({ '/w/p/done.csv': 'a,b', '/w/p/growing.csv': 'a,' });
    let time = 0;
    const growing = {
      ...pod,
      listFiles: async (...args: Parameters<Pod['listFiles']>) => {
        const files = await pod.listFiles(...args);
        time++;
        return files.map((file) => (file.path === 'growing.csv' ? { ...file, mtimeMs: time } : file));
      },
    };
    const report = await fetch(growing, ['**'], { wholeOnly: true, isBusy: true });
    assert.deepEqual(report.incomplete, [{ path: 'growing.csv', why: 'a run is still writing it' }]);
    assert.deepEqual(readdirSync(folder), ['done.csv']);
    // Without a run nobody waits, and all of it is taken.
    assert.equal((await fetch(growing, ['**'], { wholeOnly: true })).files.length, 2);
  });

  it('takes only what is wanted of it', async () => {
    const { pod } = podWith(files);
    const report = await fetch(pod, ['**'], { only: (path: string) => path.endsWith('.log') });
    assert.deepEqual(
      report.files.map(({ path }) => path),
      ['logs/a/b.log'],
    );
  });

  it('twice at the same time, as a window and an agent do, ends well for both', async () => {
    const one = podWith(files).pod;
    let arrived = (): void => undefined;
    const both = new Promise<void>((resolve) => (arrived = resolve));
    // The second has everything while the first is still looking at what it has.
    const slow = { ...one, getFiles: async (...args: Parameters<Pod['getFiles']>) => one.getFiles(...args).finally(() => both) };
    const first = fetch(slow, ['**'], { wholeOnly: true });
    const second = await fetch(one, ['**'], { wholeOnly: true });
    arrived();
    for (const report of [await first, second])
      assert.deepEqual(
        report.files.map(({ path }) => path),
        Object.keys(files)
          .map((path) => posix.relative('/w/p', path))
          .sort(),
      );
    assert.equal(readFileSync(join(folder, 'logs/a/b.log'), 'utf8'), 'log');
  });

  it('can be cancelled before anything is written', async () => {
    const { pod } = podWith(files);
    await assert.rejects(fetch(pod, ['artifacts'], { signal: AbortSignal.abort() }), (error) => isUserError(error, 'cancelled'));
    assert.ok(!existsSync(join(folder, 'artifacts')));
  });
});
