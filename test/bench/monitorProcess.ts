import { TrainingMonitor } from '../../src/monitor/monitor.ts';
import { FRAGMENTS, noise } from '../unit/monitor/fragments.ts';
import { mixedLog } from './mixedLog.ts';

export interface MonitorFigures {
  /** By processor time, of each round. */
  readonly linesPerSecond: readonly number[];
  readonly megabytesPerSecond: number;
  /** Of the heap and buffers in use, in MB, over `lines` lines. */
  readonly growth: number;
  readonly lines: number;
  /** The line of 1 MB that took the most processor time. */
  readonly worst: { readonly ms: number; readonly unit: string; readonly tried: number };
}

const LINES = 1_000_000;
const CHUNK = 65_536;

/** Processor seconds that the work took. */
function cpu(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function feed(monitor: TrainingMonitor, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += CHUNK) monitor.write(bytes.subarray(at, at + CHUNK));
}

function megabytesInUse(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

function measure(): MonitorFigures {
  const log = mixedLog(LINES);
  const seconds = Array.from({ length: 4 }, () =>
    cpu(() => {
      const monitor = new TrainingMonitor();
      feed(monitor, log);
      monitor.end();
    }),
  );
  const endless = new TrainingMonitor();
  feed(endless, log);
  const before = megabytesInUse();
  const rounds = 10;
  for (let round = 0; round < rounds; round++) feed(endless, log);
  const growth = megabytesInUse() - before;
  return {
    linesPerSecond: seconds.map((s) => LINES / s),
    megabytesPerSecond: log.length / 1e6 / Math.min(...seconds),
    growth,
    lines: rounds * LINES,
    worst: worstLine(),
  };
}

/** Every fragment, and every pair of them, repeated to a megabyte in one line. */
function worstLine(): MonitorFigures['worst'] {
  let worst = { ms: 0, unit: '' };
  let tried = 0;
  const encoder = new TextEncoder();
  for (const [i, first] of FRAGMENTS.entries()) {
    for (const second of ['', ...FRAGMENTS.filter((_, j) => (i + j) % 7 === 0)]) {
      const unit = first + second;
      const bytes = encoder.encode(unit.repeat(Math.ceil(1e6 / unit.length)));
      const monitor = new TrainingMonitor();
      monitor.write('Epoch 1/3 loss: 0.5\n  File "x.py", line 3, in f\n');
      tried++;
      const once = (): number =>
        1000 *
        cpu(() => {
          feed(monitor, bytes);
          monitor.write('\n');
        });
      const ms = once();
      // The first time also compiles patterns.
      if (ms > worst.ms) worst = { ms: Math.min(ms, once()), unit: JSON.stringify(unit) };
    }
  }
  for (const kind of ['bytes', 'printable', 'pieces'] as const) {
    const bytes = noise(1_000_000, 1, kind);
    const monitor = new TrainingMonitor();
    tried++;
    const once = (): number =>
      1000 *
      cpu(() => {
        feed(monitor, bytes);
        monitor.write('\n');
      });
    once();
    const ms = once();
    if (ms > worst.ms) worst = { ms, unit: `random ${kind}` };
  }
  return { ...worst, tried };
}

process.send?.(measure());
