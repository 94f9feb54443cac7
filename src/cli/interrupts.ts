/** The first Ctrl+C (or a closed terminal) asks to stop cleanly, the second one quits. */
export class Interrupts {
  private readonly controller = new AbortController();
  private readonly listener = (name: NodeJS.Signals) => this.interrupt(name);

  constructor(private readonly quit: (exitCode: number) => void) {
    for (const name of names) process.on(name, this.listener);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Also called when there is nobody left to read what we write. */
  interrupt(name: NodeJS.Signals): void {
    if (this.controller.signal.aborted) this.quit(128 + (name === 'SIGTERM' ? 15 : 2));
    else this.controller.abort();
  }

  dispose(): void {
    for (const name of names) process.off(name, this.listener);
  }
}

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
