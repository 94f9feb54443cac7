import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deployer } from '../../src/deploy/deploy.ts';
import type { SshPod } from '../../src/pod/connect.ts';
import type { Runs } from '../../src/runs/runs.ts';
import { run, type Peers } from './tools.ts';

/** Where one line's measurements happen. */
export interface Stage {
  readonly pod: SshPod;
  deployer: Deployer;
  readonly newDeployer: () => Deployer;
  readonly runs: Runs;
  readonly peers: Peers;
  /** Local folder with what is sent. */
  readonly local: string;
  /** Folder on the pod, which is this machine: tidied up directly. */
  readonly remote: string;
}

export interface Contender {
  readonly name: string;
  /** Programs of this machine without which it cannot take part. */
  readonly needs: readonly string[];
  readonly work: (stage: Stage) => Promise<unknown>;
}

/** One row: some work, done by us and by each tool that people use for it. */
export interface Row {
  readonly title: string;
  readonly times: number;
  /** Where it is worth measuring; everywhere by default. */
  readonly lines?: (line: { readonly roundTripMs: number; readonly megabits: number }) => boolean;
  /** Called before each measurement, untimed. */
  readonly prepare?: (stage: Stage) => Promise<unknown>;
  readonly contenders: readonly Contender[];
}

export const us = 'ours';

/**
 * What the tools put lies beside ours: a file that somebody else wrote is not overwritten by a deploy.
 *
 * @param paths of the files that `makeTree` made
 */
export function rows(paths: readonly string[]): readonly Row[] {
  return [
    {
      title: '`true`, exit status in hand',
      times: many,
      contenders: [
        ours(({ pod }) => pod.exec('true')),
        { name: 'ssh', needs: ['ssh'], work: ({ peers }) => run('ssh', [...peers.ssh, 'true']) },
      ],
    },
    {
      title: 'one 7 KB file deployed',
      times: many,
      prepare: (stage) => writeFile(join(stage.local, 'train.py'), `# version ${++version}\n${'x = 1  # some Python\n'.repeat(350)}`),
      contenders: [ours(({ deployer }) => deployer.deploy(['train.py'])), ...copiers('train.py', 'up', 'theirs.py')],
    },
    {
      title: '1,000 files, 9.6 MB, first time',
      times: few,
      prepare: async (stage) => {
        for (const name of ['tree', 'theirs']) await rm(join(stage.remote, name), { recursive: true, force: true });
        stage.deployer = stage.newDeployer();
      },
      contenders: [
        ours(({ deployer }) => deployer.deploy(treePaths(paths))),
        rsync((stage) => [`${join(stage.local, 'tree')}/`, `${there(stage, 'theirs')}/`]),
        {
          name: 'tar \\| ssh',
          needs: ['tar', 'ssh'],
          work: ({ local, remote, peers }) => {
            const target = join(remote, 'theirs');
            return sh(`tar -C ${join(local, 'tree')} -cf - . | ssh ${peers.ssh.join(' ')} 'mkdir -p ${target} && tar -C ${target} -xf -'`);
          },
        },
      ],
    },
    {
      title: 'the same tree, one file changed',
      times: few,
      prepare: (stage) => writeFile(join(stage.local, 'tree', paths[500] ?? ''), `changed ${++version}`),
      contenders: [
        ours(({ deployer }) => deployer.deployChanged(treePaths(paths))),
        rsync((stage) => [`${join(stage.local, 'tree')}/`, `${there(stage, 'theirs')}/`]),
      ],
    },
    {
      title: '1,000 files, 9.6 MB, fetched',
      times: few,
      prepare: async ({ local }) => {
        await rm(join(local, 'back'), { recursive: true, force: true });
        await mkdir(join(local, 'back'));
      },
      contenders: [
        ours(async ({ pod, remote, local }) => {
          const listed = (await pod.listFiles(join(remote, 'tree'))).map(({ path }) => path);
          await pod.getFiles(join(remote, 'tree'), listed, join(local, 'back'));
        }),
        rsync((stage) => [`${there(stage, 'tree')}/`, `${join(stage.local, 'back')}/`]),
        {
          name: 'ssh \\| tar',
          needs: ['tar', 'ssh'],
          work: ({ local, remote, peers }) =>
            sh(`ssh ${peers.ssh.join(' ')} 'tar -C ${join(remote, 'tree')} -cf - .' | tar -C ${join(local, 'back')} -xf -`),
        },
      ],
    },
    big(50, 'up'),
    big(50, 'down'),
    // Where the line is no limit the machine is, and the cipher.
    { ...big(400, 'up'), lines: isNoLimit },
    { ...big(400, 'down'), lines: isNoLimit },
  ];
}

const isNoLimit: Row['lines'] = ({ roundTripMs, megabits }) => roundTripMs === 0 && megabits === 0;

const many = 9;
const few = 5;

/** A fresh content each time: an identical one would not be sent. */
let version = 0;

function big(megabytes: number, direction: 'up' | 'down'): Row {
  const name = `big${megabytes}`;
  return {
    title: `${megabytes} MB ${direction}`,
    times: few,
    prepare: async ({ remote, local }) => {
      await rm(join(remote, 'copy'), { force: true });
      await rm(join(local, 'copy'), { force: true });
    },
    contenders: [
      direction === 'up'
        ? ours(({ pod, local, remote }) => pod.putFiles([{ source: { localPath: join(local, name) }, remotePath: join(remote, 'copy') }]))
        : ours(({ pod, local, remote }) => pod.getFile(join(remote, name), join(local, 'copy'))),
      ...copiers(name, direction, 'copy'),
    ],
  };
}

function ours(work: Contender['work']): Contender {
  return { name: us, needs: [], work };
}

/** The tools that copy one file, from `name` on one side to `target` on the other. */
function copiers(name: string, direction: 'up' | 'down', target = name): readonly Contender[] {
  const ends = (stage: Stage): [string, string] =>
    direction === 'up' ? [join(stage.local, name), there(stage, target)] : [there(stage, name), join(stage.local, target)];
  return [
    {
      name: 'scp',
      needs: ['scp'],
      work: (stage) => run('scp', ['-q', ...stage.peers.options, '-P', stage.peers.port, ...ends(stage)]),
    },
    {
      name: 'sftp',
      needs: ['sftp'],
      work: ({ peers, local, remote }) =>
        sh(
          `printf '%s\\n' "$COMMAND" | sftp -q -b - ${[...peers.options, '-P', peers.port, peers.host].join(' ')}`,
          direction === 'up' ? `put ${join(local, name)} ${join(remote, target)}` : `get ${join(remote, name)} ${join(local, target)}`,
        ),
    },
    rsync(ends),
  ];
}

function rsync(ends: (stage: Stage) => readonly string[]): Contender {
  return { name: 'rsync', needs: ['rsync', 'ssh'], work: (stage) => run('rsync', ['-a', '-e', stage.peers.shell, ...ends(stage)]) };
}

function there({ peers, remote }: Stage, path: string): string {
  return `${peers.host}:${join(remote, path)}`;
}

function sh(script: string, command = ''): Promise<unknown> {
  return run('sh', ['-c', script], { env: { ...process.env, COMMAND: command } });
}

const treePaths = (paths: readonly string[]) => paths.map((path) => `tree/${path}`);

const words =
  'def class return self import for in if else None True False model loss batch epoch tensor shape data train config path = == ( ) [ ] : , . + -'.split(
    ' ',
  );

/** 1,000 files in 40 folders. @returns their paths below the folder */
export async function makeTree(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (let index = 0; index < 1000; index++) {
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
