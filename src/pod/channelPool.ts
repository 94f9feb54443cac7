import { setTimeout as delay } from 'node:timers/promises';
import type { Disposable } from '../core/disposable.ts';
import { messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { CompressionChoice } from './compressionChoice.ts';
import { SessionRefused, type Connection } from './connection.ts';
import { orAborted, type Link } from './link.ts';
import type { PodState } from './pod.ts';
import { WarmChannel } from './warmChannel.ts';

/** After the first request: what follows may be one more, or the end. */
const parkedAtFirst = 2;
/** How many warm channels wait for a request, unless told otherwise. Over five of them ten megabytes of source go in one round trip (putLanes.ts). */
const defaultParked = 5;
/** An extra connection with nothing to do is let go after this. */
const extraIdleMs = 30_000;
/** With one session each, so many requests beside the first can be under way. */
const mostExtras = 16;
/** After the end of a session one more can be had. */
const sweepingMs = 50;
/** A parked channel that lived no longer than this is not replaced by itself. */
const shortLifeMs = 10_000;

/**
 * Hands out warm channels, each for one request, and parks new ones in the background.
 *
 * A server grants a limited number of sessions on a connection (MaxSessions, 10 by default, 1 on hardened machines) and
 * only says so by refusing. When a connection is full, one more connection is made: a log that is followed for hours on
 * the only session must not keep the next command waiting.
 */
export class ChannelPool implements Disposable {
  private readonly parked = new Set<Promise<WarmChannel>>();
  /** Of the parked ones, those that wait for a request by now. */
  private readonly ready = new Set<Promise<WarmChannel>>();
  private readonly extras = new Set<Connection>();
  private parkedOn: Connection | undefined;
  private extraBeingMade: Promise<void> | undefined;
  /** Requests that wait for any session to end. */
  private readonly waiting = new Set<() => void>();
  private disposed = false;
  private isFirst = true;
  private holds = 0;
  private later: NodeJS.Timeout | undefined;

  constructor(
    private readonly link: Link,
    private readonly log: (line: string) => void,
    private readonly parkedWanted = defaultParked,
  ) {
    let before: PodState['kind'] = link.state.kind;
    link.onState(({ kind }) => {
      // Who waited out an interruption gets the next answer as soon as before.
      if (kind === 'connected' && before === 'reconnecting') this.park();
      before = kind;
    });
  }

  /** The pod's. */
  get name(): string {
    return this.link.name;
  }

  /** A channel ready for one request. Throws what connecting throws. */
  async take(signal?: AbortSignal): Promise<WarmChannel> {
    const taken = this.find(signal);
    // Nobody waits for it any more: it goes back to the pod.
    void taken.then(
      ({ channel }) => signal?.aborted && channel.destroy(),
      () => {},
    );
    const warm = await orAborted(taken, signal, () => new UserError('cancelled', `The request to ${this.link.name} was cancelled.`));
    const wanted = this.isFirst ? Math.min(parkedAtFirst, this.parkedWanted) : this.parkedWanted;
    this.isFirst = false;
    warm.channel.once('close', () => {
      this.wakeWaiting();
      this.parkLater(wanted);
    });
    if (this.holds === 0) setImmediate(() => this.park(wanted)); // after the request is on its way
    return warm;
  }

  /**
   * When many requests at once had taken every session, none could be parked for the next ones. Not at once: sshd counts a
   * session until it has swept up. Not where few are granted: somebody else may want the only one.
   */
  private parkLater(wanted: number): void {
    if (this.later || this.disposed || this.holds > 0 || this.parked.size >= wanted) return;
    this.later = setTimeout(() => {
      this.later = undefined;
      if ((this.parkedOn?.sessionsGranted ?? 0) > this.parkedWanted) this.park(wanted);
    }, sweepingMs);
    this.later.unref();
  }

  /** Requests that can be sent now without opening a session. */
  get readyCount(): number {
    return this.ready.size;
  }

  /** What this line and this pod have shown of compression. */
  readonly compression = new CompressionChoice();

  /** The rate at which the last large file went up, 0 while none did. */
  upBytesPerMs = 0;

  /** Of the main connection; infinite while there is none. */
  get roundTripMs(): number {
    return this.link.roundTripMs;
  }

  /** Opens channels ahead of need on the main connection: when a request has been sent, or when many are about to come. */
  park(wanted = this.parkedWanted): void {
    if (this.disposed || this.waiting.size > 0) return;
    void this.link.get().then(
      (connection) => {
        this.parkOn(connection);
        while (!this.disposed && connection.hasRoom && this.parked.size < Math.min(wanted, connection.sessionsGranted))
          this.parkOne(connection);
      },
      () => {},
    );
  }

  /** While it works, nothing is parked for each request that is sent: over a short way the start of a session costs as much as a part of a large file. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.holds++;
    try {
      return await work();
    } finally {
      this.holds--;
      this.parkLater(this.parkedWanted);
    }
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.later);
    for (const extra of this.extras) extra.end();
    this.extras.clear();
    this.parked.clear();
    this.wakeWaiting();
  }

  private parkOne(connection: Connection): void {
    const begunMs = performance.now();
    const opening = WarmChannel.open(connection);
    this.parked.add(opening);
    const open = async () => {
      const { channel, processGroup } = await opening;
      channel.once('close', () => {
        this.ready.delete(opening);
        // One that the server ended while it waited: there is to be another, unless that is all it does.
        if (this.parked.delete(opening) && performance.now() - begunMs > shortLifeMs) this.park();
      });
      await processGroup;
      if (this.parked.has(opening)) this.ready.add(opening);
    };
    open().catch((error: unknown) => {
      this.parked.delete(opening);
      if (error instanceof SessionRefused) this.parkLater(this.parkedWanted);
      else this.log(`${this.link.name}: no warm channel: ${messageOf(error)}`);
    });
  }

  private nextParked(connection: Connection): Promise<WarmChannel> | undefined {
    this.parkOn(connection);
    const [first] = this.ready.size > 0 ? this.ready : this.parked;
    if (first) {
      this.ready.delete(first);
      this.parked.delete(first);
    }
    return first;
  }

  /** Channels of a connection that is gone are forgotten. */
  private parkOn(connection: Connection): void {
    if (this.parkedOn === connection) return;
    this.parked.clear();
    this.ready.clear();
    this.parkedOn = connection;
  }

  private async find(signal?: AbortSignal): Promise<WarmChannel> {
    for (;;) {
      const main = await this.link.get(signal);
      const parked = await this.nextParked(main)?.catch(() => undefined);
      if (parked?.connection.isOpen && parked.channel.writable) return parked;
      for (const connection of [main, ...this.extras]) {
        const opened = connection.hasRoom && (await this.tryOpen(connection));
        if (opened) return opened;
      }
      if (this.extras.size < mostExtras) await this.addExtra(main, signal);
      else await new Promise<void>((resolve) => this.waiting.add(resolve));
      throwIfCancelled(signal, 'The request');
    }
  }

  private wakeWaiting(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  private async tryOpen(connection: Connection): Promise<WarmChannel | undefined> {
    // sshd counts a session until it has swept up after our close, so one refusal right after an end means little.
    for (const pauseMs of [0, 20, 100, 500]) {
      try {
        if (pauseMs > 0) await delay(pauseMs);
        return await WarmChannel.open(connection);
      } catch (error) {
        if (!(error instanceof SessionRefused)) throw error;
        if (connection.sessionsOpen > 0) return undefined;
      }
    }
    throw new UserError(
      'unsupported',
      `${this.link.name} accepts the connection but opens no session on it. Its sshd may forbid commands (MaxSessions 0, ForceCommand); check its sshd_config.`,
    );
  }

  private addExtra(main: Connection, signal?: AbortSignal): Promise<void> {
    this.extraBeingMade ??= this.link
      .openExtra(signal)
      .then((connection) => {
        if (this.disposed) return connection.end();
        connection.limitSessions(main.sessionsGranted);
        this.extras.add(connection);
        this.log(`${this.link.name}: one more connection, since the server grants no more than ${main.sessionsGranted} sessions on one`);
        void connection.closed.then(() => {
          this.extras.delete(connection);
          this.wakeWaiting();
        });
        return this.endWhenIdle(connection);
      })
      .finally(() => (this.extraBeingMade = undefined));
    return this.extraBeingMade;
  }

  private endWhenIdle(connection: Connection): void {
    let idleSince: number | undefined;
    const timer = setInterval(() => {
      if (!connection.isOpen) return clearInterval(timer);
      if (connection.sessionsOpen > 0) return (idleSince = undefined);
      idleSince ??= performance.now();
      if (performance.now() - idleSince < extraIdleMs) return undefined;
      clearInterval(timer);
      return connection.end();
    }, extraIdleMs / 4);
    timer.unref();
  }
}
