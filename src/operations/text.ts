/** `1 file`, `3 files`. */
export function count(number: number, noun: string, plural = noun + 's'): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? noun : plural}`;
}

/** `512 B`, `7.2 KB`, `1.4 GB`; decimal units, as disks and networks are counted. */
export function bytes(number: number): string {
  if (number < 1000) return `${number} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = number / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `240 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

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
