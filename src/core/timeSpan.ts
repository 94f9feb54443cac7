const units = [
  { name: 'hour', milliseconds: 3_600_000 },
  { name: 'minute', milliseconds: 60_000 },
  { name: 'second', milliseconds: 1_000 },
  { name: 'millisecond', milliseconds: 1 },
] as const;

/** A limit in words, as one would say it: `1.5 seconds`, `90 seconds`, `5 minutes`, `1 hour`. At most one decimal. */
export function timeSpan(milliseconds: number): string {
  // The largest unit that says it in whole numbers; what has none is said in seconds, or what is smaller.
  const whole = units.find((unit) => unit.milliseconds > 1 && milliseconds > 0 && milliseconds % unit.milliseconds === 0);
  const unit = whole ?? (milliseconds >= 1_000 ? units[2] : units[3]);
  const number = Math.round((10 * milliseconds) / unit.milliseconds) / 10;
  return `${number} ${unit.name}${number === 1 ? '' : 's'}`;
}
