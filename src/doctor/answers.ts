/** The `key<TAB>value` lines of questionScript; an empty value counts as no answer. */
export class Answers {
  private readonly values = new Map<string, string[]>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const tab = line.indexOf('\t');
      if (tab <= 0) continue;
      const value = line.slice(tab + 1).trim();
      if (value === '') continue;
      const key = line.slice(0, tab);
      this.values.set(key, [...(this.values.get(key) ?? []), value]);
    }
  }

  get(key: string): string | null {
    return this.values.get(key)?.[0] ?? null;
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  all(key: string): readonly string[] {
    return this.values.get(key) ?? [];
  }

  /** NaN when it was not answered with a number. */
  number(key: string): number {
    return Number(this.get(key) ?? Number.NaN);
  }
}
