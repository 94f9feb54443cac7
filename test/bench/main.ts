import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPracticePod } from '../../src/practice/practicePod.ts';
import { machine } from './machine.ts';
import { memory } from './memory.ts';
import { monitor } from './monitor.ts';
import { overSsh } from './overSsh.ts';
import { type Bench, type Choice, type Section, say } from './section.ts';

/** In the order of docs/benchmarks.md. */
const sections: readonly Section[] = [overSsh, memory, monitor];

const usage = `npm run bench [-- --only TEXT] [--rtt MS] [--rate MBIT]

Measures everything and writes docs/benchmarks.md (about 20 minutes). With an option it measures less and writes to the terminal:
  --only TEXT   rows and sections with TEXT in their title
  --rtt MS      lines of that round trip
  --rate MBIT   lines of that rate (0: unlimited)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, rtt: { type: 'string' }, rate: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) return void process.stdout.write(usage);
  const text = values.only?.toLowerCase();
  const choice: Choice = {
    roundTripMs: values.rtt === undefined ? undefined : Number(values.rtt),
    megabits: values.rate === undefined ? undefined : Number(values.rate),
    wants: (title) => text === undefined || title.toLowerCase().includes(text),
  };
  const folder = await mkdtemp(join(tmpdir(), 'rpo-bench-'));
  const practice = await startPracticePod({ folder: join(folder, 'pod') });
  try {
    const report = await measure({ practice, folder, choice });
    if (Object.keys(values).length > 0) process.stdout.write(report);
    else await writeFile(join(__dirname, '../../docs/benchmarks.md'), report);
  } finally {
    await practice.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(bench: Bench): Promise<string> {
  const loadAtBegin = loadavg()[0] ?? 0;
  const texts: string[] = [];
  for (const section of sections) {
    const started = performance.now();
    const body = await section.run(bench);
    if (body === undefined) continue;
    texts.push(`## ${section.title}\n\n${body.trim()}`);
    say(`${section.title}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  return `${[`# Benchmarks\n\n${await machine(loadAtBegin)}`, ...texts].join('\n\n')}\n`;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  },
);
