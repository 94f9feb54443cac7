import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Client, Server, utils, type ClientChannel, type Connection, type ServerChannel } from 'ssh2';
import { hastenAesGcm } from '../../../src/pod/aesGcm.ts';
import { openSharedReads } from '../../../src/pod/sharedReads.ts';

const algorithms = { cipher: ['aes128-gcm@openssh.com'] as 'aes128-gcm@openssh.com'[] };
const hostKey = utils.generateKeyPairSync('ed25519').private;

/** ssh2 speaks to itself: one side as it is, the other hastened. The server echoes. */
async function withEcho(
  work: (client: Client, echo: (content: Buffer) => Promise<Buffer>, newKeys: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const taken: Connection[] = [];
  const server = new Server({ hostKeys: [hostKey], algorithms }, (connection) => {
    taken.push(connection);
    connection.on('error', () => {});
    connection.on('authentication', (context) => context.accept());
    connection.on('session', (accept) =>
      accept().on('exec', (begin) => {
        const channel: ServerChannel = begin();
        channel.pipe(channel);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { socket, share } = openSharedReads('127.0.0.1', (server.address() as AddressInfo).port);
  await once(socket, 'connect');
  const client = new Client();
  client.connect({ sock: socket, username: 'someone', algorithms });
  await once(client, 'ready');
  hastenAesGcm(client, socket, share);
  const echo = async (content: Buffer) => {
    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.exec('echo', (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    const got: Buffer[] = [];
    channel.on('data', (chunk: Buffer) => got.push(chunk));
    channel.end(content);
    await once(channel, 'end');
    return Buffer.concat(got);
  };
  try {
    await work(client, echo, () => new Promise((resolve) => taken[0]?.rekey(() => resolve())));
  } finally {
    client.destroy();
    server.close();
  }
}

describe('AES-GCM, hastened', () => {
  it('is understood by ssh2 as it is, and understands it - packets of every size, whole and in pieces', async () => {
    await withEcho(async (_, echo) => {
      for (const bytes of [1, 2, 15, 16, 17, 31, 32, 33, 4096, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 3_000_001]) {
        const content = randomBytes(bytes);
        assert.ok((await echo(content)).equals(content), `${bytes} bytes`);
      }
    });
  });

  it('holds after new keys were agreed on while much is under way', async () => {
    await withEcho(async (client, echo, newKeys) => {
      const slow = (client as unknown as { readonly _protocol: { readonly _cipher: object } })._protocol._cipher;
      const content = randomBytes(5_000_000);
      const echoed = [echo(content), echo(content)];
      await newKeys();
      for (const got of await Promise.all(echoed)) assert.ok(got.equals(content));
      const now = (client as unknown as { readonly _protocol: { readonly _cipher: object } })._protocol._cipher;
      assert.notEqual(now, slow);
      assert.ok(Object.hasOwn(now, 'encrypt'), 'the new one is hastened as well');
      assert.ok((await echo(content)).equals(content));
    });
  });

  it('ends the connection when a single bit of what came is another', async () => {
    await withEcho(async (client, echo) => {
      const { _decipher } = (
        client as unknown as { readonly _protocol: { readonly _decipher: { decrypt: (data: Buffer, ...more: number[]) => unknown } } }
      )._protocol;
      const { decrypt } = _decipher;
      let intact: Buffer | undefined;
      _decipher.decrypt = (data, ...more) => {
        intact ??= Buffer.from(data);
        data[data.length - 20] = (data[data.length - 20] ?? 0) ^ 1;
        return decrypt(data, ...more);
      };
      const failed = once(client, 'error');
      echo(randomBytes(1000)).catch(() => {});
      const [error] = (await failed) as [Error];
      assert.match(error.message, /authenticate|Bad packet length/);
      assert.ok(intact);
      assert.throws(() => decrypt(intact!, 0, intact!.length), error, 'nor is the right one read after it');
    });
  });
});
