import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUserError } from '../../src/core/errors.ts';
import { ChannelPool } from '../../src/pod/channelPool.ts';
import { exec } from '../../src/pod/exec.ts';
import { Link } from '../../src/pod/link.ts';
import { putFiles } from '../../src/pod/putFiles.ts';
import { mounted } from './support/mounted.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { usePod } from './support/pod.ts';

describe('a large file, before the pod has said that it is wanted', function () {
  this.timeout(60_000);
  const t = usePod();
  const content = randomBytes(30_000_001);
  const megabyte = 1024 * 1024;

  /** A pool that has seen the line carry 4 MB in a round trip of 40 ms, with all its sessions waiting. */
  async function withPool(run: (pool: ChannelPool, proxy: FaultProxy, link: Link) => Promise<void>): Promise<void> {
    const proxy = await FaultProxy.start(t.practice.port, { roundTripMs: 40 });
    const link = new Link({ ...t.practice.podOptions, port: proxy.port, hostKeys: 'off' }, 'practice');
    const pool = new ChannelPool(link, () => {}, 5);
    try {
      for (let request = 0; request < 2; request++) await exec(pool, 'true');
      while (pool.readyCount < 5) await delay(10);
      pool.upBytesPerMs = (4 * megabyte) / pool.roundTripMs + 1;
      await run(pool, proxy, link);
    } finally {
      pool.dispose();
      link.dispose();
      await proxy.stop();
    }
  }
  const local = async () => {
    await writeFile(join(t.tmp, 'model.ckpt'), content);
    return { localPath: join(t.tmp, 'model.ckpt') };
  };

  it('is on its way as far as the line carries in that time', () =>
    withPool(async (pool, _, link) => {
      let sentBytes = 0;
      let sentBefore = NaN;
      const protocol = ((await link.get()).client as unknown as { readonly _protocol: Protocol })._protocol;
      const { channelData } = protocol;
      protocol.channelData = function (id, data) {
        sentBytes += data.length;
        channelData.call(this, id, data);
      };
      const { CHANNEL_DATA: onData } = protocol._handlers;
      protocol._handlers.CHANNEL_DATA = (...args) => {
        if (String(args[2]).includes('rpo-part')) sentBefore = sentBytes;
        onData(...args);
      };
      const remotePath = join(t.practice.workspace, 'new/model.ckpt');
      const [put] = await putFiles(pool, [{ source: await local(), remotePath }]);
      assert.ok(put?.changed);
      assert.ok((await readFile(remotePath)).equals(content));
      assert.deepEqual(await readdir(join(t.practice.workspace, 'new')), ['model.ckpt']);
      assert.ok(sentBefore > 3 * megabyte && sentBefore < 5 * megabyte, `${sentBefore} bytes`);
    }));

  it('is not written where it lies already, nor sent to its end', () =>
    withPool(async (pool, proxy) => {
      const folder = join(t.practice.workspace, 'there');
      await mkdir(folder);
      await writeFile(join(folder, 'model.ckpt'), content);
      const before = proxy.carried.up;
      const [put] = await putFiles(pool, [{ source: await local(), remotePath: join(folder, 'model.ckpt') }]);
      assert.equal(put?.changed, false);
      assert.ok(proxy.carried.up - before < 6 * megabyte, `${proxy.carried.up - before} bytes`);
      assert.deepEqual(await readdir(folder), ['model.ckpt']);
    }));

  it('is not called corrupt when the line broke after it was in place and before that was told', () =>
    withPool(async (pool, proxy) => {
      const folder = join(t.practice.workspace, 'told');
      const remotePath = join(folder, 'model.ckpt');
      const putting = putFiles(pool, [{ source: await local(), remotePath }], {
        onProgress: ({ bytesDone }) => {
          if (bytesDone > content.length - 3 * megabyte && proxy.carried.connections === 1) proxy.line.holdDown = true;
        },
      });
      putting.catch(() => {}); // awaited below
      for (let round = 0; round < 1000 && !existsSync(remotePath); round++) await delay(10);
      proxy.cut();
      proxy.line.holdDown = false;
      // Lost after all of it was known to have arrived, it says that it may be in place.
      await putting.catch((error: unknown) => assert.ok(isUserError(error, 'connection-lost'), String(error)));
      assert.ok((await readFile(remotePath)).equals(content));
      assert.deepEqual(await readdir(folder), ['model.ckpt']);
    }));

  it('goes on where a part of it lies already', () =>
    withPool(async (pool, proxy) => {
      const remotePath = join(t.practice.workspace, 'half/model.ckpt');
      const file = { source: await local(), remotePath };
      const stop = new AbortController();
      proxy.line.bytesPerS = 20_000_000;
      const sending = putFiles(pool, [file], {
        signal: stop.signal,
        onProgress: ({ bytesDone }) => bytesDone > 3 * megabyte && stop.abort(),
      });
      await assert.rejects(sending, (error) => isUserError(error, 'cancelled'));
      while (pool.readyCount < 5) await delay(10);
      const before = proxy.carried.up;
      await putFiles(pool, [file]);
      assert.ok((await readFile(remotePath)).equals(content));
      assert.ok(proxy.carried.up - before < 27 * megabyte, `${proxy.carried.up - before} bytes`);
      assert.deepEqual(await readdir(join(t.practice.workspace, 'half')), ['model.ckpt']);
    }));

  it('is not begun where it does not fit', async function () {
    const folder = join(t.practice.workspace, 'disk');
    await mounted(this, folder, 'size=21m', async () => {
      await withPool(async (pool) => {
        let told = 0;
        const sending = putFiles(pool, [{ source: await local(), remotePath: join(folder, 'model.ckpt') }], { onProgress: () => told++ });
        await assert.rejects(sending, (error) => isUserError(error, 'remote-full'));
        assert.equal(told, 0);
        assert.deepEqual(await readdir(folder), []);
      });
    });
  });
});

/** What of ssh2 sends and receives. */
interface Protocol {
  channelData(id: number, data: Buffer): void;
  readonly _handlers: { CHANNEL_DATA: (...args: unknown[]) => void };
}
