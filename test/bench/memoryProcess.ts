import { connectPod } from '../../src/pod/connect.ts';
import type { PodOptions } from '../../src/pod/pod.ts';

/** What the process that is measured is told to move, up and down again. */
export interface Task {
  readonly options: PodOptions;
  readonly local: string;
  readonly remote: string;
}

/** Largest resident size of the process in MB: moving up, moving down, and before anything was moved. */
export interface Memory {
  readonly up: number;
  readonly down: number;
  readonly idle: number;
}

async function move({ options, local, remote }: Task): Promise<void> {
  const pod = connectPod(options);
  await pod.exec('true');
  const idle = process.memoryUsage.rss() / 1e6;
  const largest = async (work: () => Promise<unknown>) => {
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
    await work();
    clearInterval(timer);
    return most / 1e6;
  };
  const up = await largest(() => pod.putFiles([{ source: { localPath: local }, remotePath: remote }]));
  const down = await largest(() => pod.getFile(remote, `${local}.back`));
  process.send?.({ up, down, idle } satisfies Memory);
  pod.dispose();
}

process.once('message', (task) => void move(task as Task));
