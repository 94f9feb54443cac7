import { isUserError, throwIfCancelled, UserError } from '../core/errors.ts';
import type { ExecResult, Pod } from '../pod/pod.ts';
import { remoteFailure } from '../pod/remoteFailure.ts';
import { compareBeginnings, isRunId, type Run, type RunManifest, type RunStatus } from './run.ts';
import { followScript, listScript, readEndScript, readScript, startScript, stopScript } from './scripts.ts';

export interface FollowOptions {
  /** First byte wanted; default 0. */
  readonly from?: number;
  readonly signal?: AbortSignal;
  /** Bytes of the log, in order, each once, whatever happens to the connection. */
  readonly onBytes: (chunk: Buffer) => void;
  /** The connection was lost; following goes on at byte `offset` after `delayMs`. */
  readonly onInterrupted?: (interruption: { readonly message: string; readonly offset: number; readonly delayMs: number }) => void;
  /** How long to keep trying to reach the pod again; default 15 minutes. */
  readonly giveUpAfterMs?: number;
}

export interface Followed {
  readonly run: Run;
  /** The byte after the last one handed out. */
  readonly offset: number;
}

/** What ends a gentle stop: seconds to wait after SIGINT, then after SIGTERM. */
export interface StopOptions {
  readonly interruptSeconds?: number;
  readonly terminateSeconds?: number;
  readonly signal?: AbortSignal;
}

/** What a lost connection looks like to whoever follows; everything else is not cured by waiting. */
const curable = ['connection-lost', 'unreachable', 'timeout'] as const;
const retryDelaysMs = [250, 500, 1_000, 2_000, 5_000, 10_000];
const readBytes = 8 * 1024 * 1024;

/**
 * The runs of one project on one pod. Nothing is kept here: the truth lives in the run folders on the pod, so that any
 * window, terminal or agent sees the same runs.
 */
export class Runs {
  constructor(
    private readonly pod: Pod,
    private readonly remoteRoot: string,
  ) {}

  /**
   * Starts a command detached; it outlives this connection and this process.
   *
   * @param setUp shell lines that stand before the command (project/environment)
   * @throws UserError 'remote-denied', 'remote-full', 'remote-failed' when the pod could not start it
   */
  async start(manifest: RunManifest, setUp: string, signal?: AbortSignal): Promise<Run> {
    const result = await this.pod.exec(startScript(manifest, this.remoteRoot, setUp), {
      stdin: JSON.stringify(manifest) + '\n',
      timeoutMs: 30_000,
      signal,
    });
    this.check(result, `Starting a run in ${this.remoteRoot}`);
    const pid = Number.parseInt(result.stdout, 10);
    return {
      manifest,
      status: { kind: 'running', pid: Number.isNaN(pid) ? 0 : pid },
      logBytes: 0,
      lastOutputMs: null,
      silentMs: 0,
      tookMs: null,
    };
  }

  /** All runs, oldest first; a folder whose run.json cannot be read is left out. */
  async list(signal?: AbortSignal): Promise<readonly Run[]> {
    return this.query([], signal);
  }

  /** @throws UserError 'run-unknown' */
  async get(id: string, signal?: AbortSignal): Promise<Run> {
    this.checkId(id);
    const [run] = await this.query([id], signal);
    if (!run) throw this.unknown(id);
    return run;
  }

  /**
   * Hands out the log from a byte on, as it grows, until the run has ended and every byte was handed out.
   * A lost connection is taken up again at the next byte: none lost, none twice.
   *
   * @throws UserError 'cancelled'; 'run-unknown'; 'connection-lost' when the pod stays out of reach
   */
  async follow(id: string, options: FollowOptions): Promise<Followed> {
    this.checkId(id);
    const { signal, onBytes } = options;
    let offset = options.from ?? 0;
    const onStdout = (chunk: Buffer) => {
      offset += chunk.length;
      onBytes(chunk);
    };
    const retry = new Retry(options.giveUpAfterMs ?? 15 * 60_000);
    for (;;) {
      throwIfCancelled(signal, 'Following the run');
      const before = offset;
      try {
        await this.pod.exec(followScript(this.remoteRoot, id, offset), { onStdout, discardOutput: true, readOnly: true, signal });
        const run = await this.get(id, signal);
        // tail was killed at the run's end, so the rest is read here; and once more if the log was still growing.
        for (let had = -1; had !== offset;) {
          had = offset;
          await this.pod.exec(readScript(this.remoteRoot, id, offset, readBytes), {
            onStdout,
            discardOutput: true,
            readOnly: true,
            signal,
          });
        }
        if (run.status.kind !== 'running') return { run, offset };
        retry.succeeded();
        // Something on the pod ended tail while the run goes on: not again at once, for ever.
        if (offset === before) await sleep(1_000, signal);
      } catch (error) {
        if (!curable.some((reason) => isUserError(error, reason))) throw error;
        if (offset !== before) retry.succeeded();
        const delayMs = retry.next();
        if (delayMs === null) {
          throw new UserError(
            'connection-lost',
            `The pod cannot be reached any more (${(error as Error).message}). The run goes on there; follow it again with \`rpo follow ${id}\`.`,
            { cause: error },
          );
        }
        options.onInterrupted?.({ message: (error as Error).message, offset, delayMs });
        await sleep(delayMs, signal);
      }
    }
  }

  /** Part of the log as it is now: at most `limit` bytes from `offset` on. */
  async read(id: string, offset: number, limit: number, signal?: AbortSignal): Promise<Buffer> {
    return this.readBy(id, readScript(this.remoteRoot, id, offset, limit), signal);
  }

  /** The end of the log as it is now, at most `limit` bytes, and how long all of it is in bytes and line ends: it is counted on the pod. */
  async readEnd(
    id: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<{ readonly bytes: Buffer; readonly totalBytes: number; readonly lineEnds: number }> {
    const all = await this.readBy(id, readEndScript(this.remoteRoot, id, limit), signal);
    const head = all.indexOf(10);
    const [totalBytes = 0, lineEnds = 0] = all.toString('latin1', 0, head).split(' ').map(Number);
    return { bytes: all.subarray(head + 1), totalBytes, lineEnds };
  }

  /**
   * Ends a run: SIGINT to its process group, then SIGTERM, then SIGKILL, each after a wait. A run that has ended
   * already is left as it is.
   */
  async stop(id: string, options: StopOptions = {}): Promise<{ readonly run: Run; readonly lastSignal: 'INT' | 'TERM' | 'KILL' | null }> {
    const interrupt = options.interruptSeconds ?? 15;
    const terminate = options.terminateSeconds ?? 10;
    await this.get(id, options.signal);
    const result = await this.pod.exec(stopScript(this.remoteRoot, id, [interrupt, terminate]), {
      timeoutMs: (interrupt + terminate + 30) * 1000,
      signal: options.signal,
    });
    this.check(result, `Stopping run ${id}`);
    const word = result.stdout.trim();
    return { run: await this.get(id, options.signal), lastSignal: word === 'INT' || word === 'TERM' || word === 'KILL' ? word : null };
  }

  private async readBy(id: string, script: string, signal: AbortSignal | undefined): Promise<Buffer> {
    this.checkId(id);
    const chunks: Buffer[] = [];
    const result = await this.pod.exec(script, {
      onStdout: (chunk) => chunks.push(chunk),
      discardOutput: true,
      readOnly: true,
      signal,
    });
    this.check(result, `Reading the log of run ${id}`);
    return Buffer.concat(chunks);
  }

  private async query(ids: readonly string[], signal: AbortSignal | undefined): Promise<readonly Run[]> {
    const result = await this.pod.exec(listScript(this.remoteRoot, ids), { timeoutMs: 30_000, readOnly: true, signal });
    this.check(result, 'Listing the runs');
    return parseRuns(result.stdout);
  }

  private check(result: ExecResult, what: string): void {
    if (result.exitCode !== 0) throw remoteFailure(what, result.stderr || `exit code ${result.exitCode}`);
  }

  private checkId(id: string): void {
    if (!isRunId(id)) throw this.unknown(id);
  }

  private unknown(id: string): UserError {
    return new UserError('run-unknown', `There is no run ${JSON.stringify(id)} on ${this.pod.name}. \`rpo runs\` lists them.`);
  }
}

/** Reads what listScript prints, oldest run first. Lines that are not of its form are passed over: the folder may hold anything. */
export function parseRuns(text: string): readonly Run[] {
  const runs: Run[] = [];
  const lines = text.split('\n');
  for (let i = 0; i + 1 < lines.length; i++) {
    const match = /^(\S+) (running|exited|vanished) (\d+) (stopped|-) (\d+) (\d+) (\d+)(?: ([\d.]+) ([\d.]+))?$/.exec(lines[i] ?? '');
    if (!match) continue;
    const manifest = parseManifest(lines[i + 1] ?? '');
    if (!manifest || manifest.id !== match[1]) continue;
    i++;
    const number = Number(match[3]);
    const status: RunStatus =
      match[2] === 'running'
        ? { kind: 'running', pid: number }
        : match[2] === 'exited'
          ? { kind: 'exited', exitCode: number, stopped: match[4] === 'stopped' }
          : { kind: 'vanished' };
    const logBytes = Number(match[5]);
    const changedMs = Number(match[6]) * 1000;
    // Without a time of change there is no log, and so no silence to speak of.
    const silentMs = changedMs === 0 ? 0 : Math.max(0, Number(match[7]) * 1000 - changedMs);
    const [began, ended] = [match[8], match[9]].map(Number);
    const tookMs = status.kind !== 'exited' || !began || !ended ? null : Math.max(0, Math.round((ended - began) * 1000));
    runs.push({ manifest, status, logBytes, lastOutputMs: logBytes === 0 ? null : changedMs, silentMs, tookMs });
  }
  return runs.sort((a, b) => compareBeginnings(a.manifest, b.manifest));
}

function parseManifest(line: string): RunManifest | null {
  try {
    const value = JSON.parse(line) as Partial<RunManifest> | null;
    if (typeof value?.id !== 'string' || !isRunId(value.id) || typeof value.command !== 'string') return null;
    return {
      id: value.id,
      command: value.command,
      model: typeof value.model === 'string' ? value.model : null,
      cwd: typeof value.cwd === 'string' ? value.cwd : '',
      variables: Array.isArray(value.variables) ? value.variables.filter((name) => typeof name === 'string') : [],
      seed: typeof value.seed === 'number' ? value.seed : null,
      device: typeof value.device === 'string' ? value.device : null,
      startedAt: typeof value.startedAt === 'string' ? value.startedAt : '',
      startedBy: typeof value.startedBy === 'string' ? value.startedBy : '',
      sources: typeof value.sources === 'object' && value.sources !== null ? value.sources : {},
      ...(typeof value.pipeline === 'string' ? { pipeline: value.pipeline } : {}),
    };
  } catch {
    return null;
  }
}

/** Delays between tries, growing; null once the time is up since the last success. */
class Retry {
  private tries = 0;
  private since: number | null = null;

  constructor(private readonly giveUpAfterMs: number) {}

  succeeded(): void {
    this.tries = 0;
    this.since = null;
  }

  next(): number | null {
    this.since ??= Date.now();
    if (Date.now() - this.since > this.giveUpAfterMs) return null;
    return retryDelaysMs[Math.min(this.tries++, retryDelaysMs.length - 1)] ?? 0;
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(new UserError('cancelled', 'Following the run was cancelled.'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
