import { fork } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Memory, Task } from './memoryProcess.ts';
import type { Bench, Section } from './section.ts';

const bytes = 2_000_000_000;

/** Moves a large file both ways in a process of its own and watches its resident size. */
export const memory: Section = {
  title: 'Memory while moving 2 GB',
  async run(bench) {
    if (!bench.choice.wants(this.title) || bench.choice.roundTripMs !== undefined) return undefined;
    const { up, down, idle } = await whileMoving(bench);
    return `Largest resident size of the process: ${up.toFixed(0)} MB going up, ${down.toFixed(0)} MB coming down. Connected and idle it has ${idle.toFixed(0)} MB, TypeScript loader included.`;
  },
};

async function whileMoving({ practice, folder }: Bench): Promise<Memory> {
  const local = join(folder, 'huge');
  const remote = join(practice.workspace, 'huge');
  const handle = await open(local, 'w');
  await handle.truncate(bytes);
  await handle.close();
  const child = fork(join(__dirname, 'memoryProcess.ts'), { execArgv: ['--import', 'tsx'] });
  try {
    const answer = new Promise<Memory>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Memory));
      child.once('exit', (code) => reject(new Error(`The process that was measured ended with ${code}.`)));
    });
    child.send({ options: practice.podOptions, local, remote } satisfies Task);
    return await answer;
  } finally {
    child.kill();
    for (const path of [local, `${local}.back`, remote]) await rm(path, { force: true });
  }
}
