/**
 * Does the work for all items, so many at a time, and gives the results in the items' order. After a failure nothing more
 * is begun; it rejects with the first one when what was under way has ended.
 */
export async function mapAbreast<T, R>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  let failed: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (const [index, item] of queue) {
      if (failed) return;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  if (failed) throw failed.error;
  return results;
}

/** Work that comes one by one and is done so many at a time. */
export class Abreast {
  private readonly underWay = new Set<Promise<unknown>>();
  private failed: { readonly error: unknown } | undefined;

  constructor(private readonly width: number) {}

  /** Takes over what was begun; waits while there is too much of it. Rejects when any has failed. */
  async add(begun: Promise<unknown>): Promise<void> {
    const tracked = begun.catch((error: unknown) => (this.failed ??= { error })).finally(() => this.underWay.delete(tracked));
    this.underWay.add(tracked);
    while (this.underWay.size >= this.width) await Promise.race(this.underWay);
    if (this.failed) throw this.failed.error;
  }

  /** Waits for all of it, failed or not. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay);
  }

  /** Waits for all of it; rejects when any has failed. */
  async done(): Promise<void> {
    await this.settled();
    if (this.failed) throw this.failed.error;
  }
}
