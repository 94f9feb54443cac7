import type { Memory } from './memory.ts';
import { median, spread } from './tools.ts';
import { us } from './work.ts';

export interface LineResult {
  readonly roundTripMs: number;
  /** 0: as fast as this machine. */
  readonly megabits: number;
  readonly rows: {
    readonly title: string;
    readonly contenders: readonly string[];
    readonly times: Readonly<Record<string, readonly number[]>>;
  }[];
  readonly log: Record<string, readonly number[]>;
}

/** docs/benchmarks.md */
export function report(
  results: readonly LineResult[],
  tools: ReadonlySet<string>,
  memory: Memory | undefined,
  machine: { readonly cpu: string; readonly node: string },
): string {
  const missing = ['ssh', 'scp', 'sftp', 'rsync', 'tar'].filter((name) => !tools.has(name));
  return `# Benchmarks

Written by \`npm run bench\`; run it to have them for your machine. ${machine.cpu}, Node ${machine.node}. sshd on loopback behind a process of its own
that delays and paces. Times are medians in ms with the interquartile range, all contenders interleaved in one run, each with a warm connection:
the tools over an OpenSSH ControlMaster, ours over its own. What we put is verified by SHA-256 on the pod and atomic; the tools' is neither.
${missing.length === 0 ? 'All tools were there.' : `Missing on this machine, so not measured: ${missing.join(', ')}.`}

${results.map(section).join('\n')}
## Memory

${memory === undefined ? 'Not measured in this run.' : `${memory.megabytes} MB moved, largest resident size of the process (Node with this code idle: ${memory.idle.toFixed(0)} MB): ${memory.up.toFixed(0)} MB up, ${memory.down.toFixed(0)} MB down.`}
`;
}

function section({ roundTripMs, megabits, rows, log }: LineResult): string {
  const names = [us, ...new Set(rows.flatMap(({ contenders }) => contenders).filter((name) => name !== us))];
  const table = rows.map(({ title, contenders, times }) => {
    const ours = median(times[us] ?? [NaN]);
    const peers = Object.entries(times).filter(([name]) => name !== us);
    const best = Math.min(...peers.map(([, all]) => median(all)));
    const cells = names.map((name) => {
      const all = times[name];
      if (all) return `${median(all).toFixed(0)} ± ${spread(all).toFixed(0)}`;
      return contenders.includes(name) ? 'missing' : '';
    });
    return `| ${[title, ...cells, peers.length > 0 ? `${(best / ours).toFixed(1)}x` : '', roundTripMs > 0 ? (ours / roundTripMs).toFixed(1) : ''].join(' | ')} |`;
  });
  const delays = Object.entries(log).map(([name, all]) => {
    const sorted = [...all].sort((a, b) => a - b);
    return `${name}: median ${median(all).toFixed(1)} ms, p99 ${(sorted[Math.ceil(0.99 * sorted.length) - 1] ?? NaN).toFixed(1)} ms`;
  });
  return `## ${roundTripMs} ms round trip, ${megabits === 0 ? 'unlimited' : `${megabits} Mbit/s`}

| work | ${names.join(' | ')} | best tool / ours | round trips |
| --- | ${names.map(() => '---:').join(' | ')} | ---: | ---: |
${table.join('\n')}

${delays.length > 0 ? `A line written to a log on the pod, until it is in the reader's hands: ${delays.join('; ')}.\n` : ''}`;
}
