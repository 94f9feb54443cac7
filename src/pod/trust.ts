import { Client } from 'ssh2';
import { connectError } from './connectError.ts';
import { openStream } from './connection.ts';
import { fingerprintOf, hostKeyOf, type HostKey } from './hostKeys.ts';
import type { PodOptions } from './pod.ts';

/**
 * The host key that a machine shows now, without trusting it and without logging in: the handshake ends when it was seen.
 * `trustHostKey` in hostKeys.ts remembers it.
 *
 * @throws what connecting throws before there is a key: 'unreachable', 'cancelled', ...
 */
export async function fetchHostKey(options: PodOptions, signal?: AbortSignal): Promise<HostKey & { readonly fingerprint: string }> {
  const attempt = {
    host: options.host,
    port: options.port ?? 22,
    user: options.user ?? 'root',
    timeoutMs: options.connectTimeoutMs ?? 15_000,
    offered: [],
  };
  const { stream, close } = await openStream(options, attempt, signal);
  const client = new Client();
  try {
    const key = await new Promise<HostKey>((resolve, reject) => {
      client.on('error', reject).on('close', () => reject(Object.assign(new Error('Closed'), { code: 'ECONNRESET' })));
      client.connect({
        sock: stream,
        username: attempt.user,
        readyTimeout: attempt.timeoutMs,
        hostVerifier: (blob: Buffer) => {
          resolve(hostKeyOf(blob));
          return false;
        },
      });
    });
    return { ...key, fingerprint: fingerprintOf(key) };
  } catch (error) {
    throw connectError(error, attempt);
  } finally {
    client.on('error', () => {}); // the refused key, once more
    client.destroy();
    close();
  }
}
