import { setTimeout as delay } from 'node:timers/promises';
import type { Disposable } from '../core/disposable.ts';
import { UserError, isUserError, messageOf, type Reason } from '../core/errors.ts';
import { Emitter } from '../core/event.ts';
import { openConnection, type Connection } from './connection.ts';
import type { PodOptions, PodState } from './pod.ts';

/** Trying again cannot mend these: a person has to do something first. */
const final = new Set<Reason>([
  'auth-failed',
  'key-missing',
  'key-permissions',
  'key-passphrase',
  'host-key-changed',
  'host-key-unknown',
  'bad-argument',
  'interactive-only',
  'unsupported',
]);

const defaultReconnectForMs = 60_000;
const firstDelayMs = 250;
const longestDelayMs = 10_000;

/** What a timer can hold: 2^31 - 1 ms. */
const longestTimerMs = 0x7fffffff;

/**
 * Keeps one connection to a machine: made at the first call, made again when it is lost, until told to stop.
 * Calls that come while it is being made again wait for the outcome.
 */
export class Link implements Disposable {
  private readonly states = new Emitter<PodState>();
  readonly onState = this.states.event;
  private current: PodState = { kind: 'idle' };
  private attempt: Promise<Connection> | undefined;
  private connection: Connection | undefined;
  private readonly stop = new AbortController();
  /** Where the machine was last found. */
  private where: { readonly host: string; readonly port: number };

  constructor(
    private readonly options: PodOptions,
    readonly name: string,
  ) {
    this.where = { host: options.host, port: options.port ?? 22 };
  }

  get state(): PodState {
    return this.current;
  }

  /** Of the present connection; infinite while there is none. */
  get roundTripMs(): number {
    return this.connection?.roundTripMs ?? Infinity;
  }

  /** The open connection; makes one when there is none. */
  async get(signal?: AbortSignal): Promise<Connection> {
    if (this.stop.signal.aborted) throw this.closedError();
    if (this.connection?.isOpen) return this.connection;
    this.attempt ??= this.connectFirst().finally(() => (this.attempt = undefined));
    // The pause between two attempts does not keep a process alive; somebody who waits for the outcome does. Without this
    // node would find nothing left to do and end in the middle of their command, exit code 0.
    const hold = setInterval(() => undefined, longestTimerMs);
    try {
      return await orAborted(this.attempt, signal, () => new UserError('cancelled', `Connecting to ${this.name} was cancelled.`));
    } finally {
      clearInterval(hold);
    }
  }

  /** One more connection to where the machine is now, not watched or made again. The caller ends it. */
  async openExtra(signal?: AbortSignal): Promise<Connection> {
    await this.get(signal);
    return openConnection(this.present(), signal);
  }

  dispose(): void {
    if (this.stop.signal.aborted) return;
    this.stop.abort();
    this.connection?.end();
    this.to({ kind: 'closed' });
    this.states.dispose();
  }

  private async connectFirst(): Promise<Connection> {
    this.to({ kind: 'connecting' });
    try {
      return this.adopt(await this.open());
    } catch (error) {
      const moved = isUserError(error, 'unreachable') && (await this.relocate());
      if (moved) return this.adopt(await this.open().catch((again: unknown) => this.giveUp(again)));
      return this.giveUp(error);
    }
  }

  private async reconnect(lost: UserError): Promise<Connection> {
    const forMs = this.options.reconnectForMs ?? defaultReconnectForMs;
    const start = performance.now();
    let error: unknown = lost;
    for (let attempt = 1; ; attempt++) {
      const delayMs = Math.round(Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2));
      if (performance.now() - start + delayMs > forMs) return this.giveUp(error);
      this.to({ kind: 'reconnecting', attempt, delayMs });
      this.options.log?.(`${this.name}: ${messageOf(error)} Attempt ${attempt} in ${delayMs} ms.`);
      try {
        // Unreferenced: with nobody waiting in get(), a pod that may never come back must not hold a finished process.
        await delay(delayMs, undefined, { signal: this.stop.signal, ref: false });
        await this.relocate();
        return this.adopt(await this.open());
      } catch (failure) {
        if (this.stop.signal.aborted) throw this.closedError();
        error = failure;
        if (!isUserError(failure) || final.has(failure.reason)) return this.giveUp(failure);
      }
    }
  }

  private open(): Promise<Connection> {
    return openConnection(this.present(), this.stop.signal);
  }

  private present(): PodOptions {
    return { ...this.options, ...this.where, name: this.name };
  }

  private adopt(connection: Connection): Connection {
    if (this.stop.signal.aborted) {
      connection.end();
      throw this.closedError();
    }
    this.connection = connection;
    this.to({ kind: 'connected' });
    void connection.closed.then((lost) => {
      if (this.stop.signal.aborted) return;
      this.connection = undefined;
      this.attempt = this.reconnect(lost).finally(() => (this.attempt = undefined));
      this.attempt.catch(() => {}); // told by the state; the next call tries again
    });
    return connection;
  }

  private giveUp(error: unknown): never {
    if (this.stop.signal.aborted) throw this.closedError();
    this.to({ kind: 'lost', reason: messageOf(error) });
    throw error;
  }

  /** Asks where the machine is now; true when that is another place. A failing answer leaves the last known one. */
  private async relocate(): Promise<boolean> {
    if (!this.options.locate) return false;
    const before = this.where;
    try {
      this.where = await this.options.locate();
    } catch (error) {
      this.options.log?.(`${this.name}: asking for its address failed: ${messageOf(error)}`);
    }
    return this.where.host !== before.host || this.where.port !== before.port;
  }

  private to(state: PodState): void {
    this.current = state;
    this.states.fire(state);
  }

  private closedError(): UserError {
    return new UserError('cancelled', `The connection to ${this.name} was closed.`);
  }
}

/** The promise, or the error as soon as the signal aborts. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, error: () => Error): Promise<T> {
  if (!signal) return promise;
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(error());
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(error());
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
