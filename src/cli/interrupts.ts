import { getEventListeners } from 'node:events';
import { constants } from 'node:os';

/** What ends a call before its time: Ctrl+C and its like, or output that cannot be written. The first asks to stop cleanly, a second signal quits. */
export class Interrupts {
  private readonly controller = new AbortController();
  private code: number | null = null;
  private readonly listener = (name: NodeJS.Signals) => {
    if (this.code === null) this.end(128 + constants.signals[name]);
    else this.quit(this.code);
  };

  private timer: NodeJS.Timeout | undefined;

  /** @param grace how long the call may take over its end, in milliseconds: when something of it listens, and when nothing does */
  constructor(
    private readonly quit: (exitCode: number) => void,
    private readonly grace = { listeningMs: 60_000, deafMs: 3_000 },
  ) {
    for (const name of names) process.on(name, this.listener);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** What the shell is to be told, 128 + the signal's number by its custom; null: nothing has interrupted. */
  get exitCode(): number | null {
    return this.code;
  }

  /** Asks to stop; the first who asks decides the exit code. */
  end(exitCode: number): void {
    if (this.code !== null) return;
    this.code = exitCode;
    const isHeard = getEventListeners(this.controller.signal, 'abort').length > 0;
    this.controller.abort();
    this.timer = setTimeout(() => this.quit(exitCode), isHeard ? this.grace.listeningMs : this.grace.deafMs);
    this.timer.unref();
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const name of names) process.off(name, this.listener);
  }
}

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
