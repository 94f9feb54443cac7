/** `1 file`, `3 files`. */
export function count(number: number, noun: string, plural = noun + 's'): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? noun : plural}`;
}

/** `512 B`, `7.2 KB`, `1.4 GB`; decimal units, as disks and networks are counted. */
export function bytes(number: number): string {
  if (number < 1000) return `${Math.round(number)} B`;
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
