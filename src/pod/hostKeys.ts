import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { writeAtomic } from '../project/atomicFile.ts';
import type { HostKeyPolicy } from './pod.ts';

/** What one server showed, or one line of known_hosts remembers. */
export interface HostKey {
  /** As on the wire: "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa". */
  readonly type: string;
  /** The public key blob (RFC 4253, 6.6). */
  readonly blob: Buffer;
}

/** `SHA256:…`, the form that `ssh`, `ssh-keygen -lf` and a pod's boot log print. */
export function fingerprintOf(key: HostKey): string {
  return `SHA256:${createHash('sha256').update(key.blob).digest('base64').replace(/=+$/, '')}`;
}

/** The key of a blob: its first field is its type. */
export function hostKeyOf(blob: Buffer): HostKey {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  return { type: blob.toString('latin1', 4, 4 + length), blob };
}

/** How a machine is called in known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): bare for port 22, else `[host]:port`. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** What the files remember of one machine. */
export interface KnownHost {
  readonly keys: readonly HostKey[];
  readonly revoked: readonly HostKey[];
}

/**
 * Looks a machine up. Our own file decides alone when it knows the machine, so that "trust the new key" can win over an
 * old line in the user's file, which is never written.
 */
export async function lookUpHost(knownHostsFile: string, name: string): Promise<KnownHost> {
  const own = parseKnownHosts(await readText(knownHostsFile), name);
  if (own.keys.length > 0) return own;
  const users = parseKnownHosts(await readText(join(homedir(), '.ssh', 'known_hosts')), name);
  return { keys: users.keys, revoked: [...own.revoked, ...users.revoked] };
}

/** The lines of a known_hosts text that speak of `name`: plain, wildcard, negated and hashed patterns. */
export function parseKnownHosts(text: string, name: string): KnownHost {
  const keys: HostKey[] = [];
  const revoked: HostKey[] = [];
  for (const line of text.split(/\r?\n/)) {
    const entry = parseLine(line);
    // Certificate authorities sign keys that ssh2 cannot ask for, so such a line says nothing about a plain key.
    if (!entry || entry.marker === '@cert-authority' || !matchesPatterns(entry.patterns, name)) continue;
    (entry.marker === '@revoked' ? revoked : keys).push(entry.key);
  }
  return { keys, revoked };
}

export type Verdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'new' }
  | { readonly kind: 'changed'; readonly remembered: readonly HostKey[] }
  | { readonly kind: 'revoked' };

/**
 * Compares what a server showed with what is remembered. A key of another type than the remembered ones counts as
 * changed: the remembered types are asked for first, so the server no longer has those keys.
 */
export function judgeHostKey(shown: HostKey, known: KnownHost): Verdict {
  if (known.revoked.some((key) => key.blob.equals(shown.blob))) return { kind: 'revoked' };
  if (known.keys.length === 0) return { kind: 'new' };
  return known.keys.some((key) => key.blob.equals(shown.blob)) ? { kind: 'known' } : { kind: 'changed', remembered: known.keys };
}

/** The error for a verdict under a policy, or undefined when the connection may go on. */
export function refusal(
  verdict: Verdict,
  policy: HostKeyPolicy,
  shown: HostKey,
  where: { readonly name: string; readonly address: string },
): UserError | undefined {
  const present = fingerprintOf(shown);
  switch (verdict.kind) {
    case 'known':
      return undefined;
    case 'new':
      if (policy !== 'strict') return undefined;
      return new UserError(
        'host-key-unknown',
        `The host key of ${where.address} is not known yet (${shown.type} ${present}), and host keys are checked strictly. ` +
          `Compare it with the fingerprint in the pod's boot log, then run \`rpo pods trust ${where.name}\`.`,
        { details: { address: where.address, fingerprint: present } },
      );
    case 'revoked':
      return new UserError(
        'host-key-changed',
        `${where.address} shows the host key ${present}, which is marked as revoked in known_hosts. Do not connect to it.`,
        {
          details: { address: where.address, fingerprint: present },
        },
      );
    case 'changed': {
      const remembered = verdict.remembered.map(fingerprintOf);
      return new UserError(
        'host-key-changed',
        `The host key of ${where.address} is not the one remembered. Remembered: ${remembered.join(', ')}. Shown now: ${present}. ` +
          'This is normal when the address now belongs to another pod, or the pod was recreated; otherwise somebody may be listening in. ' +
          `If you expected it, run \`rpo pods trust ${where.name}\`.`,
        { details: { address: where.address, fingerprint: present, remembered } },
      );
    }
  }
}

/** Remembers a key as one more line. One append call, so two processes cannot mix their lines. */
export async function rememberHostKey(knownHostsFile: string, name: string, key: HostKey): Promise<void> {
  await mkdir(dirname(knownHostsFile), { recursive: true, mode: 0o700 });
  await appendFile(knownHostsFile, `${name} ${key.type} ${key.blob.toString('base64')}\n`, { mode: 0o600 });
}

/** Makes `key` the only one remembered for a machine. */
export async function trustHostKey(knownHostsFile: string, name: string, key: HostKey): Promise<void> {
  await forgetHostKey(knownHostsFile, name);
  await rememberHostKey(knownHostsFile, name, key);
}

/** Drops what our file remembers of a machine; true when there was something. Lines that also name other machines lose only this name. */
export async function forgetHostKey(knownHostsFile: string, name: string): Promise<boolean> {
  const text = await readText(knownHostsFile);
  let found = false;
  const lines = text.split('\n').flatMap((line) => {
    const entry = parseLine(line);
    if (!entry || entry.marker || !matchesPatterns(entry.patterns, name)) return [line];
    found = true;
    const others = entry.patterns.filter((pattern) => !matchesPatterns([pattern], name));
    return others.length > 0 ? [`${others.join(',')} ${entry.key.type} ${entry.key.blob.toString('base64')}`] : [];
  });
  if (!found) return false;
  await writeAtomic(knownHostsFile, lines.join('\n'));
  return true;
}

interface Line {
  readonly marker: string | undefined;
  readonly patterns: readonly string[];
  readonly key: HostKey;
}

function parseLine(line: string): Line | undefined {
  const fields = line.trim().split(/\s+/);
  if (fields[0] === '' || fields[0]?.startsWith('#')) return undefined;
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  const [patterns, type, base64] = fields;
  if (!patterns || !type || !base64) return undefined;
  const blob = Buffer.from(base64, 'base64');
  return blob.length > 4 ? { marker, patterns: patterns.split(','), key: { type, blob } } : undefined;
}

function matchesPatterns(patterns: readonly string[], name: string): boolean {
  let matched = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!');
    if (!matchesPattern(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

function matchesPattern(pattern: string, name: string): boolean {
  // "|1|salt|hmac": HMAC-SHA1 of the name (HashKnownHosts).
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(pattern);
  if (hashed) {
    const expected = Buffer.from(hashed[2] ?? '', 'base64');
    const actual = createHmac('sha1', Buffer.from(hashed[1] ?? '', 'base64'))
      .update(name)
      .digest();
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }
  const source = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(name);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new UserError('local-failed', `The host keys in ${path} cannot be read: ${(error as Error).message}. Fix or remove that file.`, {
      cause: error,
    });
  }
}
