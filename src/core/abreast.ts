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

  /** Waits for all of it; rejects when any has failed. */
  async done(): Promise<void> {
    await Promise.all(this.underWay);
    if (this.failed) throw this.failed.error;
  }
}
