import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PathMap } from '../../src/core/pathMap.ts';
import { Deployer } from '../../src/deploy/deploy.ts';
import { Ledger } from '../../src/deploy/ledger.ts';
import { RememberedHashes } from '../../src/deploy/rememberedHashes.ts';
import { connectPod } from '../../src/pod/connect.ts';
import { Runs } from '../../src/runs/runs.ts';
import { delaysTitle, logDelays } from './logDelays.ts';
import { type Bench, say, type Section } from './section.ts';
import { median, quantile, spread } from './statistics.ts';
import { findTools, startLine, startPeers } from './tools.ts';
import { makeTree, type Row, rows, type Stage, us } from './work.ts';

interface Line {
  readonly roundTripMs: number;
  /** 0: as fast as this machine. */
  readonly megabits: number;
}

const lines: readonly Line[] = [
  { roundTripMs: 0, megabits: 0 },
  { roundTripMs: 20, megabits: 1000 },
  { roundTripMs: 100, megabits: 1000 },
  { roundTripMs: 100, megabits: 100 },
];

/** Times in ms by contender; one that is missing on this machine has none. */
type Times = ReadonlyMap<string, readonly number[]>;

/** Ours and the tools', interleaved, through a process that delays and paces. */
export const overSsh: Section = {
  title: 'Over SSH',
  async run(bench) {
    const { choice } = bench;
    const wantedRows = rows([]).filter(({ title }) => choice.wants(title));
    const wantsLog = choice.wants(delaysTitle);
    if (wantedRows.length === 0 && !wantsLog) return undefined;
    const wantedLines = lines.filter(
      (line) => (choice.roundTripMs ?? line.roundTripMs) === line.roundTripMs && (choice.megabits ?? line.megabits) === line.megabits,
    );
    const local = join(bench.folder, 'local');
    const remote = join(bench.practice.workspace, 'bench');
    const paths = await makeTree(join(local, 'tree'));
    await mkdir(remote, { recursive: true });
    for (const megabytes of [50, 400]) {
      if (!wantedRows.some(({ title }) => title.startsWith(`${megabytes} MB`))) continue;
      for (const folder of [local, remote]) await writeRandom(join(folder, `big${megabytes}`), megabytes);
    }
    const texts = [explanation];
    for (const line of wantedLines) {
      const chosen = rows(paths).filter((row) => choice.wants(row.title) && (row.lines ?? (() => true))(line));
      texts.push(await overLine(bench, line, { local, remote, chosen, wantsLog }));
    }
    return texts.join('\n\n');
  },
};

const explanation = `sshd on loopback behind a process of its own that delays and paces. Medians in ms ± interquartile range. All contenders of a row take turns
in one run, each over a warm connection: the tools through an OpenSSH ControlMaster, ours over its own. What we put on the pod is verified there by
SHA-256 and renamed into place, what we fetch is verified too; so does rsync, file by file; scp, sftp and tar do neither.`;

/** Over all lines: one of them must not know what was deployed over another. */
let machines = 0;

async function overLine(
  { practice, folder }: Bench,
  line: Line,
  work: { readonly local: string; readonly remote: string; readonly chosen: readonly Row[]; readonly wantsLog: boolean },
): Promise<string> {
  const { local, remote, chosen } = work;
  const { roundTripMs, megabits } = line;
  const proxy = await startLine(practice.port, roundTripMs, (megabits * 1e6) / 8);
  const pod = connectPod({ ...practice.podOptions, port: proxy.port, hostKeys: 'off' });
  const peers = await startPeers(practice, proxy.port, folder);
  /** As on a machine that has never deployed there. */
  const newDeployer = () => {
    const state = join(folder, `state${machines++}`);
    const hashes = { local: new RememberedHashes(state, ['local']), pod: new RememberedHashes(state, ['pod']) };
    return new Deployer(pod, new PathMap(local, remote, 'posix'), new Ledger(state, pod.name, remote), hashes);
  };
  const stage: Stage = { pod, deployer: newDeployer(), newDeployer, runs: new Runs(pod, remote), peers, local, remote };
  try {
    await pod.connect();
    const tools = await findTools(['ssh', 'scp', 'sftp', 'rsync', 'tar']);
    const measured: { readonly row: Row; readonly times: Times }[] = [];
    for (const row of chosen) {
      const times = await measureRow(row, stage, tools, roundTripMs);
      measured.push({ row, times });
      say(
        `${roundTripMs} ms ${row.title}: ${[...times].map(([name, all]) => `${name} ${all.map((ms) => ms.toFixed(0)).join(' ')}`).join(' | ')}`,
      );
    }
    const delays = work.wantsLog ? describeDelays(await logDelays(stage)) : '';
    return `### ${roundTripMs} ms round trip, ${megabits === 0 ? 'unlimited' : `${megabits} Mbit/s`}\n\n${tableOf(measured, roundTripMs)}\n\n${delays}`.trim();
  } finally {
    pod.dispose();
    await peers.close();
    proxy.stop();
  }
}

async function measureRow(row: Row, stage: Stage, tools: ReadonlySet<string>, roundTripMs: number): Promise<Times> {
  const times = new Map<string, number[]>();
  // The first round warms caches on all sides.
  for (let round = 0; round <= row.times; round++) {
    for (const { name, needs, work } of row.contenders) {
      if (!needs.every((tool) => tools.has(tool))) continue;
      await row.prepare?.(stage);
      // A person's next command comes a while after the last; so warm channels are parked again.
      await delay(3 * roundTripMs + 50);
      const start = performance.now();
      await work(stage);
      if (round > 0) times.set(name, [...(times.get(name) ?? []), performance.now() - start]);
    }
  }
  return times;
}

function tableOf(measured: readonly { readonly row: Row; readonly times: Times }[], roundTripMs: number): string {
  if (measured.length === 0) return '';
  const names = [us, ...new Set(measured.flatMap(({ row }) => row.contenders.map(({ name }) => name)).filter((name) => name !== us))];
  const head = ['work', ...names, 'best tool / ours', ...(roundTripMs > 0 ? ['ours in round trips'] : [])];
  const body = measured.map(({ row, times }) => {
    const ours = median(times.get(us) ?? []);
    const peers = [...times].filter(([name]) => name !== us).map(([, all]) => median(all));
    const cells = names.map((name) => {
      const all = times.get(name);
      if (all) return `${median(all).toFixed(0)} ± ${spread(all).toFixed(0)}`;
      return row.contenders.some((contender) => contender.name === name) ? 'missing' : '';
    });
    const ratio = peers.length > 0 ? `**${(Math.min(...peers) / ours).toFixed(2)}x**` : '';
    return [row.title, ...cells, ratio, ...(roundTripMs > 0 ? [(ours / roundTripMs).toFixed(2)] : [])];
  });
  return [head, ['---', ...head.slice(1).map(() => '---:')], ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function describeDelays(delays: Times): string {
  const said = [...delays].map(
    ([name, all]) => `${name} median ${median(all).toFixed(1)} ms, p99 ${quantile(all, 0.99).toFixed(1)} ms (${all.length} lines)`,
  );
  return `${delaysTitle}: ${said.join('; ')}.`;
}

async function writeRandom(path: string, megabytes: number): Promise<void> {
  const out = createWriteStream(path);
  for (let index = 0; index < megabytes; index++) if (!out.write(randomBytes(1_000_000))) await once(out, 'drain');
  out.end();
  await once(out, 'close');
}
