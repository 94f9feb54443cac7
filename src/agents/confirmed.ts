/** Where a call acts. */
export interface CallPlace {
  readonly projectRoot: string;
  /** Name of the pod; null when it was not known. */
  readonly pod: string | null;
}

/** Confirmations that no call has followed: a person declined, or has not answered yet. */
const kept = 50;

/**
 * What a person was told about a call before they agreed to it. The editor asks and calls separately, and meanwhile another project may have come to the front or another pod been
 * selected: the call acts where it was said to.
 */
export class ConfirmedCalls {
  private readonly places = new Map<string, CallPlace>();

  told(tool: string, input: unknown, place: CallPlace): void {
    const key = keyOf(tool, input);
    this.places.delete(key);
    this.places.set(key, place);
    const [oldest] = this.places.keys();
    if (this.places.size > kept && oldest !== undefined) this.places.delete(oldest);
  }

  /** Where the call is to act; undefined when nobody was told. */
  take(tool: string, input: unknown): CallPlace | undefined {
    const key = keyOf(tool, input);
    const place = this.places.get(key);
    this.places.delete(key);
    return place;
  }
}

/** The same whatever the order of the fields. */
function keyOf(tool: string, input: unknown): string {
  return JSON.stringify([tool, input], (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
