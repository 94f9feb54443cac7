import { Client } from 'ssh2';
import { connectError } from './connectError.ts';
import { openStream } from './connection.ts';
import { fingerprintOf, hostKeyOf, knownHostName, lookUpHost, trustHostKey, type HostKey } from './hostKeys.ts';
import type { PodOptions } from './pod.ts';

/** The host key that a machine shows now, for a person to judge. */
export interface ShownHostKey {
  /** `host:port` */
  readonly address: string;
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** Fingerprints of what was remembered so far. */
  readonly remembered: readonly string[];
  /** Makes exactly this key the one that is remembered. */
  readonly trust: () => Promise<void>;
}

/**
 * Asks a machine for its host key without trusting it and without logging in: the handshake ends when the key was seen.
 *
 * @throws what connecting throws before there is a key: 'unreachable', 'cancelled', ...
 */
export async function shownHostKey(options: PodOptions, signal?: AbortSignal): Promise<ShownHostKey> {
  const port = options.port ?? 22;
  const hostName = options.hostKeyAlias ?? knownHostName(options.host, port);
  const key = await fetchKey(options, signal);
  const known = await lookUpHost(options.knownHostsFile, hostName);
  return {
    address: `${options.host}:${port}`,
    type: key.type,
    fingerprint: fingerprintOf(key),
    remembered: known.keys.map(fingerprintOf),
    trust: () => trustHostKey(options.knownHostsFile, hostName, key),
  };
}

async function fetchKey(options: PodOptions, signal?: AbortSignal): Promise<HostKey> {
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
    return await new Promise<HostKey>((resolve, reject) => {
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
  } catch (error) {
    throw connectError(error, attempt);
  } finally {
    client.on('error', () => {}); // the refused key, once more
    client.destroy();
    close();
  }
}
