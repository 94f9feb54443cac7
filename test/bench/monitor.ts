import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { MonitorFigures } from './monitorProcess.ts';
import type { Section } from './section.ts';

/** The monitor on a generated log, in a process of its own, so that nothing else uses its memory or its compiled code. */
export const monitor: Section = {
  title: 'Monitor',
  async run(bench) {
    if (!bench.choice.wants(this.title) || bench.choice.roundTripMs !== undefined) return undefined;
    return monitorReport(await monitorFigures());
  },
};

/** Measures in a process of its own. */
export async function monitorFigures(): Promise<MonitorFigures> {
  const child = fork(join(__dirname, 'monitorProcess.ts'), { execArgv: ['--expose-gc', '--import', 'tsx'] });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as MonitorFigures));
    child.once('exit', (code) => reject(new Error(`The process that was measured ended with ${code}.`)));
  });
}

/** The figures as Markdown. */
export function monitorReport({ linesPerSecond, megabytesPerSecond, growth, lines, worst }: MonitorFigures): string {
  const thousands = (value: number): string => `${Math.round(value / 1000).toLocaleString('en')},000`;
  return `One core, everything on, in chunks of 64 KB. Processor time of the process (\`process.cpuUsage\`), garbage collection included, so that what else runs on the machine does not count.

| what | figure |
| --- | --- |
| mixed log of 1,000,000 lines (best of ${linesPerSecond.length}) | ${thousands(Math.max(...linesPerSecond))} lines/s, ${megabytesPerSecond.toFixed(0)} MB/s |
| growth of the memory in use over ${thousands(lines)} lines, after the first 1,000,000 | ${growth.toFixed(1)} MB |
| worst of ${worst.tried} lines of 1 MB, from the fragments that the patterns look for, repeated and at random, and of random bytes | ${worst.ms.toFixed(0)} ms (\`${worst.unit}\`) |

The log mixes plain epochs, Megatron's and nanoGPT's lines, Hugging Face's dicts, bars redrawn five times, ranks' prefixes, warnings, tracebacks and blank lines
(\`test/bench/mixedLog.ts\`). The Python monitor that this one replaces reads 34,000 lines/s.`;
}
