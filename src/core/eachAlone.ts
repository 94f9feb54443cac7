/** Does the work for one after the other; what one throws is told, and keeps none of the others from its turn. */
export async function eachAlone<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  failed: (item: T, error: unknown) => void,
): Promise<void> {
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      failed(item, error);
    }
  }
}
