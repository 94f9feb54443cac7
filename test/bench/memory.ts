import { fork } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PracticePod } from '../../src/practice/practicePod.ts';
import { connectPod } from '../../src/pod/connect.ts';
import type { PodOptions } from '../../src/pod/pod.ts';

export interface Memory {
  readonly megabytes: number;
  /** Largest resident size of the process, up and down, in MB; and before anything was moved. */
  readonly up: number;
  readonly down: number;
  readonly idle: number;
}

interface Task {
  readonly options: PodOptions;
  readonly local: string;
  readonly remote: string;
}

/** Moves a large sparse file both ways in a process of its own and watches its resident size. */
export async function memoryWhileMoving(practice: PracticePod, folder: string, megabytes: number): Promise<Memory> {
  const local = join(folder, 'huge');
  const handle = await open(local, 'w');
  await handle.truncate(megabytes * 1_000_000);
  await handle.close();
  const child = fork(__filename, ['move'], { execArgv: ['--import', 'tsx'] });
  const answer = new Promise<Omit<Memory, 'megabytes'>>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Omit<Memory, 'megabytes'>));
    child.once('exit', (code) => reject(new Error(`The process that was measured ended with ${code}.`)));
  });
  child.send({ options: practice.podOptions, local, remote: join(practice.workspace, 'huge') } satisfies Task);
  const measured = await answer;
  child.kill();
  for (const path of [local, `${local}.back`, join(practice.workspace, 'huge')]) await rm(path, { force: true });
  return { megabytes, ...measured };
}

async function move({ options, local, remote }: Task): Promise<void> {
  const pod = connectPod(options);
  await pod.exec('true');
  const idle = process.memoryUsage.rss();
  const largest = async (work: () => Promise<unknown>) => {
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
    await work();
    clearInterval(timer);
    return most / 1e6;
  };
  const up = await largest(() => pod.putFiles([{ source: { localPath: local }, remotePath: remote }]));
  const down = await largest(() => pod.getFile(remote, `${local}.back`));
  process.send?.({ up, down, idle: idle / 1e6 });
  pod.dispose();
}

if (process.argv[2] === 'move') process.once('message', (task) => void move(task as Task));
