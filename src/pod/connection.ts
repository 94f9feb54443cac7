import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client, type AnyAuthMethod, type ClientChannel, type ExecOptions, type NegotiatedAlgorithms, type SFTPWrapper } from 'ssh2';
import { messageOf, UserError } from '../core/errors.ts';
import { hastenAesGcm } from './aesGcm.ts';
import { connectError, connectionLost } from './connectError.ts';
import {
  fingerprintOf,
  type HostKey,
  hostKeyOf,
  judgeHostKey,
  knownHostName,
  lookUpHost,
  refusal,
  rememberHostKey,
  type Verdict,
} from './hostKeys.ts';
import { startEarly } from './earlySession.ts';
import { credentialsFor, type Credential } from './identity.ts';
import type { PodOptions } from './pod.ts';
import { openSharedReads, type SharedReads } from './sharedReads.ts';

/** sshd's default for MaxSessions (sshd_config(5)); what a server really grants is learnt when it refuses. */
const assumedSessions = 10;
const trustRefusalMs = 60_000;
/** After its end sshd counts a session until it has swept up; on a busy machine that takes a while. */
const sweepingMs = 500;

/** The server would not open one more session on this connection. */
export class SessionRefused extends Error {}

/** One authenticated SSH connection, and how many sessions are open on it. */
export class Connection {
  private openCount = 0;
  /** Sessions that ended a moment ago. */
  private endingCount = 0;
  /** The shortest time in which the pod answered anything: the line's round trip and a millisecond or two. Infinite while unknown. */
  roundTripMs = Infinity;
  private learnt: { readonly sessions: number; readonly untilMs: number } | undefined;
  private ended: { readonly error: UserError } | undefined;
  private readonly listeners = new Set<(error: UserError) => void>();
  /** Settles when the connection is gone, for whatever reason. */
  readonly closed: Promise<UserError>;

  constructor(
    readonly client: Client,
    readonly name: string,
    private readonly alsoEnd: () => void,
  ) {
    let failure: unknown;
    this.closed = new Promise((resolve) => {
      const finish = () => {
        this.ended ??= { error: connectionLost(name, failure) };
        this.alsoEnd();
        const { error } = this.ended;
        resolve(error);
        for (const listener of [...this.listeners]) listener(error);
        this.listeners.clear();
      };
      client.on('error', (error) => (failure ??= error)).on('close', finish);
    });
  }

  /** Calls it when the connection is gone, soon if it is already. A reaction to `closed` would be kept as long as the connection lasts. @returns how to take it back */
  onClosed(listener: (error: UserError) => void): () => void {
    const { ended } = this;
    if (ended) queueMicrotask(() => listener(ended.error));
    else this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get isOpen(): boolean {
    return this.ended === undefined;
  }

  /** Assumed, or learnt by a refusal: the most sessions at a time. */
  get sessionsGranted(): number {
    return this.learnt && performance.now() < this.learnt.untilMs ? this.learnt.sessions : assumedSessions;
  }

  /** A refusal may have been the moment's: after a while it is tried again. */
  limitSessions(sessions: number): void {
    this.learnt = { sessions, untilMs: performance.now() + trustRefusalMs };
  }

  answeredWithin(ms: number): void {
    this.roundTripMs = Math.min(this.roundTripMs, ms);
  }

  get sessionsOpen(): number {
    return this.openCount;
  }

  /** Whether one more session can be hoped for. */
  get hasRoom(): boolean {
    return this.isOpen && this.openCount < this.sessionsGranted;
  }

  /**
   * Starts a command in a session of its own.
   *
   * @throws SessionRefused when the server grants no more; UserError 'connection-lost'.
   */
  openSession(command: string, options: ExecOptions = {}): Promise<ClientChannel> {
    return this.open((done) => this.client.exec(command, options, done));
  }

  /** The same, and can be written to after one round trip: whether the command was started shows in what it says. Throws as openSession(). */
  openSessionEarly(command: string): Promise<ClientChannel> {
    return this.open((done) => startEarly(this.client, command, done), 1);
  }

  /** Starts the SFTP subsystem in a session of its own; throws as openSession(). */
  openSftp(): Promise<SFTPWrapper> {
    return this.open((done) => this.client.sftp(done));
  }

  /** @param trips until it is there: a session is opened, and then something is started in it */
  private open<C extends ClientChannel | SFTPWrapper>(
    start: (done: (error: Error | undefined, channel: C) => void) => void,
    trips = 2,
  ): Promise<C> {
    if (this.ended) return Promise.reject(this.ended.error);
    const others = this.openCount++ + this.endingCount;
    const begunMs = performance.now();
    return new Promise<C>((resolve, reject) => {
      const fail = (error: Error) => {
        this.openCount--;
        // A refusal carries the server's reason code (RFC 4254, 5.1); anything else is the connection going down.
        if (this.ended || !('reason' in error)) return reject(this.ended?.error ?? connectionLost(this.name, error));
        // Of those that were open when it was asked for, or that the server may have counted still; meanwhile some may have ended. At least one is granted by every server worth talking to.
        this.limitSessions(Math.max(1, Math.min(others, this.sessionsGranted)));
        reject(new SessionRefused(error.message));
      };
      try {
        start((error, channel) => {
          if (error) return fail(error);
          this.answeredWithin((performance.now() - begunMs) / trips);
          channel.once('close', () => this.sessionEnded());
          resolve(channel);
        });
      } catch (error) {
        // ssh2 throws 'Not connected' when the socket is already gone.
        this.openCount--;
        reject(connectionLost(this.name, error));
      }
    });
  }

  private sessionEnded(): void {
    this.openCount--;
    this.endingCount++;
    setTimeout(() => this.endingCount--, sweepingMs).unref();
  }

  end(): void {
    this.client.end();
    // A peer that no longer answers would keep the socket half open for minutes.
    setTimeout(() => this.client.destroy(), 1000).unref();
  }
}

/** Told how far an attempt to connect has come. */
export interface Watcher {
  /** The way to the server is open; nothing was read from it. What it throws ends the attempt. */
  readonly onStream: (stream: Duplex) => Promise<void>;
  readonly onHostKey: (key: HostKey, verdict: Verdict | null) => void;
  /** Both sides have agreed on keys and algorithms. */
  readonly onHandshake: (negotiated: NegotiatedAlgorithms) => void;
  /** A key is about to be shown to the server. */
  readonly onOffer: (label: string) => void;
}

/**
 * Makes an authenticated connection: TCP (or through a jump host), host key, keys.
 *
 * @throws UserError 'unreachable', 'auth-failed', 'host-key-changed', 'host-key-unknown', 'key-*', 'cancelled', ...
 */
export async function openConnection(options: PodOptions, signal?: AbortSignal, watcher?: Watcher): Promise<Connection> {
  const port = options.port ?? 22;
  const user = options.user ?? 'root';
  const timeoutMs = options.connectTimeoutMs ?? 15_000;
  const offered: string[] = [];
  const attempt = { host: options.host, port, user, timeoutMs, offered };
  const address = `${options.host}:${port}`;
  const name = options.name ?? `${user}@${address}`;
  const hostName = options.hostKeyAlias ?? knownHostName(options.host, port);
  const policy = options.hostKeys ?? 'accept-new';

  const credentials = await credentialsFor(options).catch((error: unknown) => {
    if (!watcher) throw error;
    // Whoever watches wants to know how far it gets all the same.
    return [{ label: '', prepare: () => Promise.reject(error instanceof Error ? error : new Error(String(error))) }];
  });
  const known = policy === 'off' ? { keys: [], revoked: [] } : await lookUpHost(options.knownHostsFile, hostName);
  const { stream, share, close } = await openStream(options, attempt, signal, watcher === undefined);

  const client = new Client();
  let stop: Error | undefined; // our own reason, which counts more than what ssh2 makes of it
  try {
    await watcher?.onStream(stream);
    if (watcher) client.on('handshake', watcher.onHandshake);
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error) => reject(stop ?? error);
      const deadline = new Deadline(timeoutMs, () => fail(Object.assign(new Error('Timed out'), { level: 'client-timeout' })));
      const settle =
        <A extends unknown[]>(then: (...args: A) => void) =>
        (...args: A) => {
          deadline.clear();
          signal?.removeEventListener('abort', onAbort);
          then(...args);
        };
      const onAbort = settle(() => reject(new UserError('cancelled', `Connecting to ${name} was cancelled.`)));
      signal?.addEventListener('abort', onAbort, { once: true });
      client
        .on('ready', settle(resolve))
        .on('error', (error: Error & { level?: string }) => {
          // An agent that does not answer only means: go on with the next key.
          if (error.level !== 'agent') settle(fail)(error);
        })
        .on(
          'close',
          settle(() => fail(Object.assign(new Error('Closed during the handshake'), { code: 'ECONNRESET' }))),
        )
        .connect({
          sock: stream,
          username: user,
          readyTimeout: 0, // ours instead, which stands still while a person types a passphrase
          keepaliveInterval: options.keepAliveMs ?? 15_000,
          keepaliveCountMax: 3,
          algorithms: {
            serverHostKey: { remove: [], append: [], prepend: preferredTypes(known.keys.map((key) => key.type)) },
            // The fastest that both ssh2 and OpenSSH have.
            cipher: { remove: [], append: [], prepend: ['aes128-gcm@openssh.com', 'aes128-gcm'] },
          },
          hostVerifier: (blob: Buffer, verify: (ok: boolean) => void) => {
            const shown = hostKeyOf(blob);
            const verdict = policy === 'off' ? null : judgeHostKey(shown, known);
            watcher?.onHostKey(shown, verdict);
            if (verdict === null) return verify(true);
            stop = refusal(verdict, policy, shown, { name: options.name ?? options.host, address });
            if (stop) return verify(false);
            if (verdict.kind !== 'new') return verify(true);
            options.log?.(`${address}: new host key ${shown.type} ${fingerprintOf(shown)} remembered`);
            rememberHostKey(options.knownHostsFile, hostName, shown).then(
              () => verify(true),
              (error: unknown) => {
                stop = new UserError(
                  'local-failed',
                  `The host key of ${address} cannot be written to ${options.knownHostsFile}: ${messageOf(error)}.`,
                  { cause: error },
                );
                verify(false);
              },
            );
          },
          authHandler: offerInTurn(user, credentials, offered, deadline, (error) => (stop = error), watcher?.onOffer),
        });
    });
  } catch (error) {
    client.on('error', () => {}); // late ones say nothing new
    client.destroy();
    close();
    throw connectError(error, attempt);
  }
  client.removeAllListeners();
  hastenAesGcm(client, stream, share);
  options.log?.(`${name}: connected`);
  return new Connection(client, name, close);
}

type NextAuth = (method: AnyAuthMethod | false) => void;

function offerInTurn(
  user: string,
  credentials: readonly Credential[],
  offered: string[],
  deadline: Deadline,
  onStop: (error: Error) => void,
  onOffer: Watcher['onOffer'] = () => {},
) {
  // 'none' first, as every client does: it asks the server which methods it takes.
  let index = -1;
  return (_left: unknown, _partial: unknown, nextMethod: unknown) => {
    const next = nextMethod as NextAuth; // the types leave out `false`, the documented way to give up
    if (index++ === -1) return next({ type: 'none', username: user });
    const credential = credentials[index - 1];
    if (!credential) return next(false);
    offered.push(credential.label);
    onOffer(credential.label);
    deadline.pause();
    credential.prepare().then(
      (method) => {
        deadline.resume();
        next(method);
      },
      (error: unknown) => {
        onStop(error instanceof Error ? error : new Error(String(error)));
        next(false);
      },
    );
  };
}

/** ssh2 lists algorithms, known_hosts lists key types; they differ for RSA only (RFC 8332). */
function preferredTypes(types: readonly string[]): ('ssh-ed25519' | 'ecdsa-sha2-nistp256' | 'rsa-sha2-512')[] {
  const supported = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256'];
  const wanted = new Set(types.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type])));
  return supported.filter((type) => wanted.has(type)) as ('ssh-ed25519' | 'ecdsa-sha2-nistp256' | 'rsa-sha2-512')[];
}

/** @param isForSsh2 nobody else reads from it, and `share` may be called once keys are exchanged */
export async function openStream(
  options: PodOptions,
  attempt: { readonly host: string; readonly port: number; readonly timeoutMs: number },
  signal?: AbortSignal,
  isForSsh2 = false,
) {
  if (!options.jump) {
    const opened = isForSsh2 ? openSharedReads(attempt.host, attempt.port) : openSocket(attempt.host, attempt.port);
    const { socket, share } = await connected(opened, attempt, signal).catch((error: unknown) => {
      throw connectError(error, { ...attempt, user: '', offered: [] });
    });
    return { stream: socket as Duplex, share, close: () => void socket.destroy() };
  }
  const { knownHostsFile, askPassphrase, log } = options;
  const jump = await openConnection({ ...options.jump, knownHostsFile, askPassphrase, log }, signal);
  const stream = await new Promise<Duplex>((resolve, reject) => {
    jump.client.forwardOut('127.0.0.1', 0, attempt.host, attempt.port, (error, channel) => (error ? reject(error) : resolve(channel)));
  }).catch((error: unknown) => {
    jump.end();
    throw new UserError(
      'unreachable',
      `The jump host ${jump.name} cannot reach ${attempt.host}:${attempt.port}. Check the address, and that the jump host allows TCP forwarding.`,
      { cause: error },
    );
  });
  return { stream, share: (_isShared: boolean) => {}, close: () => jump.end() };
}

function openSocket(host: string, port: number): SharedReads {
  // No Nagle: a request is small and its answer is waited for.
  return { socket: connect({ host, port, noDelay: true }), share: () => {} };
}

function connected(
  opened: SharedReads,
  { host, port, timeoutMs }: { readonly host: string; readonly port: number; readonly timeoutMs: number },
  signal?: AbortSignal,
): Promise<SharedReads> {
  return new Promise((resolve, reject) => {
    const { socket } = opened;
    const finish = (then: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      then();
    };
    const fail = (error: Error) =>
      finish(() => {
        socket.on('error', () => {}).destroy();
        reject(error);
      });
    const onAbort = () => fail(new UserError('cancelled', `Connecting to ${host}:${port} was cancelled.`));
    const timer = setTimeout(() => fail(Object.assign(new Error('Timed out'), { code: 'ETIMEDOUT' })), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    // With several addresses node reports all failures as one AggregateError.
    socket.on('error', (error) => fail(error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error));
    socket.on('connect', () => finish(() => resolve(opened)));
    if (signal?.aborted) onAbort();
  });
}

/** A time-out that can stand still. */
class Deadline {
  private timer: NodeJS.Timeout | undefined;
  private over = false;

  constructor(
    private readonly ms: number,
    private readonly onPassed: () => void,
  ) {
    this.resume();
  }

  resume(): void {
    this.pause();
    if (!this.over) this.timer = setTimeout(this.onPassed, this.ms);
  }

  pause(): void {
    clearTimeout(this.timer);
  }

  clear(): void {
    this.over = true;
    this.pause();
  }
}
