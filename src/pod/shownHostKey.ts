import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { openConnection } from './connection.ts';
import { fingerprintOf, knownHostName, lookUpHost, trustHostKey } from './hostKeys.ts';
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
  trust(): Promise<void>;
}

/**
 * Asks a machine for its host key without trusting it: a connection under a name that nothing is remembered of, so that
 * the key is written down in a file of its own, whatever happens afterwards.
 *
 * @throws what connecting throws before there is a key: 'unreachable', 'cancelled', ...
 */
export async function shownHostKey(options: PodOptions, signal?: AbortSignal): Promise<ShownHostKey> {
  const port = options.port ?? 22;
  const hostName = options.hostKeyAlias ?? knownHostName(options.host, port);
  const folder = await mkdtemp(join(tmpdir(), 'rpo-key-'));
  try {
    const file = join(folder, 'known_hosts');
    const alias = `shown-${randomBytes(8).toString('hex')}`;
    let failure: unknown;
    try {
      const connection = await openConnection({ ...options, hostKeys: 'accept-new', hostKeyAlias: alias, knownHostsFile: file }, signal);
      connection.end();
    } catch (error) {
      failure = error;
    }
    const [key] = (await lookUpHost(file, alias)).keys;
    if (!key) throw failure ?? new UserError('unreachable', `${options.host}:${port} showed no host key. Check that it is an SSH server.`);
    const known = await lookUpHost(options.knownHostsFile, hostName);
    return {
      address: `${options.host}:${port}`,
      type: key.type,
      fingerprint: fingerprintOf(key),
      remembered: known.keys.map(fingerprintOf),
      trust: () => trustHostKey(options.knownHostsFile, hostName, key),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
