import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { throwIfCancelled, UserError } from '../core/errors.ts';
import type { Finding } from '../monitor/finding.ts';
import type { MonitorEvent } from '../monitor/monitor.ts';
import { loadProject } from '../project/project.ts';
import type { ProjectConfig } from '../project/schema.ts';
import { findingRecord, findingSchema, findingSummary, type MetricsRecord, metricsRecord, metricsSchema, metricsText } from './findings.ts';
import { type Call, operation } from './operation.ts';
import { bytes, count, fitting } from './text.ts';

const logSchema = z.object({
  file: z.string(),
  bytes: z.int(),
  findings: z.array(findingSchema).describe('The first findings.'),
  findingCount: z.int(),
  metricsLines: z.int(),
  lastMetrics: metricsSchema.nullable(),
});

type LogReport = z.output<typeof logSchema>;

/** What one log may put into the answer; all of it was emitted. */
const keptFindings = 100;

export const monitor = operation({
  name: 'monitor',
  audience: 'people',
  title: 'Read logs',
  description:
    'Reads training logs on this machine, from any source, and tells the failures and metrics in them. Each file is a log of its own. Needs no pod.',
  effect: 'read',
  input: z.object({ files: z.array(z.string().min(1)).min(1).describe('Log files; - is standard input.') }),
  output: z.object({ logs: z.array(logSchema) }),
  positional: ['files'],
  examples: [
    ['rpo monitor train.log', 'findings of a log'],
    ['python train.py 2>&1 | rpo monitor -', 'while it is written'],
    ['rpo monitor --json *.log', 'one JSON object for each finding and each line with metrics'],
  ],
  async handle(context, { files }, call) {
    const logs: LogReport[] = [];
    const { config } = await loadProject(context.projectRoot);
    for (const file of files) {
      if (file === '-') {
        if (!context.stdin) throw new UserError('bad-argument', 'There is no standard input here. Name a log file.');
        logs.push(await readLog(file, context.stdin, call, true, config));
        continue;
      }
      const path = resolve(context.currentFolder ?? context.projectRoot, file);
      const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
        throw new UserError(
          'local-missing',
          error.code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read (${error.code ?? error.message}).`,
          { cause: error },
        );
      });
      if (info.isDirectory())
        throw new UserError('local-missing', `${file} is a folder. Name the log files in it, e.g. ${file.replace(/\/$/, '')}/*.log.`);
      logs.push(
        await readLog(file, createReadStream(path, { highWaterMark: 256 * 1024, signal: call.signal }), call, !info.isFile(), config),
      );
    }
    return { logs };
  },
  render({ logs }, { eventsShown }) {
    const lines = logs.flatMap((log) => {
      const { file, findings, findingCount, metricsLines, lastMetrics } = log;
      const told = eventsShown ? [] : findings.slice(0, 10).map((finding) => findingSummary(finding));
      const name = file === '-' ? 'standard input' : file;
      const last = lastMetrics === null ? '' : `, last: ${metricsText(lastMetrics).slice(0, 200)}`;
      return [
        ...told,
        `${name}: ${findingCount === 0 ? 'nothing wrong was found' : count(findingCount, 'finding')}; ${count(metricsLines, 'line')} with metrics${last} (${bytes(log.bytes)}).`,
      ];
    });
    return fitting(lines);
  },
});

/** How long a finding of a log that is being written waits for what the next lines add to it (its traceback, other ranks). */
const settleMs = 1_000;

/** Memory stays flat: what is kept of a log is its findings, which the monitor bounds. */
async function readLog(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  { emit, progress, signal, ready }: Call,
  live: boolean,
  config: ProjectConfig,
): Promise<LogReport> {
  const { TrainingMonitor } = await import('../monitor/monitor.ts');
  const monitor = new TrainingMonitor({ thresholds: config.monitor });
  const held = new HeldFindings(live ? settleMs : null, (finding, amends) => {
    emit({ kind: 'finding', file, located: { finding, place: null, related: [], actions: [] }, ...(amends ? { amends } : {}) });
  });
  let read = 0;
  let metricsLines = 0;
  let lastMetrics: MetricsRecord | null = null;
  const take = (events: readonly MonitorEvent[]) => {
    for (const event of events) {
      if (event.kind === 'finding') held.add(event.finding, event.amends);
      else if (event.kind === 'metrics') {
        const { kind: _, ...line } = event;
        metricsLines++;
        lastMetrics = metricsRecord(line);
        emit({ kind: 'metrics', file, ...line });
      }
    }
  };
  const source = chunks[Symbol.asyncIterator]();
  // Ctrl+C ends an endless input, and what was seen so far is told. (Racing each chunk against one long-lived promise would leak.)
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      const next = await new Promise<IteratorResult<Uint8Array> | null>((resolve, reject) => {
        wake = () => resolve(null);
        source.next().then(resolve, reject);
      });
      if (next === null || next.done === true) break;
      read += next.value.length;
      take(monitor.write(next.value));
      await ready?.();
      if (!live) progress({ message: `reading ${file}`, done: read, unit: 'bytes' });
    }
    if (!live) throwIfCancelled(signal, `Reading ${file}`);
  } catch (error) {
    throwIfCancelled(signal, `Reading ${file}`);
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new UserError('local-failed', `${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
  take(monitor.end());
  held.end();
  const findings = monitor.getErrors();
  return {
    file,
    bytes: read,
    findings: findings.slice(0, keptFindings).map(findingRecord),
    findingCount: findings.length,
    metricsLines,
    lastMetrics,
  };
}

/** Tells each finding once, when nothing more is to be expected for it: at the end, or (live) a little later. */
class HeldFindings {
  /** Null: told already. */
  private readonly timers = new Map<Finding, ReturnType<typeof setTimeout> | 'waits' | null>();

  constructor(
    private readonly afterMs: number | null,
    private readonly tell: (finding: Finding, amends: boolean) => void,
  ) {}

  add(finding: Finding, amends: Finding | undefined): void {
    const state = amends && this.timers.get(amends);
    if (amends) {
      this.timers.delete(amends);
      if (state !== null && typeof state === 'object') clearTimeout(state);
    }
    if (state === null) {
      this.timers.set(finding, null);
      this.tell(finding, true);
      return;
    }
    this.timers.set(finding, this.afterMs === null ? 'waits' : setTimeout(() => this.release(finding), this.afterMs));
  }

  end(): void {
    for (const [finding, state] of [...this.timers]) {
      if (state === null) continue;
      if (typeof state === 'object') clearTimeout(state);
      this.release(finding);
    }
  }

  private release(finding: Finding): void {
    this.timers.set(finding, null);
    this.tell(finding, false);
  }
}
