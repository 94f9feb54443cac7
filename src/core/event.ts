import { type Disposable, toDisposable } from './disposable.ts';

/** Subscribe; dispose what is returned to stop listening. Structurally the same as vscode.Event<T>. */
export type Event<T> = (listener: (value: T) => unknown) => Disposable;

/** One event source. Listeners are called in the order they came; one that throws does not silence the others. */
export class Emitter<T> implements Disposable {
  private readonly listeners = new Set<{ readonly call: (value: T) => unknown }>();

  readonly event: Event<T> = (listener) => {
    const entry = { call: listener };
    this.listeners.add(entry);
    return toDisposable(() => this.listeners.delete(entry));
  };

  fire(value: T): void {
    let failed: { readonly error: unknown } | undefined;
    for (const entry of [...this.listeners]) {
      // An earlier listener may have unsubscribed this one.
      if (!this.listeners.has(entry)) continue;
      try {
        entry.call(value);
      } catch (error) {
        failed ??= { error };
      }
    }
    // After all were told: the first failure belongs to a programmer, so it must not vanish.
    if (failed) throw failed.error;
  }

  dispose(): void {
    this.listeners.clear();
  }
}
