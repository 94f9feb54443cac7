import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import type { SshPod } from '../../src/pod/connect.ts';
import type { FileToPut, TransferProgress } from '../../src/pod/pod.ts';
import { fetchResults } from '../../src/results/fetch.ts';
import { mounted } from './support/mounted.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { common, pathOf, which } from './support/fewTools.ts';
import { usePod, withPod } from './support/pod.ts';

const sha = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const size = 30_000_001;

describe('large files', function () {
  this.timeout(60_000);
  const t = usePod();
  const at = (name: string) => join(t.practice.workspace, name);
  const content = randomBytes(size);
  const cancelAt = async (pod: SshPod, file: FileToPut, bytes: number) => {
    const controller = new AbortController();
    const sending = pod.putFiles([file], {
      signal: controller.signal,
      onProgress: ({ bytesDone }) => bytesDone > bytes && controller.abort(),
    });
    await assert.rejects(sending, (error) => isUserError(error, 'cancelled'));
  };

  it('go over several sessions and arrive whole, with small ones beside them in one set', async () => {
    await writeFile(join(t.tmp, 'model.ckpt'), content);
    let last = 0;
    const files = [
      { source: { localPath: join(t.tmp, 'model.ckpt') }, remotePath: at('big/model.ckpt'), expected: null },
      { source: { content: Buffer.from('small') }, remotePath: at('big/a/config.json') },
    ];
    const put = await t.pod.putFiles(files, {
      onProgress: ({ bytesDone, bytesTotal }) => {
        assert.ok(bytesDone >= last && bytesDone <= bytesTotal);
        last = bytesDone;
      },
    });
    assert.deepEqual(
      put.map(({ changed, sha256 }) => [changed, sha256]),
      [
        [true, sha(content)],
        [true, sha(Buffer.from('small'))],
      ],
    );
    assert.equal(last, size + 5);
    assert.ok((await readFile(at('big/model.ckpt'))).equals(content));
    assert.deepEqual((await readdir(at('big'), { recursive: true })).sort(), ['a', 'a/config.json', 'model.ckpt']);
    const again = await t.pod.putFiles(files);
    assert.ok(again.every(({ changed }) => !changed));
  });

  it('are refused before anything is sent when the pod has another version', async () => {
    await t.pod.putFiles([{ source: { content: Buffer.from('theirs') }, remotePath: at('kept.ckpt') }]);
    let sent = 0;
    const sending = t.pod.putFiles([{ source: { content }, remotePath: at('kept.ckpt'), expected: sha(Buffer.from('old')) }], {
      onProgress: () => sent++,
    });
    await assert.rejects(sending, (error) => isUserError(error, 'remote-changed'));
    assert.equal(sent, 0);
    assert.equal(await readFile(at('kept.ckpt'), 'utf8'), 'theirs');
  });

  it('go on by themselves after a lost connection, and arrive whole', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    let cuts = 0;
    await pod.putFiles([{ source: { content }, remotePath: at('cut.ckpt') }], {
      onProgress: ({ bytesDone }) => {
        if (bytesDone > (cuts + 1) * 8_000_000 && cuts < 2) {
          cuts++;
          proxy.cut();
        }
      },
    });
    assert.equal(cuts, 2);
    assert.ok((await readFile(at('cut.ckpt'))).equals(content));
    pod.dispose();
    await proxy.stop();
  });

  it('go on where a cancelled transfer stopped', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    const file = { source: { content }, remotePath: at('resumed/model.ckpt') };
    await cancelAt(pod, file, 12_000_000);
    proxy.line.bytesPerS = 0;
    const before = proxy.carried.up;
    await pod.putFiles([file]);
    assert.ok(proxy.carried.up - before < size - 8_000_000, `${proxy.carried.up - before} bytes were sent again`);
    assert.ok((await readFile(at('resumed/model.ckpt'))).equals(content));
    assert.deepEqual(await readdir(at('resumed')), ['model.ckpt']);
    pod.dispose();
    await proxy.stop();
  });

  it('that rotted on the pod while they were half there are sent again, never put in place', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    const file = { source: { content }, remotePath: at('rotten/model.ckpt') };
    await cancelAt(pod, file, 12_000_000);
    proxy.line.bytesPerS = 0;
    const part = (await readdir(at('rotten'))).find((name) => /^\.rpo-part-\w+$/.test(name)) ?? '';
    const rotten = await open(at(`rotten/${part}`), 'r+');
    await rotten.write(randomBytes(1000), 0, 1000, 5000);
    await rotten.close();
    await assert.rejects(pod.putFiles([file]), (error) => isUserError(error, 'transfer-corrupt'));
    assert.deepEqual(await readdir(at('rotten')), []);
    await pod.putFiles([file]);
    assert.ok((await readFile(at('rotten/model.ckpt'))).equals(content));
    pod.dispose();
    await proxy.stop();
  });

  it('that are equal and lie in one folder go in one set', async () => {
    for (const name of ['a.ckpt', 'b.ckpt']) await writeFile(join(t.tmp, name), content);
    const put = await t.pod.putFiles(
      ['a.ckpt', 'b.ckpt'].map((name) => ({ source: { localPath: join(t.tmp, name) }, remotePath: at(`twins/${name}`) })),
    );
    assert.ok(put.every(({ changed }) => changed));
    for (const name of ['a.ckpt', 'b.ckpt']) assert.ok((await readFile(at(`twins/${name}`))).equals(content));
    assert.deepEqual((await readdir(at('twins'))).sort(), ['a.ckpt', 'b.ckpt']);
  });

  it('replace a file of another size, one of the same, and are known when they are there already', async () => {
    const local = join(t.tmp, 'again.ckpt');
    const remote = at('again/model.ckpt');
    const put = async (expected?: string) => {
      const [file] = await t.pod.putFiles([{ source: { localPath: local }, remotePath: remote, expected }]);
      return file?.changed;
    };
    for (const next of [content, content.subarray(1), Buffer.concat([Buffer.from('x'), content.subarray(2)])]) {
      await writeFile(local, next);
      assert.equal(await put(), true);
      assert.ok((await readFile(remote)).equals(next));
      assert.equal(await put(), false);
    }
    await writeFile(local, content);
    await assert.rejects(put(sha(Buffer.from('another'))), (error) => isUserError(error, 'remote-changed'));
    assert.deepEqual(await readdir(at('again')), ['model.ckpt']);
  });

  it('that were given up long ago are tidied away by a later upload, those of today are not', async () => {
    const left = ['.rpo-part-0123', '.rpo-part-0123.done', '.rpo-part-4567'];
    await mkdir(at('old'));
    for (const name of left) await writeFile(at(`old/${name}`), 'left behind');
    const longAgo = Date.now() / 1000 - 3 * 24 * 3600;
    for (const name of left.slice(0, 2)) await utimes(at(`old/${name}`), longAgo, longAgo);
    await t.pod.putFiles([{ source: { content: Buffer.from('small') }, remotePath: at('old/small') }]);
    assert.deepEqual((await readdir(at('old'))).sort(), ['.rpo-part-4567', 'small']);
  });

  it('that break off while the pod hashes them leave the file that was there, and go on later', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off', reconnectForMs: 0, connectTimeoutMs: 5_000 });
    const local = join(t.tmp, 'late.ckpt');
    await writeFile(local, content);
    const file = { source: { localPath: local }, remotePath: at('late/model.ckpt') };
    await t.pod.putFiles([{ source: { content: Buffer.from('old') }, remotePath: file.remotePath }]);
    await assert.rejects(
      pod.putFiles([file], {
        onProgress: ({ bytesDone }) => {
          if (bytesDone < 12_000_000) return; // what is under way then may still come, and must not be all of it
          proxy.line.blackHole = true;
          proxy.cut();
        },
      }),
    );
    assert.equal(await readFile(file.remotePath, 'utf8'), 'old');
    Object.assign(proxy.line, { blackHole: false, bytesPerS: 0 });
    pod.dispose();
    const before = proxy.carried.up;
    const again = t.connect({ port: proxy.port, hostKeys: 'off' });
    await again.putFiles([file]);
    assert.ok(proxy.carried.up - before < size - 8_000_000, `${proxy.carried.up - before} bytes were sent again`);
    assert.ok((await readFile(file.remotePath)).equals(content));
    again.dispose();
    await proxy.stop();
  });

  it('are hashed on the pod in one process as they arrive, and by its other tools where its python3 cannot', () =>
    withPod({}, async ({ pod, practice }) => {
      const log = join(practice.folder, 'hashed');
      const tool = async (name: string, script: string) => {
        await rm(join(practice.folder, 'bin', name), { force: true });
        await writeFile(join(practice.folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      };
      await tool('openssl', `echo openssl >>${log}; exec ${which('openssl')} "$@"`);
      const there = join(practice.workspace, 'hashed.ckpt');
      await pod.putFiles([{ source: { content }, remotePath: there }]);
      assert.equal(await readFile(log, 'utf8').catch(() => ''), '');
      // One that is not there, lacks its libraries, is Python 2, is none at all, or is made for another processor.
      for (const end of ['exit 127', 'exit 1', 'echo "Unknown option: -I" >&2; exit 2', 'exit 0', 'kill -ILL $$']) {
        await tool('python3', end);
        await rm(log, { force: true });
        const other = randomBytes(size);
        await pod.putFiles([{ source: { content: other }, remotePath: there }]);
        assert.match(await readFile(log, 'utf8'), /openssl/);
        assert.ok((await readFile(there)).equals(other));
      }
    }));

  it('are hashed by a python3 that prints something before it begins', () =>
    withPod({}, async ({ pod, practice }) => {
      const python = join(practice.folder, 'bin', 'python3');
      await rm(python); // a link to this machine's own
      await writeFile(python, `#!/bin/sh\necho welcome\nexec ${which('python3')} "$@"\n`, { mode: 0o755 });
      const there = join(practice.workspace, 'hashed.ckpt');
      await pod.putFiles([{ source: { content }, remotePath: there }]);
      assert.ok((await readFile(there)).equals(content));
    }));

  it('that are appended to while they are sent arrive as they were', async () => {
    const path = join(t.tmp, 'events.log');
    await writeFile(path, content);
    const timer = setInterval(() => appendFileSync(path, 'more'), 1);
    try {
      const [put] = await t.pod.putFiles([{ source: { localPath: path }, remotePath: at('events.log') }]);
      const there = await readFile(at('events.log'));
      assert.ok(there.length >= size && there.subarray(0, size).equals(content));
      assert.deepEqual([put?.bytes, put?.sha256], [there.length, sha(there)]);
    } finally {
      clearInterval(timer);
    }
  });

  it('that do not fit are known not to before they are sent', async function () {
    const folder = at('small-disk');
    await mounted(this, folder, 'size=20m', async () => {
      let sent = 0;
      await assert.rejects(
        t.pod.putFiles([{ source: { content }, remotePath: join(folder, 'new/model.ckpt') }], { onProgress: () => sent++ }),
        (error) => {
          assert.ok(isUserError(error, 'remote-full'));
          assert.match(error.message, /30 MB are to be written and (21|20\.\d) MB are free/);
          return true;
        },
      );
      assert.equal(sent, 0);
      assert.deepEqual(await readdir(folder), []);
    });
  });
});

describe('large files, down', function () {
  this.timeout(60_000);
  const t = usePod();
  const content = randomBytes(size);
  const remote = () => join(t.practice.workspace, 'model.ckpt');
  beforeEach(() => writeFile(remote(), content));
  const local = () => join(t.tmp, 'got', 'model.ckpt');

  it('come over several sessions, whole, and nothing lies about', async () => {
    let last = 0;
    const got = await t.pod.getFile(remote(), local(), { onProgress: ({ bytesDone }) => (last = bytesDone) });
    assert.deepEqual([got.sha256, got.bytes, last], [sha(content), size, size]);
    assert.ok((await readFile(local())).equals(content));
    assert.deepEqual(await readdir(join(t.tmp, 'got')), ['model.ckpt']);
  });

  it('go on by themselves after a lost connection', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    let cuts = 0;
    const cutsAt = [24_000_000, 28_000_000];
    await pod.getFile(remote(), local(), {
      onProgress: ({ bytesDone }) => {
        if (bytesDone > cutsAt[cuts]!) {
          cuts++;
          proxy.cut();
        }
      },
    });
    assert.equal(cuts, 2);
    assert.ok((await readFile(local())).equals(content));
    // Beginning again each time would take at least this; less a block and a window for each session at each cut.
    assert.ok(proxy.carried.down < cutsAt[0]! + cutsAt[1]! + size, `${proxy.carried.down} bytes came`);
    pod.dispose();
    await proxy.stop();
  });

  it('go on where a cancelled transfer stopped, unless the file was changed', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    const cancelAt = async (bytes: number) => {
      const controller = new AbortController();
      const fetching = pod.getFile(remote(), local(), {
        signal: controller.signal,
        onProgress: ({ bytesDone }) => bytesDone > bytes && controller.abort(),
      });
      await assert.rejects(fetching, (error) => isUserError(error, 'cancelled'));
      await assert.rejects(readFile(local()));
    };
    await cancelAt(25_000_000);
    proxy.line.bytesPerS = 0;
    const before = proxy.carried.down;
    await pod.getFile(remote(), local());
    assert.ok(proxy.carried.down - before < size, `${proxy.carried.down - before} bytes came again`);
    assert.ok((await readFile(local())).equals(content));
    await rm(local());
    proxy.line.bytesPerS = 60_000_000;
    await cancelAt(25_000_000);
    proxy.line.bytesPerS = 0;
    const other = randomBytes(size);
    await rm(remote());
    await writeFile(remote(), other);
    await pod.getFile(remote(), local());
    assert.ok((await readFile(local())).equals(other));
    assert.deepEqual(await readdir(join(t.tmp, 'got')), ['model.ckpt'], 'what came of the other version is gone');
    // Somebody tidied up, and left only the notes.
    proxy.line.bytesPerS = 60_000_000;
    await rm(local());
    await cancelAt(25_000_000);
    const left = await readdir(join(t.tmp, 'got'));
    assert.equal(left.length, 2);
    await rm(
      join(
        t.tmp,
        'got',
        left.find((name) => !name.endsWith('.done'))!,
      ),
    );
    proxy.line.bytesPerS = 0;
    await pod.getFile(remote(), local());
    assert.ok((await readFile(local())).equals(other));
    assert.deepEqual(await readdir(join(t.tmp, 'got')), ['model.ckpt']);
    pod.dispose();
    await proxy.stop();
  });

  it('of a run go on where fetching its results was cancelled', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 60_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    const localFolder = join(t.tmp, 'results');
    await writeFile(join(t.practice.workspace, 'notes.txt'), 'small');
    const fetch = (signal: AbortSignal | undefined, onProgress: (progress: TransferProgress) => void) =>
      fetchResults(pod, {
        remoteRoot: t.practice.workspace,
        patterns: ['model.bin', 'notes.txt'],
        wholeOnly: true,
        localFolder,
        signal,
        onProgress,
      });
    await rename(remote(), join(t.practice.workspace, 'model.bin'));
    const controller = new AbortController();
    await assert.rejects(
      fetch(controller.signal, ({ bytesDone }) => bytesDone > 25_000_000 && controller.abort()),
      (error) => isUserError(error, 'cancelled'),
    );
    const left = (await readdir(localFolder, { recursive: true })).filter((path) => !/\.incoming-parts|rpo-part/.test(path));
    assert.deepEqual(left, [], 'nothing but what can be gone on from');
    const before = proxy.carried.down;
    proxy.line.bytesPerS = 0;
    const report = await fetch(undefined, () => {});
    assert.ok(proxy.carried.down - before < size - 5_000_000, `${proxy.carried.down - before} bytes came again`);
    assert.deepEqual(
      report.files.map(({ path }) => path),
      ['model.bin', 'notes.txt'],
    );
    assert.ok((await readFile(join(localFolder, 'model.bin'))).equals(content));
    assert.deepEqual((await readdir(localFolder)).sort(), ['model.bin', 'notes.txt']);
    pod.dispose();
    await proxy.stop();
  });

  it('that are written to meanwhile come as they were, or not at all', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 40_000_000 });
    const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    let appended: Promise<void> | undefined;
    const got = await pod.getFile(remote(), local(), { onProgress: () => void (appended ??= appendFile(remote(), 'more')) });
    await appended;
    assert.deepEqual([got.bytes, got.sha256], [size, sha(content)]);
    let cut: Promise<void> | undefined;
    const shrunk = await pod.getFile(remote(), local(), { onProgress: () => void (cut ??= truncate(remote(), 9_500_000)) });
    await cut;
    assert.equal(sha(await readFile(local())), shrunk.sha256);
    pod.dispose();
    await proxy.stop();
  });
});

describe('a pod with few tools', function () {
  this.timeout(60_000);

  async function roundTrip(tools: Readonly<Record<string, string>>): Promise<void> {
    await withPod({}, async ({ pod, practice, tmp, connect }) => {
      pod.dispose();
      const bin = join(practice.folder, 'few');
      await pathOf(bin, tools);
      await practice.restart({ environment: { PATH: bin } });
      const few = connect();
      const content = randomBytes(9_000_000);
      const files = [
        { source: { content: Buffer.from('one') }, remotePath: join(practice.workspace, "a b/it's") },
        { source: { content: Buffer.alloc(0) }, remotePath: join(practice.workspace, 'a b/empty'), mode: 0o755 },
        { source: { content }, remotePath: join(practice.workspace, 'big') },
      ];
      assert.ok((await few.putFiles(files)).every(({ changed }) => changed));
      assert.ok((await few.putFiles(files)).every(({ changed }) => !changed));
      await assert.rejects(few.putFiles([{ ...files[0]!, source: { content: Buffer.from('two') }, expected: null }]), (error) =>
        isUserError(error, 'remote-changed'),
      );
      await few.putFiles([{ ...files[0]!, source: { content: Buffer.from('two') } }]);
      const listed = await few.listFiles(practice.workspace);
      assert.deepEqual(listed.map(({ path, bytes }) => `${path} ${bytes}`).sort(), ['a b/empty 0', "a b/it's 3", 'big 9000000']);
      const hashes = await few.hashFiles(files.map(({ remotePath }) => remotePath));
      assert.equal(hashes.get(files[2]!.remotePath), sha(content));
      const got = await few.getFiles(
        practice.workspace,
        listed.map(({ path }) => path),
        join(tmp, 'got'),
      );
      assert.equal(got.length, 3);
      assert.equal(await readFile(join(tmp, 'got', 'a b', "it's"), 'utf8'), 'two');
      assert.ok((await readFile(join(tmp, 'got', 'big'))).equals(content));
      assert.deepEqual(
        (await readdir(practice.workspace, { recursive: true })).filter((path) => path.includes('rpo-')),
        [],
      );
      few.dispose();
    });
  }

  it('busybox alone will do', async () => {
    const busybox = which('busybox');
    const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
    await roundTrip(Object.fromEntries(applets.map((name) => [name, busybox])));
  });

  it('neither tar nor sha256sum is needed where openssl is', async () => {
    await roundTrip(Object.fromEntries([...common, 'openssl'].map((name) => [name, which(name)])));
  });

  it('nor openssl where python3 is', async () => {
    await roundTrip(Object.fromEntries([...common, 'tar', 'python3'].map((name) => [name, which(name)])));
  });

  it('a small file is not taken for the same as one that cannot be read there', async () => {
    await withPod({}, async ({ pod, practice, connect }) => {
      pod.dispose();
      const bin = join(practice.folder, 'few');
      await pathOf(bin, Object.fromEntries([...common, 'readlink'].map((name) => [name, which(name)])));
      // As it is for somebody who is not root.
      const openssl = `case $(readlink /proc/self/fd/0) in */secret) exit 1;; esac; exec ${which('openssl')} "$@"`;
      await writeFile(join(bin, 'openssl'), `#!/bin/sh\n${openssl}\n`, { mode: 0o755 });
      await practice.restart({ environment: { PATH: bin } });
      const few = connect();
      const remotePath = join(practice.workspace, 'secret');
      await writeFile(remotePath, 'old');
      const putting = few.putFiles([{ source: { content: Buffer.from('new') }, remotePath }]);
      await assert.rejects(putting, (error) => isUserError(error, 'remote-failed'));
      assert.equal(await readFile(remotePath, 'utf8'), 'old');
      few.dispose();
    });
  });

  it('without any way to compare, nothing is sent or fetched and the sentence says what to install', async () => {
    await withPod({}, async ({ pod, practice, tmp, connect }) => {
      pod.dispose();
      const bin = join(practice.folder, 'few');
      await pathOf(bin, Object.fromEntries(common.map((name) => [name, which(name)])));
      await practice.restart({ environment: { PATH: bin } });
      const few = connect();
      await assert.rejects(
        few.putFiles([{ source: { content: Buffer.from('x') }, remotePath: join(practice.workspace, 'x') }]),
        (error) => isUserError(error, 'unsupported') && /coreutils/.test(error.message),
      );
      for (const [name, bytes] of Object.entries({ small: 3, big: 9_000_000 }))
        await writeFile(join(practice.workspace, name), Buffer.alloc(bytes));
      const here = join(tmp, 'got');
      for (const fetching of [
        () => few.getFile(join(practice.workspace, 'small'), join(here, 'small')),
        () => few.getFile(join(practice.workspace, 'big'), join(here, 'big')),
        () => few.getFiles(practice.workspace, ['small', 'big'], here),
      ])
        await assert.rejects(fetching, (error) => isUserError(error, 'unsupported') && /coreutils/.test(error.message));
      assert.deepEqual(await readdir(here).catch(() => []), []);
      few.dispose();
    });
  });
});
