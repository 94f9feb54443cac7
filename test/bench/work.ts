import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SshPod } from '../../src/pod/connect.ts';
import type { FileToPut } from '../../src/pod/pod.ts';
import { run, type Peers } from './tools.ts';

/** Where one line's measurements happen. */
export interface Stage {
  readonly pod: SshPod;
  readonly peers: Peers;
  readonly tools: ReadonlySet<string>;
  /** Local folder with what is sent. */
  readonly local: string;
  /** Folder on the pod, which is this machine. */
  readonly remote: string;
}

/** One row: some work, done by us and by each tool that people use for it. */
export interface Row {
  readonly title: string;
  /** Called before each measurement, untimed. */
  prepare?(stage: Stage): Promise<void>;
  readonly contenders: Readonly<Record<string, (stage: Stage) => Promise<unknown>>>;
  readonly times: number;
}

export const us = 'ours';

let version = 0;
/** A fresh small file each time: an identical one would not be sent. */
async function nextTrainPy(stage: Stage): Promise<void> {
  await writeFile(join(stage.local, 'train.py'), `# version ${++version}\n${'x = 1  # some Python\n'.repeat(350)}`);
}

const scp = (stage: Stage, ...args: string[]) => run('scp', ['-q', ...stage.peers.options, '-P', portOf(stage), ...args]);
const portOf = ({ peers }: Stage) => peers.ssh[peers.ssh.indexOf('-p') + 1]!;
const sh = (command: string, env: NodeJS.ProcessEnv = {}) =>
  run('sh', ['-c', command], { env: { ...process.env, ...env }, maxBuffer: 64 << 20 });

export const fileCount = 1000;
export async function makeTree(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (let index = 0; index < fileCount; index++) {
    const path = `pkg${index % 40}/module_${index}.py`;
    await mkdir(join(folder, `pkg${index % 40}`), { recursive: true });
    // Text that compresses about as source code does: words of a small vocabulary in no order.
    let text = '';
    for (let state = index + 1; text.length < 9600;) {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      text += `${words[(state >> 8) % words.length]}${state % 7 === 0 ? '\n' : ' '}`;
      if (state % 13 === 0) text += state.toString(36);
    }
    await writeFile(join(folder, path), text);
    paths.push(path);
  }
  return paths;
}
const words =
  'def class return self import for in if else None True False model loss batch epoch tensor shape data train config path = == ( ) [ ] : , . + -'.split(
    ' ',
  );

const treeFiles = (stage: Stage, paths: readonly string[]): FileToPut[] =>
  paths.map((path) => ({ source: { localPath: join(stage.local, 'tree', path) }, remotePath: join(stage.remote, 'tree', path) }));

/** `heavy`: also 400 MB, where the line is no limit. */
export function rows(paths: readonly string[], heavy: boolean): readonly Row[] {
  const many = 9;
  const few = 5;
  const rsync = (stage: Stage, ...args: string[]) => run('rsync', ['-a', '-e', stage.peers.shell, ...args]);
  const clearTree = (stage: Stage) => rm(join(stage.remote, 'tree'), { recursive: true, force: true });
  const clearBig = async (stage: Stage) => {
    await rm(join(stage.remote, 'up'), { force: true });
    await rm(join(stage.local, 'down'), { force: true });
  };
  const big = (megabytes: number, direction: 'up' | 'down'): Row => {
    const name = `big${megabytes}`;
    const to = (stage: Stage) => join(stage.remote, 'up');
    const from = (stage: Stage) => join(stage.remote, name);
    const back = (stage: Stage) => join(stage.local, 'down');
    return {
      title: `${megabytes} MB ${direction}`,
      times: few,
      prepare: clearBig,
      contenders:
        direction === 'up'
          ? {
              [us]: (stage) => stage.pod.putFiles([{ source: { localPath: join(stage.local, name) }, remotePath: to(stage) }]),
              scp: (stage) => scp(stage, join(stage.local, name), `${stage.peers.host}:${to(stage)}`),
              rsync: (stage) => rsync(stage, join(stage.local, name), `${stage.peers.host}:${to(stage)}`),
            }
          : {
              [us]: (stage) => stage.pod.getFile(from(stage), back(stage)),
              scp: (stage) => scp(stage, `${stage.peers.host}:${from(stage)}`, back(stage)),
              rsync: (stage) => rsync(stage, `${stage.peers.host}:${from(stage)}`, back(stage)),
            },
    };
  };
  return [
    {
      title: '`true`, exit status in hand',
      times: many,
      contenders: { [us]: (stage) => stage.pod.exec('true'), ssh: (stage) => run('ssh', [...stage.peers.ssh, 'true']) },
    },
    {
      title: 'one 7 KB file deployed',
      times: many,
      prepare: nextTrainPy,
      contenders: {
        [us]: (stage) =>
          stage.pod.putFiles([{ source: { localPath: join(stage.local, 'train.py') }, remotePath: join(stage.remote, 'train.py') }]),
        scp: (stage) => scp(stage, join(stage.local, 'train.py'), `${stage.peers.host}:${join(stage.remote, 'train.py')}`),
        sftp: (stage) =>
          sh(
            `printf 'put %s %s\\n' "$A" "$B" | sftp -q -b - ${[...stage.peers.options, '-P', portOf(stage), stage.peers.host].join(' ')}`,
            { A: join(stage.local, 'train.py'), B: join(stage.remote, 'train.py') },
          ),
        rsync: (stage) => rsync(stage, join(stage.local, 'train.py'), `${stage.peers.host}:${join(stage.remote, 'train.py')}`),
      },
    },
    {
      title: '1,000 files, 9.6 MB, first time',
      times: few,
      prepare: clearTree,
      contenders: {
        [us]: (stage) => stage.pod.putFiles(treeFiles(stage, paths)),
        rsync: (stage) => rsync(stage, `${join(stage.local, 'tree')}/`, `${stage.peers.host}:${join(stage.remote, 'tree')}/`),
        'tar | ssh': (stage) =>
          sh(
            `tar -C ${join(stage.local, 'tree')} -cf - . | ssh ${stage.peers.ssh.join(' ')} 'mkdir -p ${join(stage.remote, 'tree')} && tar -C ${join(stage.remote, 'tree')} -xf -'`,
          ),
      },
    },
    {
      title: 'same tree, one file changed',
      times: few,
      prepare: (stage) => writeFile(join(stage.local, 'tree', paths[500]!), `changed ${++version}`),
      contenders: {
        [us]: async (stage) => {
          // As deploy does it: one trip to learn what the pod has, one to send what differs.
          const files = treeFiles(stage, paths);
          const there = await stage.pod.hashFiles(files.map(({ remotePath }) => remotePath));
          const { createHash } = await import('node:crypto');
          const { readFile } = await import('node:fs/promises');
          const changed = files[500]!;
          const content = await readFile(join(stage.local, 'tree', paths[500]!));
          if (there.get(changed.remotePath) !== createHash('sha256').update(content).digest('hex')) await stage.pod.putFiles([changed]);
        },
        rsync: (stage) => rsync(stage, `${join(stage.local, 'tree')}/`, `${stage.peers.host}:${join(stage.remote, 'tree')}/`),
      },
    },
    {
      title: '1,000 files, 9.6 MB, back',
      times: few,
      prepare: (stage) => rm(join(stage.local, 'back'), { recursive: true, force: true }),
      contenders: {
        [us]: async (stage) => {
          const listed = await stage.pod.listFiles(join(stage.remote, 'tree'));
          await stage.pod.getFiles(
            join(stage.remote, 'tree'),
            listed.map(({ path }) => path),
            join(stage.local, 'back'),
          );
        },
        rsync: (stage) => rsync(stage, `${stage.peers.host}:${join(stage.remote, 'tree')}/`, `${join(stage.local, 'back')}/`),
        'ssh | tar': (stage) =>
          sh(
            `mkdir -p ${join(stage.local, 'back')}; ssh ${stage.peers.ssh.join(' ')} 'tar -C ${join(stage.remote, 'tree')} -cf - .' | tar -C ${join(stage.local, 'back')} -xf -`,
          ),
      },
    },
    big(50, 'up'),
    big(50, 'down'),
    ...(heavy ? [big(400, 'up'), big(400, 'down')] : []),
  ];
}

/** How long after it was written a line of a log is in the reader's hands, in ms. */
export async function logDelays(stage: Stage, lines: number): Promise<Readonly<Record<string, readonly number[]>>> {
  const log = join(stage.remote, 'follow.log');
  await writeFile(log, '');
  const measure = async (start: (onLine: (line: string) => void) => () => void): Promise<readonly number[]> => {
    const written = new Map<string, number>();
    const delays: number[] = [];
    let ready = () => {};
    const stop = start((line) => {
      if (line === 'ready') return ready();
      const at = written.get(line);
      if (at !== undefined) delays.push(performance.now() - at);
    });
    await new Promise<void>((resolve) => {
      ready = resolve;
      const ping = setInterval(() => appendFileSync(log, 'ready\n'), 100);
      const done = ready;
      ready = () => {
        clearInterval(ping);
        done();
      };
    });
    for (let index = 0; index < lines; index++) {
      written.set(`line ${index}`, performance.now());
      appendFileSync(log, `line ${index}\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (let waited = 0; delays.length < lines && waited < 100; waited++) await new Promise((resolve) => setTimeout(resolve, 50));
    stop();
    return delays;
  };
  const splitter = (onLine: (line: string) => void) => {
    let rest = '';
    return (chunk: Buffer) => {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      parts.forEach(onLine);
    };
  };
  const command = `tail -n +1 -f ${log}`;
  const ours = await measure((onLine) => {
    const controller = new AbortController();
    stage.pod.exec(command, { signal: controller.signal, onStdout: splitter(onLine), discardOutput: true }).catch(() => {});
    return () => controller.abort();
  });
  await writeFile(log, '');
  const ssh = await measure((onLine) => {
    const child = spawn('ssh', [...stage.peers.ssh, command], { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.on('data', splitter(onLine));
    return () => void child.kill();
  });
  return { [us]: ours, 'ssh tail -f': ssh };
}
