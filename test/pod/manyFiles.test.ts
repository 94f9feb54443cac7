import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUserError } from '../../src/core/errors.ts';
import type { SshPod } from '../../src/pod/connect.ts';
import type { PutFile } from '../../src/pod/pod.ts';
import type { PracticePod } from '../../src/practice/practicePod.ts';
import { FaultProxy, seededRandom } from './support/faultProxy.ts';
import { common, pathOf, which } from './support/fewTools.ts';
import { withPod } from './support/pod.ts';
import { remainsIn } from './support/remains.ts';

describe('many files over a long way', function () {
  this.timeout(60_000);

  const text = (index: number) => Buffer.from(`line ${index} of some text\n`.repeat(4_000));
  interface Far {
    readonly pod: SshPod;
    readonly proxy: FaultProxy;
    readonly practice: PracticePod;
    readonly put: () => Promise<readonly PutFile[]>;
    readonly there: (index: number) => string;
  }

  /** Sixty files of 80 to 100 KB, 40 ms away. */
  async function far(
    run: (far: Far) => Promise<void>,
    options: { readonly lacks?: string; readonly tar?: string; readonly bytesPerS?: number } = {},
  ): Promise<void> {
    await withPod({}, async ({ practice, connect }) => {
      if (options.lacks !== undefined || options.tar !== undefined) {
        const bin = join(practice.folder, 'few');
        const tools = [...common, 'tar', 'gzip', 'openssl', 'xargs'].filter((name) => name !== options.lacks);
        await pathOf(bin, Object.fromEntries(tools.map((name) => [name, which(name)])));
        if (options.tar !== undefined) {
          await rm(join(bin, 'tar'));
          await writeFile(join(bin, 'tar'), options.tar);
          await chmod(join(bin, 'tar'), 0o755);
        }
        await practice.restart({ environment: { PATH: bin } });
      }
      const proxy = await FaultProxy.start(practice.port, { roundTripMs: 40, bytesPerS: options.bytesPerS ?? 0 });
      const pod = connect({ port: proxy.port, hostKeys: 'off' });
      const there = (index: number) => join(practice.workspace, `text/${index % 7}/${index}`);
      let last = 0;
      const put = async () => {
        const sent = await pod.putFiles(
          Array.from({ length: 60 }, (_, index) => ({ source: { content: text(index) }, remotePath: there(index) })),
          { onProgress: ({ bytesDone, bytesTotal }) => assert.ok((last = bytesDone) <= bytesTotal) },
        );
        assert.equal(
          last,
          sent.reduce((sum, file) => sum + file.bytes, 0),
        );
        for (const index of [0, 30, 59]) assert.ok((await readFile(there(index))).equals(text(index)));
        const remains = (await readdir(practice.workspace, { recursive: true })).filter((path) => path.includes('.rpo-'));
        assert.deepEqual(remains, []);
        return sent;
      };
      try {
        await pod.connect();
        // The sessions that wait for requests are opened in the background.
        await pod.exec('true');
        await proxy.whenQuiet();
        await run({ pod, proxy, practice, put, there });
      } finally {
        pod.dispose();
        await proxy.stop();
      }
    });
  }

  it('go over several sessions at once', () =>
    far(
      async ({ put, proxy, practice }) => {
        const told = new Set<string>();
        const putting = put().finally(() => told.add('over'));
        while (!told.has('over')) {
          const paths = await readdir(practice.workspace, { recursive: true }).catch(() => []);
          for (const path of paths) told.add(/\.lanes\/(\w+)$/.exec(path)?.[1] ?? '');
          await delay(5);
        }
        await putting;
        // The sign to begin, and those of lanes that are done before the first one.
        assert.ok(told.has('open') && told.has('1'), [...told].join(' '));
        assert.equal(proxy.carried.connections, 1);
      },
      { bytesPerS: 1_000_000 },
    ));

  it('are put when there is nothing in them, too', () =>
    far(async ({ pod, practice }) => {
      const files = ['a/__init__.py', 'b/__init__.py'].map((path) => ({
        source: { content: Buffer.alloc(0) },
        remotePath: join(practice.workspace, path),
      }));
      await pod.putFiles(files);
      for (const { remotePath } of files) assert.equal((await readFile(remotePath)).length, 0);
    }));

  it('are compressed when the line is slower than that', () =>
    far(
      async ({ put, proxy }) => {
        const bytes = (await put()).reduce((sum, file) => sum + file.bytes, 0);
        assert.ok(proxy.carried.up < 0.6 * bytes, `${proxy.carried.up} bytes were sent for ${bytes}`);
      },
      { bytesPerS: 4_000_000 },
    ));

  it('go as they are when the pod has no gzip', () =>
    far(
      async ({ put, proxy }) => {
        const bytes = (await put()).reduce((sum, file) => sum + file.bytes, 0);
        assert.ok(proxy.carried.up > bytes, `${proxy.carried.up} bytes were sent for ${bytes}`);
      },
      { lacks: 'gzip' },
    ));

  it('leave nothing behind when one of them may not be written, and say why', () =>
    far(async ({ pod, practice, there }) => {
      await mkdir(there(59), { recursive: true });
      const files = Array.from({ length: 60 }, (_, index) => ({ source: { content: text(index) }, remotePath: there(index) }));
      await assert.rejects(
        pod.putFiles(files),
        (error) => isUserError(error, 'remote-failed') && /folder of that name/.test(error.message),
      );
      const found = await readdir(practice.workspace, { recursive: true, withFileTypes: true });
      assert.deepEqual(
        found.filter((entry) => entry.isFile() || entry.name.startsWith('.rpo-')).map(({ name }) => name),
        [],
      );
    }));

  it('are placed as one tree where nothing is, and one by one where something turns out to be', () =>
    far(async ({ put, practice, there }) => {
      await put();
      // All of it moved in by its topmost name: nothing of the set was renamed by itself.
      assert.deepEqual(await readdir(practice.workspace), ['text']);
      await writeFile(there(7), 'of somebody else');
      await rm(there(8));
      await put();
    }));

  it('are not put in place when one of them arrived otherwise', () =>
    far(
      async ({ put, practice }) => {
        await assert.rejects(put(), (error) => isUserError(error, 'transfer-corrupt'));
        assert.deepEqual(await readdir(practice.workspace), []);
      },
      // A disk that returns other bytes than were written. The folder is tar's fourth argument.
      { tar: `#!/bin/sh\n${which('tar')} "$@" && if [ -f "$4/5/33" ]; then echo x >>"$4/5/33"; fi\n` },
    ));

  it('come home over several sessions, all or none', () =>
    far(async ({ pod, put, practice, proxy }) => {
      await put();
      const more = Array.from({ length: 240 }, (_, index) => ({
        source: { content: text(index) },
        remotePath: join(practice.workspace, `text/more/${index}`),
      }));
      await pod.putFiles(more);
      await proxy.whenQuiet();
      const paths = [
        ...Array.from({ length: 60 }, (_, index) => `${index % 7}/${index}`),
        ...Array.from({ length: 240 }, (_, index) => `more/${index}`),
      ];
      const back = join(practice.folder, 'back');
      let last = { bytesDone: 0, bytesTotal: 0 };
      const got = await pod.getFiles(join(practice.workspace, 'text'), paths, back, { onProgress: (progress) => (last = progress) });
      assert.deepEqual(
        got.map(({ localPath }) => localPath),
        paths.map((path) => join(back, path)),
      );
      for (const path of paths) assert.ok((await readFile(join(back, path))).equals(text(Number(path.split('/').at(-1)))), path);
      assert.equal(last.bytesDone, last.bytesTotal);
      assert.equal(proxy.carried.connections, 1);
      // One of them has no place here.
      const again = join(practice.folder, 'again');
      await mkdir(join(again, 'more/200'), { recursive: true });
      await assert.rejects(pod.getFiles(join(practice.workspace, 'text'), paths, again), (error) => isUserError(error, 'local-failed'));
      const remains = (await readdir(again, { recursive: true })).filter((path) => path.includes('.rpo-'));
      assert.deepEqual(remains, []);
    }));

  it('are all in place or none, wherever the line is cut', () =>
    far(async ({ pod, proxy, practice, there }) => {
      const random = seededRandom(7);
      for (let round = 0; round < 12; round++) {
        const content = (index: number) => Buffer.from(`round ${round}, ${index}: `.padEnd(80_000, 'x'));
        const files = Array.from({ length: 60 }, (_, index) => ({ source: { content: content(index) }, remotePath: there(index) }));
        // Each connection counts for itself.
        proxy.cut();
        while ((await pod.exec('true').catch(() => null)) === null) await delay(100);
        await delay(500);
        proxy.line.cutAfterUp = 20_000 + Math.floor(random() * 4_800_000);
        await pod.putFiles(files).catch((error: unknown) => assert.ok(isUserError(error, 'connection-lost'), String(error)));
        proxy.line.cutAfterUp = Infinity;
        let remains: readonly string[] = [];
        for (let tries = 0; tries < 200; tries++) {
          remains = await remainsIn(practice.workspace);
          if (remains.length === 0) break;
          await delay(100);
        }
        assert.deepEqual(remains, []);
        const rounds = await Promise.all(
          files.map(({ remotePath }) =>
            readFile(remotePath, 'utf8').then(
              (text) => text.split(',')[0],
              () => 'none',
            ),
          ),
        );
        assert.equal(new Set(rounds).size, 1, rounds.join(' '));
      }
    })).timeout(180_000);
});
