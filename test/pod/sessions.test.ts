import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ChannelPool } from '../../src/pod/channelPool.ts';
import { SessionRefused } from '../../src/pod/connection.ts';
import { exec } from '../../src/pod/exec.ts';
import { Link } from '../../src/pod/link.ts';
import { startRequest } from '../../src/pod/request.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { usePod, withPod } from './support/pod.ts';

/** What of ssh2 sends and receives; spied on, since the order of messages is what these tests are about. */
interface Protocol {
  channelWindowAdjust(id: number, bytes: number): void;
  channelData(id: number, data: Buffer): void;
  readonly _handlers: { CHANNEL_SUCCESS: (...args: unknown[]) => void };
}

describe('sessions', function () {
  this.timeout(30_000);
  const t = usePod();
  const withPool = async (parked: number, run: (pool: ChannelPool, link: Link) => Promise<void>, port = t.practice.port) => {
    const link = new Link({ ...t.practice.podOptions, port, hostKeys: 'off' }, 'practice');
    const pool = new ChannelPool(link, () => {}, parked);
    try {
      await run(pool, link);
    } finally {
      pool.dispose();
      link.dispose();
    }
  };
  const protocolOf = async (link: Link) => ((await link.get()).client as unknown as { readonly _protocol: Protocol })._protocol;

  it('that are opened for a request are sent it before the server says that anything runs there', () =>
    withPool(0, async (pool, link) => {
      const protocol = await protocolOf(link);
      const order: string[] = [];
      const { channelData } = protocol;
      protocol.channelData = function (id, data) {
        for (const mark of ['the request', 'its stdin']) if (data.includes(mark)) order.push(mark);
        channelData.call(this, id, data);
      };
      const { CHANNEL_SUCCESS: onSuccess } = protocol._handlers;
      protocol._handlers.CHANNEL_SUCCESS = (...args) => {
        order.push('started');
        onSuccess(...args);
      };
      const { stdout, stderr, exitCode } = await exec(pool, 'cat; echo the request >&2; exit 3', { stdin: 'its stdin' });
      assert.deepEqual([stdout, stderr, exitCode], ['its stdin', 'the request\n', 3]);
      assert.deepEqual(order, ['the request', 'its stdin', 'started']);
    }));

  it('drop what login scripts say, and nothing of what the request says', () =>
    withPod({}, async ({ practice, connect }) => {
      await writeFile(join(practice.folder, 'home', '.bashrc'), 'echo out; echo err >&2\n');
      const pod = connect({ warmSessions: 0 });
      try {
        for (let round = 0; round < 5; round++) {
          const { stdout, stderr } = await pod.exec('echo 1; echo 2 >&2; head -c 300000 /dev/zero | tr "\\0" x; echo 3 >&2');
          assert.equal(stdout, `1\n${'x'.repeat(300_000)}`);
          assert.equal(stderr, '2\n3\n');
        }
      } finally {
        pod.dispose();
      }
    }));

  it('wait for requests again after all of them were needed at once', () =>
    withPool(5, async (pool) => {
      await exec(pool, 'true'); // the first is followed by few
      await Promise.all(Array.from({ length: 10 }, () => exec(pool, 'sleep 0.3')));
      while (pool.readyCount < 5) await delay(10);
    }));

  it('are asked for again when the pod, busy with the end of others, had refused them', () =>
    withPool(5, async (pool, link) => {
      const connection = await link.get();
      await exec(pool, 'true');
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          await exec(pool, 'sleep 0.3');
          connection.openSessionEarly = () => {
            Reflect.deleteProperty(connection, 'openSessionEarly');
            return Promise.reject(new SessionRefused('open failed'));
          };
        }),
      );
      while (pool.readyCount < 5) await delay(10);
    }));

  it('are not parked while a large file goes its way, and are afterwards', () =>
    withPool(2, async (pool, link) => {
      const connection = await link.get();
      await exec(pool, 'true');
      while (pool.readyCount < 2) await delay(10);
      await pool.during(async () => {
        const before = connection.sessionsOpen;
        for (let request = 0; request < 2; request++) await exec(pool, 'true');
        await delay(100);
        assert.deepEqual([connection.sessionsOpen, pool.readyCount], [before - 2, 0]);
      });
      while (pool.readyCount < 2) await delay(10);
    }));

  it('are granted more of their output long before half of a window is used, where the way is long', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { roundTripMs: 20 });
    await withPool(
      0,
      async (pool, link) => {
        const protocol = await protocolOf(link);
        let grants = 0;
        const { channelWindowAdjust } = protocol;
        protocol.channelWindowAdjust = function (id, bytes) {
          grants++;
          channelWindowAdjust.call(this, id, bytes);
        };
        await exec(pool, 'head -c 4000000 /dev/zero', { onStdout: () => {}, discardOutput: true });
        assert.ok(grants > 10, `${grants} grants`);
      },
      proxy.port,
    );
    await proxy.stop();
  });

  it('and no more than somebody who is slow to read can have in memory', async () => {
    const proxy = await FaultProxy.start(t.practice.port, { roundTripMs: 20 });
    await withPool(
      0,
      async (pool) => {
        await exec(pool, 'true');
        const { stdout, stderr, terminate } = await startRequest(pool, 'head -c 300000000 /dev/zero');
        stderr.resume();
        let readBytes = 0;
        let mostWaiting = 0;
        await new Promise<void>((resolve) => {
          stdout.on('data', ({ length }: Buffer) => {
            readBytes += length;
            mostWaiting = Math.max(mostWaiting, stdout.readableLength);
            if (readBytes > 8_000_000) return resolve();
            stdout.pause();
            setTimeout(() => stdout.resume(), 5);
          });
          stdout.resume();
        });
        await terminate();
        assert.ok(mostWaiting < 6_000_000, `${mostWaiting} bytes`);
      },
      proxy.port,
    );
    await proxy.stop();
  });
});
