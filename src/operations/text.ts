import { count } from '../core/amounts.ts';

export { bytes, count, duration } from '../core/amounts.ts';

/** Rows as columns, two spaces between them. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** The first `limit` lines, and how many were left out. */
export function bounded(lines: readonly string[], limit: number, noun: string): string[] {
  return lines.length <= limit ? [...lines] : [...lines.slice(0, limit), `... and ${count(lines.length - limit, `more ${noun}`)}`];
}

/** As many lines as stay below `limit` characters, and how many were left out. */
export function fitting(lines: readonly string[], limit = 7_000): string {
  let length = 0;
  const fits = lines.findIndex((line) => (length += line.length + 1) > limit);
  return fits < 0 ? lines.join('\n') : bounded(lines, fits, 'line').join('\n');
}

/** The last `limit` characters of a stream that may be endless, and how many there were in all. */
export class Tail {
  private text = '';
  private count = 0;

  constructor(private readonly limit: number) {}

  add(text: string): void {
    this.count += text.length;
    this.text += text;
    if (this.text.length > 2 * this.limit) this.text = this.text.slice(-this.limit);
  }

  get value(): string {
    return this.text.slice(-this.limit);
  }

  get total(): number {
    return this.count;
  }
}
