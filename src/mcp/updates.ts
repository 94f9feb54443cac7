import type { AgentCaller } from '../agents/caller.ts';

const everyMs = 2_000;
/** For so long after somebody asked for the list of runs it is looked at; not every client says when it has no more use for it. */
const listForMs = 10 * 60_000;

/** A run, or the list of them. */
export type Changed = { readonly run: string } | 'list';

/** Notices that runs write or end, for clients that subscribed to them; asks the pod only while somebody listens and a run goes on. */
export class RunUpdates {
  private readonly sizes = new Map<string, number | null>();
  private readonly listeners = new Set<{ wanted: () => boolean; changed: (what: Changed) => void }>();
  private timer: NodeJS.Timeout | undefined;
  private listUntilMs = 0;
  private list: string | null = null;
  private asking = false;

  constructor(private readonly caller: AgentCaller) {}

  /** A run that a client has shown interest in. */
  touch(run: string): void {
    if (!this.sizes.has(run)) this.sizes.set(run, null);
    this.begin();
  }

  /** A client has shown interest in which runs there are. */
  touchList(): void {
    this.listUntilMs = Date.now() + listForMs;
    this.begin();
  }

  /** @returns ends it */
  listen(wanted: () => boolean, changed: (what: Changed) => void): () => void {
    const listener = { wanted, changed };
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dispose(): void {
    clearInterval(this.timer);
    this.listeners.clear();
  }

  private begin(): void {
    this.timer ??= setInterval(() => void this.look(), everyMs).unref();
  }

  private async look(): Promise<void> {
    const listeners = [...this.listeners].filter(({ wanted }) => wanted());
    if (this.asking || listeners.length === 0) return;
    this.asking = true;
    try {
      for (const [run, before] of [...this.sizes]) {
        const now = await this.caller.peek(run);
        if (now === null) continue;
        // A run that has ended changes no more.
        if (now.ended) this.sizes.delete(run);
        else this.sizes.set(run, now.logBytes);
        if (before !== null ? now.ended || now.logBytes !== before : now.ended) listeners.forEach(({ changed }) => changed({ run }));
      }
      if (Date.now() < this.listUntilMs) await this.lookAtList(listeners);
      else if (this.sizes.size === 0) {
        clearInterval(this.timer);
        this.timer = undefined;
      }
    } finally {
      this.asking = false;
    }
  }

  private async lookAtList(listeners: readonly { readonly changed: (what: Changed) => void }[]): Promise<void> {
    const now = await this.caller.peekList();
    if (now === null) return;
    const before = this.list;
    this.list = now;
    if (before !== null && before !== now) listeners.forEach(({ changed }) => changed('list'));
  }
}
