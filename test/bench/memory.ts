import { fork } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Memory, Task } from './memoryProcess.ts';
import type { Bench, Section } from './section.ts';
import { startLine } from './tools.ts';

const bytes = 2_000_000_000;

/** Over a short way the machine is the limit, over a long one what is under way. */
const lines = [
  { roundTripMs: 0, megabits: 0 },
  { roundTripMs: 100, megabits: 1000 },
] as const;

/** Moves a large file both ways in a process of its own, bundled as what ships is, and watches its resident size. */
export const memory: Section = {
  title: 'Memory while moving 2 GB',
  async run(bench) {
    if (!bench.choice.wants(this.title)) return undefined;
    const rows: string[] = [];
    for (const { roundTripMs, megabits } of lines) {
      if ((bench.choice.roundTripMs ?? roundTripMs) !== roundTripMs) continue;
      const { up, down, idle } = await whileMoving(bench, roundTripMs, megabits);
      rows.push(`| ${roundTripMs} ms | ${[idle, up, down].map((size) => `${size.toFixed(0)} MB`).join(' | ')} |`);
    }
    return [
      'Largest resident size of the process.',
      '',
      '| round trip | connected, idle | going up | coming down |',
      '| --- | ---: | ---: | ---: |',
      ...rows,
    ].join('\n');
  },
};

async function whileMoving({ practice, folder }: Bench, roundTripMs: number, megabits: number): Promise<Memory> {
  const local = join(folder, 'huge');
  const remote = join(practice.workspace, 'huge');
  const handle = await open(local, 'w');
  await handle.truncate(bytes);
  await handle.close();
  // As .ci/build.mjs bundles: without the loader, and without ssh2's addon.
  const program = join(folder, 'memoryProcess.cjs');
  await build({
    entryPoints: [join(__dirname, 'memoryProcess.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    external: ['*.node', 'cpu-features'],
    logLevel: 'error',
  });
  const line = await startLine(practice.port, roundTripMs, (megabits * 1e6) / 8);
  const child = fork(program, { execArgv: [] });
  try {
    const answer = new Promise<Memory>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Memory));
      child.once('exit', (code) => reject(new Error(`The process that was measured ended with ${code}.`)));
    });
    child.send({ options: { ...practice.podOptions, port: line.port, hostKeys: 'off' }, local, remote } satisfies Task);
    return await answer;
  } finally {
    child.kill();
    line.stop();
    for (const path of [local, `${local}.back`, remote]) await rm(path, { force: true });
  }
}
