import { appendFile, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** That a run was started from this machine; all else about it is on the pod. */
export interface StartedRun {
  readonly run: string;
  readonly pod: string;
  /** Local folder of the project. */
  readonly project: string;
}

const maxBytes = 200_000;

/**
 * A line for each run that is started here, in the person's own folder: whoever watches the file learns at once of runs that another window, a terminal or an agent has
 * started, and asks no pod for it.
 */
export class StartedRuns {
  readonly file: string;

  constructor(stateFolder: string) {
    this.file = join(stateFolder, 'started.jsonl');
  }

  /** A file that cannot be written stops nobody's work. */
  async add(started: StartedRun): Promise<void> {
    try {
      await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
      if ((await this.size()) > maxBytes) await rename(this.file, `${this.file}.old`);
      await appendFile(this.file, JSON.stringify(started) + '\n', { mode: 0o600 });
    } catch {
      // A read-only home, say.
    }
  }

  /** Bytes; 0 when there is no file. */
  async size(): Promise<number> {
    return (await stat(this.file).catch(() => null))?.size ?? 0;
  }

  /** What was added since the file had that size, and its size now. */
  async since(offset: number): Promise<{ readonly started: readonly StartedRun[]; readonly size: number }> {
    const size = await this.size();
    // Shorter than before: it was begun anew.
    const from = size < offset ? 0 : offset;
    const file = await open(this.file).catch(() => null);
    if (file === null) return { started: [], size: 0 };
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
      const text = buffer.toString('utf8', 0, bytesRead);
      // A line that is being written is left for the next time.
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      return { started: whole.split('\n').flatMap(parse), size: from + Buffer.byteLength(whole) };
    } finally {
      await file.close();
    }
  }
}

function parse(line: string): StartedRun[] {
  try {
    const { run, pod, project } = JSON.parse(line) as Partial<StartedRun>;
    return typeof run === 'string' && typeof pod === 'string' && typeof project === 'string' ? [{ run, pod, project }] : [];
  } catch {
    return [];
  }
}
