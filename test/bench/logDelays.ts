import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { newRunId } from '../../src/runs/run.ts';
import { runsFolder } from '../../src/runs/scripts.ts';
import { type Stage, us } from './work.ts';

export const delaysTitle = 'A line of a log, from the pod to the reader';

const lineCount = 300;
const intervalMs = 20;
/** Tells that both follow; not measured. */
const first = 'first';

/**
 * How long after it was written a line of a run's log is in the reader's hands, in ms. Both contenders follow the same run
 * at the same time; this process writes its log, so that one clock measures.
 */
export async function logDelays({ runs, remote, peers }: Stage): Promise<ReadonlyMap<string, readonly number[]>> {
  const now = new Date();
  const id = newRunId('log', now, Math.random);
  const about = { model: null, cwd: '/', variables: [], seed: null, device: null, startedBy: 'bench', sources: {} };
  await runs.start({ ...about, id, command: 'sleep 600', startedAt: now.toISOString() }, '');
  const log = join(runsFolder(remote), id, 'output.log');

  const written = new Map<string, number>();
  const ours = new Reader(written);
  const theirs = new Reader(written);
  const controller = new AbortController();
  const followed = runs.follow(id, { onBytes: (chunk) => ours.take(chunk), signal: controller.signal });
  followed.catch(() => {}); // cancelled below
  const child = spawn('ssh', [...peers.ssh, `tail -n +1 -f ${log}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.on('data', (chunk: Buffer) => theirs.take(chunk));
  const write = (line: string) => {
    written.set(line, performance.now());
    appendFileSync(log, `${line}\n`);
  };

  write(first);
  await Promise.all([ours.has(first), theirs.has(first)]);
  const last = `line ${lineCount - 1}`;
  for (let index = 0; index < lineCount; index++) {
    write(`line ${index}`);
    await delay(intervalMs);
  }
  await Promise.all([ours.has(last), theirs.has(last)]);
  controller.abort();
  child.kill();
  await runs.stop(id, { interruptSeconds: 1, terminateSeconds: 1 });
  return new Map([
    [us, ours.delaysMs],
    ['ssh tail -f', theirs.delaysMs],
  ]);
}

/** Notes when lines come. */
class Reader {
  readonly delaysMs: number[] = [];
  private readonly seen = new Set<string>();
  private readonly arrived = new EventEmitter();
  private rest = '';

  constructor(private readonly written: ReadonlyMap<string, number>) {}

  take(chunk: Buffer): void {
    const nowMs = performance.now();
    const lines = (this.rest + chunk.toString('latin1')).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const writtenMs = this.written.get(line);
      if (line !== first && writtenMs !== undefined) this.delaysMs.push(nowMs - writtenMs);
      this.seen.add(line);
      this.arrived.emit(line);
    }
  }

  async has(line: string): Promise<void> {
    if (!this.seen.has(line)) await once(this.arrived, line);
  }
}
