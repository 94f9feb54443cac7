/** Something that holds a resource until told to let go. Structurally the same as vscode.Disposable. */
export interface Disposable {
  dispose(): void;
}

/** Owns disposables; what is registered after the owner is gone is disposed at once, so nothing leaks in a race. */
export class DisposableStore implements Disposable {
  private readonly items = new Set<Disposable>();
  private disposed = false;

  /** Returns its argument, so that `this.x = store.add(new X())` reads as an assignment. */
  add<T extends Disposable>(item: T): T {
    if (this.disposed) item.dispose();
    else this.items.add(item);
    return item;
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Disposes in reverse order of registration, all of them even if one throws. Safe to call twice. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    let failed: { readonly error: unknown } | undefined;
    for (const item of [...this.items].reverse()) {
      try {
        item.dispose();
      } catch (error) {
        failed ??= { error };
      }
    }
    this.items.clear();
    if (failed) throw failed.error;
  }
}

/** Makes a Disposable of a function; it runs once at most. */
export function toDisposable(run: () => void): Disposable {
  let done = false;
  return {
    dispose: () => {
      if (done) return;
      done = true;
      run();
    },
  };
}
