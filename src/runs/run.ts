/**
 * A run as its folder on the pod tells it: `<remoteRoot>/.runpod/runs/<id>/` holds
 *   run.json    what was started (RunManifest, one line)
 *   output.log  stdout and stderr of the command, as they came
 *   pid         "<pid> <start time in clock ticks since boot>" of the session leader, so that a reused pid is told apart
 *   exit        exit status, written by renaming when the command has ended
 *   stopped     there if somebody asked it to stop
 */
export interface RunManifest {
  readonly id: string;
  readonly model: string | null;
  readonly command: string;
  /** Absolute folder on the pod in which the command runs. */
  readonly cwd: string;
  /** Names only: values may be secret. */
  readonly variables: readonly string[];
  readonly seed: number | null;
  readonly device: string | null;
  /** ISO 8601, by the clock of the machine that started it. */
  readonly startedAt: string;
  /** Who asked: `user@host`. */
  readonly startedBy: string;
  /** SHA-256 of the project's deployed sources at the start, by path below remoteRoot. */
  readonly sources: Readonly<Record<string, string>>;
  /** The pipeline that it is a job of, and that fetches and judges what it leaves; left out for a run of its own. */
  readonly pipeline?: string;
}

export type RunStatus =
  | { readonly kind: 'running'; readonly pid: number }
  | { readonly kind: 'exited'; readonly exitCode: number; /** Somebody asked it to stop. */ readonly stopped: boolean }
  /** No process and no exit status: the pod was restarted, or something killed it with SIGKILL. */
  | { readonly kind: 'vanished' };

export interface Run {
  readonly manifest: RunManifest;
  readonly status: RunStatus;
  /** Size of output.log. */
  readonly logBytes: number;
  /** Last change of the log, milliseconds since 1970 by the pod's clock; null before the first byte. */
  readonly lastOutputMs: number | null;
  /** From its start to its end by the pod's clock, milliseconds; null while it runs, and where nothing says when it ended. */
  readonly tookMs: number | null;
  /** For how long it had written nothing when this was asked, since its start if nothing at all; milliseconds, by the pod's clock alone. */
  readonly silentMs: number;
}

/** A new id: sorts by time, readable, unique enough for one pod (`20261124-153012-logreg-4f2a`). */
export function newRunId(model: string | null, now: Date, random: () => number): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name =
    (model ?? 'command')
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, '_')
      .slice(0, 24) || 'command';
  const tail = Math.floor(random() * 0x10000)
    .toString(16)
    .padStart(4, '0');
  return `${stamp}-${name}-${tail}`;
}

/** What newRunId makes; everything else is refused before it becomes part of a path. */
export function isRunId(id: string): boolean {
  return /^\d{8}-\d{6}-[a-z0-9_]{1,24}-[0-9a-f]{4}$/.test(id);
}

/** One word for people and programs. */
export function statusWord(status: RunStatus): 'running' | 'succeeded' | 'failed' | 'stopped' | 'vanished' {
  if (status.kind !== 'exited') return status.kind;
  if (status.stopped) return 'stopped';
  return status.exitCode === 0 ? 'succeeded' : 'failed';
}

/** What began earlier comes first. Ids tell the second; they go on with a name, so within one second the time beside them counts. */
export function compareBeginnings(a: Beginning, b: Beginning): number {
  return compare(secondOf(a), secondOf(b)) || compare(a.startedAt, b.startedAt);
}

type Beginning = Pick<RunManifest, 'id' | 'startedAt'>;

function secondOf({ id }: Beginning): string {
  return id.slice(0, '20261124-153012'.length);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
