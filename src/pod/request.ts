import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import { UserError } from '../core/errors.ts';
import type { ChannelPool } from './channelPool.ts';
import { asOneLine, type WarmChannel } from './warmChannel.ts';

/** How long a command that was told to end may take over it before it is killed. */
const defaultGraceMs = 2000;

/** Longer scripts than this are sent as data: `read` costs the pod one system call a byte. */
const longestLine = 8192;

export type Stdin = Uint8Array | string | AsyncIterable<Uint8Array>;

/** One command under way on the pod. Both streams must be read to their end, or the end is never seen. */
export interface Request {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit code, after both streams have ended; 128 + signal number when a signal ended it. */
  readonly exit: Promise<number>;
  /** Settles when stdin was sent, or will not be needed any more; rejects when the source of stdin failed. */
  readonly sent: Promise<void>;
  /** Ends its whole process group on the pod, by force after `graceMs`; settles when it has ended, or when no more can be done. */
  terminate(graceMs?: number): Promise<void>;
}

/** Starts a script on a channel of the pool. Streams are paused until somebody reads. */
export async function startRequest(pool: ChannelPool, script: string, stdin?: Stdin, signal?: AbortSignal): Promise<Request> {
  const warm = await pool.take(signal);
  const { channel, connection } = warm;
  let over = false;
  const exit = new Promise<number>((resolve, reject) => {
    let code: number | undefined;
    channel.on('exit', (status: number | null, signalName?: string) => (code = status ?? 128 + signalNumber(signalName)));
    const forget = connection.onClosed((error) => {
      over = true;
      reject(error);
    });
    channel.on('close', () => {
      over = true;
      forget();
      // Streams cut off by the end of the connection have no end worth the name, whatever status came before.
      if (!connection.isOpen) return;
      if (code !== undefined) resolve(code);
      else reject(new UserError('connection-lost', `${connection.name} closed a session without saying how its command ended. Try again.`));
    });
    // What ran there was not ours.
    warm.processGroup.catch((error: Error) => {
      over = true;
      forget();
      reject(error);
    });
  });
  exit.catch(() => {}); // whoever cares awaits it as well

  warm.send(scriptToRead(script));
  if (connection.roundTripMs >= farMs) keepWindowOpen(channel);
  let ending: Promise<void> | undefined;
  const sent = send(channel, stdin, () => over || ending !== undefined);
  sent.catch(() => {});
  return {
    stdout: channel,
    stderr: channel.stderr,
    exit,
    sent,
    terminate: (graceMs = defaultGraceMs) => (ending ??= over ? Promise.resolve() : terminate(pool, warm, graceMs)),
  };
}

/** What a shell that reads a line and runs it is sent to run this script, whose stdin is all that follows. */
export function scriptToRead(script: string): string {
  const bytes = Buffer.byteLength(script);
  return bytes > longestLine ? asOneLine(readScript(bytes)) + script : asOneLine(script);
}

/** What ssh2 grants of a channel's output, and which part of it is granted again as soon as it was read. */
const windowBytes = 2 * 1024 * 1024;
const grantBytes = 256 * 1024;
/** Over a shorter way nothing stands still, and more would only wait in memory. */
const farMs = 5;

/**
 * ssh2 lets the pod go on only when half of the window is used, and at a distance that is as if the window were half as
 * large. To be called on a paused channel, which a listener does not start.
 */
function keepWindowOpen(channel: ClientChannel): void {
  const { incoming, outgoing, _client } = channel as unknown as {
    readonly incoming?: { window?: number; readonly state: string };
    readonly outgoing: { readonly id: number };
    readonly _client?: { readonly _protocol?: { channelWindowAdjust?(id: number, bytes: number): void } };
  };
  const protocol = _client?._protocol;
  // Another ssh2 may have them elsewhere; then its own grants have to do.
  if (incoming?.window === undefined || protocol?.channelWindowAdjust === undefined) return;
  channel.on('data', () => {
    // What has come and waits to be read counts: a reader that is slower than the line would have all of it in memory.
    const bytes = windowBytes - (incoming.window ?? windowBytes) - channel.readableLength - channel.stderr.readableLength;
    if (bytes < grantBytes || incoming.state !== 'open') return;
    incoming.window = (incoming.window ?? 0) + bytes;
    protocol.channelWindowAdjust?.(outgoing.id, bytes);
  });
}

/**
 * Reads exactly that many bytes of script from stdin and runs them. `iflag=fullblock` is in GNU, busybox and FreeBSD's dd;
 * a dd without it reads nothing, and then one byte at a time is slow and right.
 */
function readScript(bytes: number): string {
  return (
    `rpo_line=$(dd bs=${bytes} count=1 iflag=fullblock 2>/dev/null; echo .); ` +
    `[ "$rpo_line" != . ] || rpo_line=$(dd bs=1 count=${bytes} 2>/dev/null; echo .); eval "\${rpo_line%.}"`
  );
}

/** @param isOver nothing more is to be sent; the command does not see that as the end of its stdin, which might look as if that were complete */
async function send(channel: ClientChannel, stdin: Stdin | undefined, isOver: () => boolean): Promise<void> {
  try {
    if (typeof stdin === 'string' || stdin instanceof Uint8Array) channel.write(stdin);
    else if (stdin) {
      for await (const chunk of stdin) {
        if (isOver()) return;
        await written(channel, chunk);
      }
    }
  } finally {
    if (!isOver()) channel.end();
  }
}

/**
 * Settles when all of it has gone into the window, so that little waits in memory and the source may use its again; or when
 * the channel is closed: a command that ends without reading all of its stdin never makes room.
 */
function written(channel: ClientChannel, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      channel.off('close', done);
      resolve();
    };
    channel.on('close', done);
    channel.write(chunk, done);
  });
}

/**
 * TERM to the process group, then KILL. sshd passes the SSH "signal" request on only where it separates privileges, which
 * it does not for root, RunPod's user; so a command of its own does it, through a parked channel or one more connection.
 */
async function terminate(pool: ChannelPool, warm: WarmChannel, graceMs: number): Promise<void> {
  const { channel, connection } = warm;
  const closed = new Promise<void>((resolve) => {
    channel.once('close', resolve);
    void connection.closed.then(() => resolve());
  });
  // Nobody reads any more, and a channel ends only when it was read to its end.
  channel.resume();
  channel.stderr.resume();
  // A line that lets nothing through any more must not keep a person who cancelled waiting.
  const atMost = (work: Promise<void>, ms: number) => Promise.race([work, delay(ms, undefined, { ref: false })]);
  await atMost(signalGroup(pool, warm, 'TERM'), defaultGraceMs);
  await atMost(closed, graceMs);
  // Also after a close: what has no hand on the streams may have ignored the TERM.
  await atMost(signalGroup(pool, warm, 'KILL'), defaultGraceMs);
  await atMost(closed, defaultGraceMs);
  channel.destroy();
}

async function signalGroup(pool: ChannelPool, warm: WarmChannel, name: 'TERM' | 'KILL'): Promise<void> {
  warm.signal(name);
  const processGroup = await warm.processGroup.catch(() => 0);
  if (processGroup === 0 || !warm.connection.isOpen) return;
  // The group may be gone already, and so may the connection: neither is a failure.
  const killer = await startRequest(pool, `kill -s ${name} -- -${processGroup} 2>/dev/null`).catch(() => undefined);
  killer?.stdout.resume();
  killer?.stderr.resume();
  await killer?.exit.catch(() => {});
}

function signalNumber(name: string | undefined): number {
  return constants.signals[name as NodeJS.Signals] ?? 0;
}
