import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { isUserError, messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { timeSpan } from '../core/timeSpan.ts';
import { proxyError } from './connect.ts';
import { connectError } from './connectError.ts';
import { type Connection, openConnection } from './connection.ts';
import { fingerprintOf, type HostKey, type Verdict } from './hostKeys.ts';
import type { PodOptions } from './pod.ts';

const titles = {
  dns: 'Name',
  tcp: 'TCP connection',
  banner: 'SSH banner',
  kex: 'Key exchange',
  'host-key': 'Host key',
  auth: 'Authentication',
  session: 'Session',
} as const;

export type StepId = keyof typeof titles;

/** One step of connecting, in the order in which they happen. */
export interface Step {
  readonly id: StepId;
  readonly title: string;
  /** `skipped`: it was not needed, or an earlier step failed. */
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly seen: string;
  /** What to do; null unless it failed. */
  readonly advice: string | null;
  readonly milliseconds: number | null;
}

export interface Diagnosis {
  /** `host:port` */
  readonly address: string;
  readonly ok: boolean;
  readonly steps: readonly Step[];
}

/** As much is read while a banner is looked for; RFC 4253, 4.2, allows other lines before it. */
const longestGreetingBytes = 8 * 1024;

/**
 * Connects step by step and tells what each came to. It uses what every other call does, so that what passes here works
 * there; a new host key is remembered as by any connection.
 *
 * @throws UserError 'cancelled'; all else is an answer
 */
export async function diagnose(options: PodOptions, signal?: AbortSignal): Promise<Diagnosis> {
  const { host, port = 22 } = options;
  const steps = new Steps();
  let connection: Connection | undefined;
  try {
    await lookUp(options, steps);
    throwIfCancelled(signal, 'The test of the connection');
    connection = await openConnection(options, signal, {
      onStream: async (stream) => {
        steps.pass(options.jump ? `open, through the jump host ${options.jump.host}` : 'open');
        steps.pass(await readBanner(stream, options, signal));
      },
      onHostKey: (key, verdict) => {
        steps.pass('done');
        steps.note(hostKeySeen(key, verdict));
      },
      onHandshake: ({ kex, cs }) => {
        steps.amend('kex', `${kex}, ${cs.cipher}`);
        steps.pass();
      },
      onOffer: (label) => steps.note(label === '' ? 'no key' : `with ${label}`),
    });
    steps.pass();
    const proxy = proxyError(host);
    if (proxy) throw proxy;
    await runCommand(connection, options.connectTimeoutMs ?? 15_000);
    steps.pass('runs commands');
  } catch (error) {
    if (signal?.aborted || isUserError(error, 'cancelled')) throw error;
    steps.fail(error);
  } finally {
    connection?.end();
  }
  return { address: `${host}:${port}`, ok: steps.all.every(({ status }) => status !== 'failed'), steps: steps.all };
}

/** What is known of each step; the first that is not decided is the one that is under way. */
class Steps {
  private readonly done: Step[] = [];
  private begunMs = performance.now();
  private noted = '';

  /** The rest is skipped once one has failed. */
  get all(): readonly Step[] {
    const left = Object.keys(titles).slice(this.done.length) as StepId[];
    return [...this.done, ...left.map((id) => step(id, 'skipped', 'not reached', null, null))];
  }

  pass(seen?: string): void {
    this.add('passed', seen ?? this.noted, null);
  }

  skip(seen: string): void {
    this.add('skipped', seen, null);
  }

  /** What was seen so far of the step that is under way. */
  note(seen: string): void {
    this.noted = seen;
  }

  /** More became known of a step that has passed. */
  amend(id: StepId, seen: string): void {
    const index = this.done.findIndex((one) => one.id === id);
    const before = this.done[index];
    if (before) this.done[index] = { ...before, seen };
  }

  fail(error: unknown): void {
    // Our sentences say what happened, and then what to do.
    const [, seen, advice] = /^(.+?[.!?])\s+(?=["`A-Z])(.+)$/s.exec(messageOf(error)) ?? [];
    this.add('failed', seen ?? messageOf(error), advice ?? 'Try again; `RPO_DEBUG=1` shows more.');
  }

  private add(status: Step['status'], seen: string, advice: string | null): void {
    const id = (Object.keys(titles) as StepId[])[this.done.length];
    if (id === undefined) return;
    const now = performance.now();
    this.done.push(step(id, status, seen, advice, status === 'skipped' ? null : Math.round(now - this.begunMs)));
    this.begunMs = now;
    this.noted = '';
  }
}

function step(id: StepId, status: Step['status'], seen: string, advice: string | null, milliseconds: number | null): Step {
  return { id, title: titles[id], status, seen, advice, milliseconds };
}

async function lookUp({ host, port = 22, user = 'root', jump, connectTimeoutMs = 15_000 }: PodOptions, steps: Steps): Promise<void> {
  if (jump) return steps.skip(`looked up by the jump host ${jump.host}`);
  if (isIP(host) !== 0) return steps.skip(`${host} is an address`);
  const addresses = await lookup(host, { all: true }).catch((error: unknown) => {
    throw connectError(error, { host, port, user, timeoutMs: connectTimeoutMs, offered: [] });
  });
  return steps.pass(`${host} is ${addresses.map(({ address }) => address).join(', ')}`);
}

/** Reads as far as the server's identification, and gives all of it back for the handshake. */
async function readBanner(stream: Duplex, options: PodOptions, signal: AbortSignal | undefined): Promise<string> {
  const timeoutMs = options.connectTimeoutMs ?? 15_000;
  const address = `${options.host}:${options.port ?? 22}`;
  let text = Buffer.alloc(0);
  try {
    return await new Promise<string>((resolve, reject) => {
      const refuse = (seen: string) =>
        reject(new UserError('unreachable', `${seen} Check that the port is the one mapped to 22 and not an HTTP port of the pod.`));
      const finish = (then: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onEnd);
        then();
      };
      const onReadable = () => {
        for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null)
          text = Buffer.concat([text, chunk]);
        const banner = /^SSH-[^\r\n]*(?=\r?\n)/m.exec(text.toString('latin1'))?.[0];
        if (banner !== undefined) finish(() => resolve(banner.slice(0, 255)));
        else if (text.length > longestGreetingBytes || /^HTTP\//.test(text.toString('latin1')))
          finish(() => refuse(`What answers at ${address} is not an SSH server: it says ${JSON.stringify(firstLine(text))}.`));
      };
      const onEnd = () =>
        finish(() =>
          refuse(`${address} hung up without a word of SSH${text.length > 0 ? `, after ${JSON.stringify(firstLine(text))}` : ''}.`),
        );
      const onAbort = () => finish(() => reject(new UserError('cancelled', 'The test of the connection was cancelled.')));
      const timer = setTimeout(
        () => finish(() => refuse(`${address} takes connections, but said nothing like SSH for ${timeSpan(timeoutMs)}.`)),
        timeoutMs,
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      stream.on('readable', onReadable).once('end', onEnd).once('close', onEnd).once('error', onEnd);
    });
  } finally {
    if (text.length > 0 && !stream.readableEnded && !stream.destroyed) stream.unshift(text);
  }
}

function firstLine(text: Buffer): string {
  return text.toString('latin1').split(/\r?\n/)[0]?.slice(0, 80) ?? '';
}

function hostKeySeen(key: HostKey, verdict: Verdict | null): string {
  const how = verdict === null ? 'not checked' : verdict.kind === 'new' ? 'new, remembered from now on' : verdict.kind;
  return `${key.type} ${fingerprintOf(key)}, ${how}`;
}

/** A machine may let one in and run nothing. */
async function runCommand(connection: Connection, timeoutMs: number): Promise<void> {
  const cannot = (why: string) =>
    new UserError(
      'unsupported',
      `${connection.name} runs no commands: ${why}. Its sshd may forbid them (ForceCommand, MaxSessions 0), or the login shell prints or asks something; look at its sshd_config and ~/.bashrc.`,
    );
  const channel = await connection.openSession('echo rpo-$((20 + 22))').catch((error: unknown) => {
    throw isUserError(error) ? error : cannot(messageOf(error));
  });
  let output = '';
  channel.setEncoding('utf8').on('data', (text: string) => (output += text));
  channel.stderr.resume();
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    channel.once('close', () => resolve());
    timer = setTimeout(() => reject(cannot(`a command had not ended after ${timeSpan(timeoutMs)}`)), timeoutMs);
  }).finally(() => clearTimeout(timer));
  if (!output.includes('rpo-42')) throw cannot(`\`echo\` answered ${JSON.stringify(output.slice(0, 80))}`);
}
