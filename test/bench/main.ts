import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connectPod } from '../../src/pod/connect.ts';
import { startPracticePod } from '../../src/practice/practicePod.ts';
import { memoryWhileMoving } from './memory.ts';
import { report, type LineResult } from './report.ts';
import { findTools, startLine, startPeers } from './tools.ts';
import { logDelays, makeTree, rows, us, type Stage } from './work.ts';

/**
 * `npm run bench [-- --only RTT] [--rows TEXT] [--no-write]`: every row of issue 3's table, ours and the tools', interleaved, through a
 * process that delays and paces. Writes docs/benchmarks.md.
 */
const lines = [
  { roundTripMs: 0, megabits: 0 },
  { roundTripMs: 20, megabits: 1000 },
  { roundTripMs: 100, megabits: 1000 },
  { roundTripMs: 100, megabits: 100 },
] as const;

async function main(): Promise<void> {
  const argument = (name: string) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
  const only = argument('--only');
  const wantedRows = argument('--rows');
  const folder = await mkdtemp(join(tmpdir(), 'rpo-bench-'));
  const practice = await startPracticePod({ folder: join(folder, 'pod') });
  const results: LineResult[] = [];
  try {
    const tools = await findTools(['ssh', 'scp', 'sftp', 'rsync', 'tar']);
    const local = join(folder, 'local');
    await mkdir(join(local, 'tree'), { recursive: true });
    const paths = await makeTree(join(local, 'tree'));
    for (const megabytes of [50, 400]) {
      await writeRandom(join(local, `big${megabytes}`), megabytes);
      await writeRandom(join(practice.workspace, `big${megabytes}`), megabytes);
    }
    for (const { roundTripMs, megabits } of lines) {
      if (only !== undefined && Number(only) !== roundTripMs) continue;
      const line = await startLine(practice.port, roundTripMs, (megabits * 1e6) / 8);
      const pod = connectPod({ ...practice.podOptions, port: line.port, hostKeys: 'off' });
      const peers = await startPeers(practice, line.port, folder);
      const stage: Stage = { pod, peers, tools, local, remote: practice.workspace };
      await pod.connect();
      const result: LineResult = { roundTripMs, megabits, rows: [], log: {} };
      for (const row of rows(paths, roundTripMs === 0)) {
        if (wantedRows !== undefined && !row.title.includes(wantedRows)) continue;
        if (megabits === 100 && row.title.startsWith('400')) continue;
        const times: Record<string, number[]> = {};
        for (let round = 0; round <= row.times; round++) {
          for (const [name, work] of Object.entries(row.contenders)) {
            const program = name.split(' ').find((word) => word !== us && word !== '|');
            if (program !== undefined && !tools.has(program)) continue;
            await row.prepare?.(stage);
            // A person's next command comes a while after the last; so warm channels are parked again.
            await new Promise((resolve) => setTimeout(resolve, 3 * roundTripMs + 50));
            const start = performance.now();
            await work(stage);
            // The first round warms caches on all sides.
            if (round > 0) (times[name] ??= []).push(performance.now() - start);
          }
        }
        result.rows.push({ title: row.title, contenders: Object.keys(row.contenders), times });
        process.stdout.write(
          `${roundTripMs} ms ${row.title}: ${Object.entries(times)
            .map(([name, all]) => `${name} ${all.map((ms) => ms.toFixed(0)).join(' ')}`)
            .join(' | ')}\n`,
        );
      }
      if (wantedRows === undefined || 'log'.includes(wantedRows)) Object.assign(result.log, await logDelays(stage, 100));
      results.push(result);
      pod.dispose();
      await peers.close();
      line.stop();
    }
    const memory = only === undefined && wantedRows === undefined ? await memoryWhileMoving(practice, folder, 2000) : undefined;
    const text = report(results, tools, memory, { cpu: `${cpus().length} x ${cpus()[0]?.model ?? '?'}`, node: process.version });
    if (process.argv.includes('--no-write') || only !== undefined || wantedRows !== undefined) process.stdout.write(text);
    else await writeFile(join(__dirname, '../../docs/benchmarks.md'), text);
  } finally {
    await practice.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRandom(path: string, megabytes: number): Promise<void> {
  const out = createWriteStream(path);
  for (let index = 0; index < megabytes; index++) if (!out.write(randomBytes(1_000_000))) await once(out, 'drain');
  out.end();
  await once(out, 'close');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
