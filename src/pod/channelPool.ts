import { setTimeout as delay } from 'node:timers/promises';
import type { Disposable } from '../core/disposable.ts';
import { messageOf } from '../core/errors.ts';
import { SessionRefused, type Connection } from './connection.ts';
import { orAborted, type Link } from './link.ts';
import { WarmChannel } from './warmChannel.ts';
import { UserError } from '../core/errors.ts';

/** How many warm channels wait for a request. Two: a deploy and the run that follows it. */
const parkedWanted = 2;
/** An extra connection with nothing to do is let go after this. */
const extraIdleMs = 30_000;

/**
 * Hands out warm channels, each for one request, and parks new ones in the background.
 *
 * A server grants a limited number of sessions on a connection (MaxSessions, 10 by default, 1 on hardened machines) and
 * only says so by refusing. When a connection is full, one more connection is made: a log that is followed for hours on
 * the only session must not keep the next command waiting.
 */
export class ChannelPool implements Disposable {
  private readonly parked = new Set<Promise<WarmChannel>>();
  private readonly extras = new Set<Connection>();
  private parkedOn: Connection | undefined;
  private extraBeingMade: Promise<Connection> | undefined;
  private disposed = false;

  constructor(
    private readonly link: Link,
    private readonly log: (line: string) => void,
  ) {}

  /** A channel ready for one request. */
  async take(signal?: AbortSignal): Promise<WarmChannel> {
    const cancelled = () => new UserError('cancelled', `The request to ${this.link.name} was cancelled.`);
    const connection = await this.link.get(signal);
    const waiting = this.nextParked(connection);
    if (waiting) {
      const channel = await orAborted(
        waiting.catch(() => undefined),
        signal,
        cancelled,
      );
      if (channel?.connection.isOpen && channel.channel.writable) {
        setImmediate(() => this.park()); // after the request is on its way
        return channel;
      }
    }
    const opened = this.openSomewhere(connection, signal);
    // Nobody waits for it any more: it goes back to the pod.
    void opened.then(
      (channel) => signal?.aborted && channel.channel.destroy(),
      () => {},
    );
    const channel = await orAborted(opened, signal, cancelled);
    setImmediate(() => this.park());
    return channel;
  }

  /** Opens channels ahead of need on the main connection; call it when a request has been sent or one has ended. */
  park(): void {
    if (this.disposed) return;
    void this.link.get().then(
      (connection) => {
        this.parkOn(connection);
        while (!this.disposed && connection.hasRoom && this.parked.size < Math.min(parkedWanted, connection.sessionsGranted))
          this.parkOne(connection);
      },
      () => {},
    );
  }

  dispose(): void {
    this.disposed = true;
    for (const extra of this.extras) extra.end();
    this.extras.clear();
    this.parked.clear();
  }

  private parkOne(connection: Connection): void {
    const opening = WarmChannel.open(connection);
    this.parked.add(opening);
    void opening.then(
      ({ channel }) => channel.once('close', () => this.parked.delete(opening)),
      (error: unknown) => {
        this.parked.delete(opening);
        if (!(error instanceof SessionRefused)) this.log(`${this.link.name}: no warm channel: ${messageOf(error)}`);
      },
    );
  }

  private nextParked(connection: Connection): Promise<WarmChannel> | undefined {
    this.parkOn(connection);
    const [first] = this.parked;
    if (first) this.parked.delete(first);
    return first;
  }

  /** Channels of a connection that is gone are forgotten. */
  private parkOn(connection: Connection): void {
    if (this.parkedOn === connection) return;
    this.parked.clear();
    this.parkedOn = connection;
  }

  private async openSomewhere(main: Connection, signal?: AbortSignal): Promise<WarmChannel> {
    for (const connection of [main, ...this.extras]) {
      if (!connection.hasRoom) continue;
      const channel = await this.tryOpen(connection);
      if (channel) return channel;
    }
    for (let attempt = 0; ; attempt++) {
      const channel = await this.tryOpen(await this.extra(signal));
      if (channel) return channel;
      if (attempt === 3) {
        throw new UserError(
          'unsupported',
          `${this.link.name} accepts the connection but opens no session on it. Its sshd may forbid commands (MaxSessions 0, ForceCommand); check its sshd_config.`,
        );
      }
    }
  }

  private async tryOpen(connection: Connection): Promise<WarmChannel | undefined> {
    // sshd counts a session until it has swept up after our close, so one refusal right after an end means little.
    for (const pauseMs of [0, 20, 100]) {
      try {
        if (pauseMs > 0) await delay(pauseMs);
        return await WarmChannel.open(connection);
      } catch (error) {
        if (!(error instanceof SessionRefused)) throw error;
        if (connection.sessionsOpen > 0) return undefined;
      }
    }
    return undefined;
  }

  private extra(signal?: AbortSignal): Promise<Connection> {
    this.extraBeingMade ??= this.link
      .openExtra(signal)
      .then((connection) => {
        this.extras.add(connection);
        this.log(`${this.link.name}: one more connection, since the server grants no more sessions`);
        void connection.closed.then(() => this.extras.delete(connection));
        this.endWhenIdle(connection);
        return connection;
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
