import { statfs } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { findTools, run } from './tools.ts';

const versionOf: Readonly<Record<string, (out: string) => string | undefined>> = {
  ssh: (out) => /^OpenSSH_[^ ,]+/.exec(out)?.[0],
  rsync: (out) => /^rsync +version ([^ ]+)/.exec(out)?.[0].replace(/ +version/, ''),
  tar: (out) => /^tar .*? ([\d.]+)$/m.exec(out)?.[0],
};

/** statfs(2): TMPFS_MAGIC. */
const tmpfs = 0x01021994;

/** More than this before anything was measured is somebody else's work. */
const quiet = 1;

/** Where and with what the figures of this run came about. */
export async function machine(loadAtBegin: number): Promise<string> {
  const there = await findTools(['ssh', 'scp', 'sftp', 'rsync', 'tar']);
  const missing = ['ssh', 'scp', 'sftp', 'rsync', 'tar'].filter((name) => !there.has(name));
  const versions = await Promise.all(
    Object.entries(versionOf).map(async ([name, read]) => {
      if (!there.has(name)) return [];
      const { stdout, stderr } = await run(name, [name === 'ssh' ? '-V' : '--version']);
      return read(stdout || stderr) ?? name;
    }),
  );
  const inMemory = (await statfs(tmpdir())).type === tmpfs;
  const processors = cpus();
  return `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}; run it to have the figures of your machine.

- ${processors.length} x ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}; all files ${inMemory ? 'in memory (tmpfs)' : 'on its disk'}
- load average ${loadAtBegin.toFixed(1)} when it began, ${(loadavg()[0] ?? 0).toFixed(1)} when it ended, of which this run itself makes about 2${loadAtBegin > quiet ? '. **The machine was busy with something else, so all that needs the processor took longer than it would**' : ''}
- Node ${process.version}, ${versions.flat().join(', ')}
- ${missing.length === 0 ? 'All the tools compared with were there.' : `Missing on this machine, so not measured: **${missing.join(', ')}**.`}`;
}
