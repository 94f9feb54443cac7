import { createServer, connect as connectSocket, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How the line behaves. All of it can be changed while it is in use. */
export interface Line {
  /** Added to the round trip, half each way. */
  roundTripMs: number;
  /** Bytes a second each way; 0: as fast as it goes. */
  bytesPerS: number;
  /** Nothing gets through any more, and nobody is told: a laptop that changed networks. */
  blackHole: boolean;
  /** What the client sends, and what it is sent, is kept back until this is false again. */
  holdUp: boolean;
  holdDown: boolean;
  /** The connection that has carried so many bytes from the client is cut there, in the middle of whatever it is. */
  cutAfterUp: number;
  /** The same towards the client. */
  cutAfterDown: number;
}

/** A TCP proxy in front of a pod that is as bad as told. */
export class FaultProxy {
  private readonly open = new Set<Socket>();
  /** Connections taken so far, bytes carried, and how many of them were cut at their limit. */
  readonly carried = { connections: 0, up: 0, down: 0, cuts: 0 };
  readonly line: Line = {
    roundTripMs: 0,
    bytesPerS: 0,
    blackHole: false,
    holdUp: false,
    holdDown: false,
    cutAfterUp: Infinity,
    cutAfterDown: Infinity,
  };

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static start(targetPort: number, line: Partial<Line> = {}): Promise<FaultProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (client) => proxy.carry(client, targetPort));
      let proxy: FaultProxy;
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        proxy = new FaultProxy(server, typeof address === 'object' && address ? address.port : 0);
        Object.assign(proxy.line, line);
        resolve(proxy);
      });
    });
  }

  /** Cuts all connections now. */
  cut(): void {
    for (const socket of this.open) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Settles when nothing has been carried for so long: what is opened or read in the background is there by then. */
  async whenQuiet(quietMs = 700): Promise<void> {
    for (let before = -1; before !== this.carried.up + this.carried.down;) {
      before = this.carried.up + this.carried.down;
      await delay(quietMs);
    }
  }

  private carry(client: Socket, targetPort: number): void {
    this.carried.connections++;
    const target = connectSocket({ host: '127.0.0.1', port: targetPort, noDelay: true });
    const cut = () => {
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) {
      this.open.add(socket);
      socket.on('error', cut).on('close', () => this.open.delete(socket));
    }
    client.on('data', ({ length }) => (this.carried.up += length));
    target.on('data', ({ length }) => (this.carried.down += length));
    const cutAtLimit = () => {
      if (!client.destroyed) this.carried.cuts++;
      cut();
    };
    pipe(client, target, this.line, 'Up', cutAtLimit);
    pipe(target, client, this.line, 'Down', cutAtLimit);
  }
}

/** More than this on the way stops the sender, as full socket buffers would. */
const longestQueueBytes = 32 * 1024 * 1024;

/** How often it is looked whether what is kept back may go on. */
const heldMs = 5;

function pipe(from: Socket, to: Socket, line: Line, way: 'Up' | 'Down', cut: () => void): void {
  const queue: { readonly chunk: Buffer; readonly at: number }[] = [];
  let queued = 0;
  let carried = 0;
  let lineFreeAt = 0;
  let ended = false;
  let timer: NodeJS.Timeout | NodeJS.Immediate | undefined;

  const deliver = () => {
    timer = undefined;
    if (line[`hold${way}`] && !to.destroyed) return schedule(heldMs);
    // A timer fires up to a millisecond early or late; what is due within half of one goes now.
    const now = performance.now() + 0.5;
    for (let next = queue[0]; next && next.at <= now; next = queue[0]) {
      queue.shift();
      queued -= next.chunk.length;
      const room = line[`cutAfter${way}`] - carried;
      carried += next.chunk.length;
      if (line.blackHole || to.destroyed) continue;
      if (next.chunk.length >= room) {
        to.write(next.chunk.subarray(0, Math.max(0, room)), cut);
        return;
      }
      to.write(next.chunk);
    }
    if (queued < longestQueueBytes && from.isPaused()) from.resume();
    if (queue[0]) schedule(queue[0].at - performance.now());
    else if (ended && !line.blackHole) to.end();
  };
  const schedule = (ms: number) => {
    timer ??= ms < 1 ? setImmediate(deliver) : setTimeout(deliver, ms);
  };

  from.on('data', (chunk) => {
    const now = performance.now();
    lineFreeAt = Math.max(now, lineFreeAt) + (line.bytesPerS > 0 ? (chunk.length / line.bytesPerS) * 1000 : 0);
    const at = lineFreeAt + line.roundTripMs / 2;
    queue.push({ chunk, at });
    queued += chunk.length;
    if (queued >= longestQueueBytes) from.pause();
    schedule(at - now);
  });
  from.on('end', () => {
    ended = true;
    schedule(0);
  });
}

/** Random numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
