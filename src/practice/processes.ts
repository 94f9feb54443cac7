import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A process of this machine, as far as ending a practice pod needs to know it. */
export interface LocalProcess {
  readonly pid: number;
  readonly parent: number;
  /** `NAME=value` pairs it was started with; unreadable ones of other users are empty. */
  readonly environment: string;
}

/** From /proc on Linux (a slim image has no `ps`), from `ps` elsewhere. Those that end meanwhile are left out. */
export async function listProcesses(): Promise<readonly LocalProcess[]> {
  if (process.platform !== 'linux') return listByPs();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        // The command name in parentheses may hold spaces and parentheses itself: fields are counted from its end (proc(5)).
        const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
        return { pid: Number(pid), parent, environment };
      } catch {
        return undefined;
      }
    }),
  );
  return found.filter((one) => one !== undefined);
}

async function listByPs(): Promise<readonly LocalProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axEww', '-o', 'pid=,ppid=,command='], { maxBuffer: 64 << 20 });
  return stdout.split('\n').flatMap((line) => {
    const fields = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return fields ? [{ pid: Number(fields[1]), parent: Number(fields[2]), environment: fields[3] ?? '' }] : [];
  });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Sends a signal; a process that is already gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone, or not ours
  }
}
