import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError, type Reason } from '../../src/core/errors.ts';
import type { SshPod } from '../../src/pod/connect.ts';
import { mounted } from './support/mounted.ts';
import { FaultProxy, seededRandom } from './support/faultProxy.ts';
import { describeBothWays, usePod } from './support/pod.ts';
import { remainsIn } from './support/remains.ts';

const sha = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const is =
  (reason: Reason, pattern = /./) =>
  (error: unknown) => {
    assert.ok(isUserError(error, reason), `expected ${reason}, got ${String(error)}`);
    assert.match(error.message, pattern);
    return true;
  };

async function until(check: () => Promise<boolean>, what: string): Promise<void> {
  for (let waitedMs = 0; !(await check()); waitedMs += 20) {
    if (waitedMs > 10_000) assert.fail(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describeBothWays('files, when something goes wrong', function (podOptions) {
  this.timeout(60_000);
  const t = usePod({}, podOptions);
  const at = (name: string) => join(t.practice.workspace, name);
  const put = (pod: SshPod, name: string, content: string | Buffer) =>
    pod.putFiles([{ source: { content: Buffer.from(content) }, remotePath: at(name) }]);

  describe('the connection is cut in the middle', () => {
    let proxy: FaultProxy;
    before(async () => (proxy = await FaultProxy.start(t.practice.port)));
    after(() => proxy.stop());
    beforeEach(() => Object.assign(proxy.line, { cutAfterUp: Infinity, cutAfterDown: Infinity, bytesPerS: 0 }));

    it('of an upload: each file is the old or the new one, all of a set alike, and nothing lies about', async () => {
      const random = seededRandom(20260);
      const names = ['cut/a.py', 'cut/b/c.py', 'cut/d.bin'];
      let old = names.map((name) => Buffer.from(`old ${name}`));
      await t.pod.putFiles(names.map((name, index) => ({ source: { content: old[index]! }, remotePath: at(name) })));
      let cuts = 0;
      for (let round = 0; round < 12; round++) {
        const fresh = names.map((name, index) => (index === 2 ? randomBytes(200_000) : Buffer.from(`new ${round} ${name}`)));
        const pod = t.connect({ port: proxy.port, hostKeys: 'off', reconnectForMs: 0 });
        await pod.connect();
        proxy.line.cutAfterUp = Math.floor(2000 + random() * 250_000);
        const outcome = await pod.putFiles(names.map((name, index) => ({ source: { content: fresh[index]! }, remotePath: at(name) }))).then(
          () => 'done',
          (error: unknown) => is('connection-lost', /in place either all or none|try again when/)(error) && 'cut',
        );
        pod.dispose();
        proxy.line.cutAfterUp = Infinity;
        if (outcome === 'cut') cuts++;
        await until(async () => (await remainsIn(at('cut'))).length === 0, 'cleaning up');
        const now = await Promise.all(names.map((name) => readFile(at(name))));
        const isNew = now.every((content, index) => content.equals(fresh[index]!));
        assert.ok(isNew || now.every((content, index) => content.equals(old[index]!)), 'a mixed set');
        if (outcome === 'done') assert.ok(isNew);
        old = now;
      }
      assert.ok(cuts > 3, `only ${cuts} cuts hit`);
    });

    it('of a download: the local file is the old one, and nothing lies about', async () => {
      await put(t.pod, 'down.bin', randomBytes(300_000));
      await writeFile(join(t.tmp, 'down.bin'), 'old');
      for (const cutAfterDown of [5000, 60_000, 250_000]) {
        const pod = t.connect({ port: proxy.port, hostKeys: 'off', reconnectForMs: 0 });
        await pod.connect();
        proxy.line.cutAfterDown = cutAfterDown;
        await assert.rejects(
          pod.getFile(at('down.bin'), join(t.tmp, 'down.bin')),
          is('connection-lost', /No local file was left half written/),
        );
        await assert.rejects(pod.getFiles(t.practice.workspace, ['down.bin'], t.tmp), isUserError);
        pod.dispose();
        proxy.line.cutAfterDown = Infinity;
        assert.equal(await readFile(join(t.tmp, 'down.bin'), 'utf8'), 'old');
        assert.deepEqual(await readdir(t.tmp), ['down.bin']);
      }
    });

    it('of a download: folders that were made for it go again, others stay', async () => {
      const pod = t.connect({ port: proxy.port, hostKeys: 'off', reconnectForMs: 0 });
      await put(t.pod, 'down.bin', randomBytes(300_000));
      await mkdir(join(t.tmp, 'empty'));
      await assert.rejects(pod.getFile(at('none'), join(t.tmp, 'new/deep/file')), is('remote-missing'));
      proxy.line.cutAfterDown = 60_000;
      await assert.rejects(pod.getFile(at('down.bin'), join(t.tmp, 'empty/new/file')), isUserError);
      await assert.rejects(pod.getFiles(t.practice.workspace, ['down.bin', 'cut/b/c.py'], join(t.tmp, 'set/of/files')), isUserError);
      pod.dispose();
      assert.deepEqual(await readdir(t.tmp, { recursive: true }), ['empty']);
    });

    it('a person who cancels when nothing gets through any more is not kept waiting', async () => {
      const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
      await pod.connect();
      const controller = new AbortController();
      const started = Date.now();
      const running = pod.exec('echo started; sleep 1000', {
        signal: controller.signal,
        onStdout: () => {
          proxy.line.blackHole = true;
          controller.abort();
        },
      });
      await assert.rejects(running, is('cancelled'));
      assert.ok(Date.now() - started < 20_000);
      pod.dispose();
      proxy.line.blackHole = false;
      proxy.cut();
    });

    it('cancelling leaves nothing behind either', async () => {
      proxy.line.bytesPerS = 2_000_000;
      const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
      await put(t.pod, 'cancel/file', 'old');
      for (const files of [1, 3]) {
        const controller = new AbortController();
        const sending = pod.putFiles(
          Array.from({ length: files }, (_, index) => ({
            source: { content: randomBytes(3_000_000) },
            remotePath: at(index === 0 ? 'cancel/file' : `cancel/${index}`),
          })),
          { signal: controller.signal, onProgress: ({ bytesDone }) => bytesDone > 500_000 && controller.abort() },
        );
        await assert.rejects(sending, is('cancelled', /^The upload was cancelled\. Nothing was replaced/));
        await until(async () => (await remainsIn(at('cancel'))).length === 0, 'cleaning up');
        assert.deepEqual([await readdir(at('cancel')), await readFile(at('cancel/file'), 'utf8')], [['file'], 'old']);
      }
      await put(t.pod, 'cancel/big', randomBytes(3_000_000));
      const controller = new AbortController();
      const fetching = pod.getFile(at('cancel/big'), join(t.tmp, 'big'), {
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      await assert.rejects(fetching, is('cancelled', /^The download was cancelled/));
      assert.deepEqual(await readdir(t.tmp), []);
      pod.dispose();
    });
  });

  describe('the pod', () => {
    it('is full: the old file stays, and the sentence says so', async function () {
      const folder = at('small-disk');
      await mounted(this, folder, 'size=600k', async () => {
        await t.pod.putFiles([{ source: { content: Buffer.from('old') }, remotePath: join(folder, 'x/model.bin') }]);
        for (const set of [['x/model.bin'], ['x/model.bin', 'fresh/other.bin']]) {
          const files = set.map((name) => ({
            source: { content: randomBytes(500_000 + 300_000 / set.length) },
            remotePath: join(folder, name),
          }));
          await assert.rejects(t.pod.putFiles(files), is('remote-full', /no room/));
          assert.equal(await readFile(join(folder, 'x/model.bin'), 'utf8'), 'old');
          assert.deepEqual([await readdir(folder), await readdir(join(folder, 'x'))], [['x'], ['model.bin']]);
        }
      });
    });

    it('does not permit it', async function () {
      const folder = at('read-only-disk');
      await mounted(this, folder, 'ro', async () => {
        await assert.rejects(
          t.pod.putFiles([{ source: { content: Buffer.from('x') }, remotePath: join(folder, 'a/b') }]),
          is('remote-denied'),
        );
      });
    });

    it('has a file where a folder is needed, or a folder where the file should be', async () => {
      await put(t.pod, 'plain', 'x');
      await assert.rejects(put(t.pod, 'plain/below', 'y'), is('remote-failed'));
      await mkdir(at('folder'));
      await assert.rejects(put(t.pod, 'folder', 'y'), is('remote-failed', /folder of that name/));
      assert.deepEqual(await readdir(at('folder')), []);
    });

    it('lacks what is asked for', async () => {
      await assert.rejects(t.pod.getFile(at('none'), join(t.tmp, 'none')), is('remote-missing'));
      await mkdir(at('adir'), { recursive: true });
      await assert.rejects(t.pod.getFile(at('adir'), join(t.tmp, 'adir')), is('remote-missing', /folder/));
      await assert.rejects(t.pod.getFiles(t.practice.workspace, ['plain', 'none'], t.tmp), is('remote-missing'));
      assert.deepEqual(await t.pod.listFiles(at('nowhere')), []);
      assert.deepEqual([...(await t.pod.hashFiles([at('none'), at('adir'), at('plain')])).values()], [null, null, sha('x')]);
    });

    it('has remains of an upload that was killed long ago: they go, younger ones stay', async () => {
      await mkdir(at('stale/.rpo-0123'), { recursive: true });
      await mkdir(at('stale/.rpo-4567'));
      await utimes(at('stale/.rpo-0123'), 0, 0);
      await put(t.pod, 'stale/file', 'x');
      assert.deepEqual((await readdir(at('stale'))).sort(), ['.rpo-4567', 'file']);
      assert.deepEqual(
        (await t.pod.listFiles(at('stale'))).map(({ path }) => path),
        ['file'],
      );
    });

    it('replaces the file while ours is on its way', async () => {
      await put(t.pod, 'race', 'base');
      const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 3_000_000 });
      const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
      let changed: Promise<void> | undefined;
      const content = randomBytes(2_000_000);
      const sending = pod.putFiles([{ source: { content }, remotePath: at('race'), expected: sha('base') }], {
        onProgress: ({ bytesDone }) => void (changed ??= bytesDone > 0 ? writeFile(at('race'), 'theirs') : undefined),
      });
      await assert.rejects(sending, is('remote-changed'));
      await changed;
      assert.equal(await readFile(at('race'), 'utf8'), 'theirs');
      pod.dispose();
      await proxy.stop();
    });

    it('appends to a log while it is fetched: what was there at first arrives whole', async () => {
      await put(t.pod, 'growing.log', 'line\n'.repeat(200_000));
      const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 5_000_000 });
      const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
      let appended: Promise<void> | undefined;
      const got = await pod.getFile(at('growing.log'), join(t.tmp, 'growing.log'), {
        onProgress: () => void (appended ??= appendFile(at('growing.log'), 'more\n'.repeat(1000))),
      });
      await appended;
      assert.equal(got.bytes, 1_000_000);
      assert.equal(await readFile(join(t.tmp, 'growing.log'), 'utf8'), 'line\n'.repeat(200_000));
      pod.dispose();
      await proxy.stop();
    });

    it('shrinks a file while it is fetched: never a mixture', async () => {
      await put(t.pod, 'shrinking', randomBytes(4_000_000));
      const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 5_000_000 });
      const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
      let cut: Promise<void> | undefined;
      const got = await pod.getFile(at('shrinking'), join(t.tmp, 'shrinking'), {
        onProgress: () => void (cut ??= truncate(at('shrinking'), 10)),
      });
      await cut;
      const content = await readFile(join(t.tmp, 'shrinking'));
      assert.equal(sha(content), got.sha256);
      assert.ok(content.length === 10 || content.length === 4_000_000);
      pod.dispose();
      await proxy.stop();
    });
  });

  describe('this side', () => {
    it('lacks the file, or has a folder there', async () => {
      await assert.rejects(t.pod.putFiles([{ source: { localPath: join(t.tmp, 'none') }, remotePath: at('l/none') }]), is('local-missing'));
      await assert.rejects(t.pod.putFiles([{ source: { localPath: t.tmp }, remotePath: at('l/none') }]), is('local-missing'));
      await assert.rejects(readdir(at('l')));
    });

    it('changes the file while it is sent', async () => {
      const proxy = await FaultProxy.start(t.practice.port, { bytesPerS: 3_000_000 });
      const pod = t.connect({ port: proxy.port, hostKeys: 'off' });
      const local = join(t.tmp, 'changing');
      await writeFile(local, Buffer.alloc(6_000_000, 1));
      let changed: Promise<void> | undefined;
      const sending = pod.putFiles([{ source: { localPath: local }, remotePath: at('changing') }], {
        onProgress: () => void (changed ??= writeFile(local, Buffer.alloc(6_000_000, 2))),
      });
      await assert.rejects(sending, is('local-failed', /changed while/));
      await changed;
      await assert.rejects(readFile(at('changing')));
      pod.dispose();
      await proxy.stop();
    });

    it('is asked for paths that cannot be', async () => {
      for (const remotePath of ['relative', '/', `${t.practice.workspace}/x/`, '/a\0b']) {
        await assert.rejects(t.pod.putFiles([{ source: { content: Buffer.alloc(1) }, remotePath }]), is('bad-argument'));
      }
      const twice = { source: { content: Buffer.alloc(1) }, remotePath: at('twice') };
      await assert.rejects(t.pod.putFiles([twice, twice]), is('bad-argument'));
    });

    it('writes nothing outside of the folder, whatever the pod calls its files', async () => {
      const inside = join(t.tmp, 'inside');
      await put(t.pod, 'evil/file', 'x');
      for (const path of ['../escape', 'a/../../escape', '/etc/escape', '', '.', 'a//b', 'a/./b']) {
        await assert.rejects(t.pod.getFiles(at('evil'), [path], inside), is('local-failed'));
      }
      await mkdir(inside, { recursive: true });
      await mkdir(join(t.tmp, 'outside'));
      await symlink(join(t.tmp, 'outside'), join(inside, 'link'));
      await put(t.pod, 'evil/link/deep/file', 'x');
      await assert.rejects(t.pod.getFiles(at('evil'), ['link/deep/file'], inside), is('local-failed', /leads out/));
      assert.deepEqual(await readdir(join(t.tmp, 'outside')), []);
      // A link in the place of the file itself is replaced, not written through.
      await writeFile(join(t.tmp, 'outside', 'kept'), 'kept');
      await symlink(join(t.tmp, 'outside', 'kept'), join(inside, 'file'));
      await t.pod.getFiles(at('evil'), ['file'], inside);
      assert.deepEqual(
        [await readFile(join(t.tmp, 'outside', 'kept'), 'utf8'), await readFile(join(inside, 'file'), 'utf8')],
        ['kept', 'x'],
      );
    });

    it('has no room, or a folder in the way', async () => {
      await put(t.pod, 'have', 'x');
      await mkdir(join(t.tmp, 'have'));
      await assert.rejects(t.pod.getFile(at('have'), join(t.tmp, 'have')), is('local-failed'));
      assert.deepEqual(await readdir(t.tmp), ['have']);
    });
  });
});
