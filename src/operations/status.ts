import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { Run, RunManifest } from '../runs/run.ts';
import { cut, type Evidence, evidenceOf, evidenceSchema, evidenceText } from './evidence.ts';
import { metricsSchema, metricsText } from './findings.ts';
import { longestThatFits } from './fitting.ts';
import { ranked } from './fixList.ts';
import { asksForEnd, lastLines, type LogPart, type LogQuestion, LogReader, maxTail } from './logReader.ts';
import { operation } from './operation.ts';
import { withTail } from './tails.ts';
import { bounded, count, duration } from './text.ts';
import { chosenRun, runRecord, runSchema } from './training.ts';
import { latestRecord } from './wait.ts';

export const status = operation({
  name: 'status',
  tool: 'run_status',
  title: 'Status of a run',
  description:
    'How a run stands now: state, progress, last and best metrics, whether it converges, what was found, which of its files were changed since it started.',
  effect: 'read',
  input: z.object({ run: z.string().min(1).optional().describe('Id of the run; default: the newest.') }),
  output: z.object({
    run: runSchema,
    runningForSeconds: z.number().nullable(),
    silentForSeconds: z.number().nullable().describe('Seconds since the last output, while it runs.'),
    latest: metricsSchema.omit({ line: true }),
    summary: z.string(),
    findings: z.int(),
    staleFiles: z.array(z.string()).describe('Files deployed again since it started; it still runs the old versions.'),
  }),
  positional: ['run'],
  async handle(context, input, { signal }) {
    const orchestrator = await context.orchestrator();
    const { manifest } = await chosenRun(orchestrator, input.run, signal);
    return withTail(orchestrator, manifest.id, signal, async (tail) => {
      const run = await tail.catchUp(orchestrator.runs, manifest.id, signal);
      const isRunning = run.status.kind === 'running';
      const since = (ms: number) => (isRunning && Number.isFinite(ms) ? Math.max(0, (Date.now() - ms) / 1000) : null);
      return {
        run: runRecord(run),
        runningForSeconds: since(Date.parse(manifest.startedAt)),
        silentForSeconds: isRunning ? run.silentMs / 1000 : null,
        latest: latestRecord(tail.monitor.latest),
        summary: tail.monitor.summary(`Run ${manifest.id}`).text,
        findings: tail.monitor.getErrors().length,
        staleFiles: await staleFiles(orchestrator, run),
      };
    });
  },
  render({ run, runningForSeconds, silentForSeconds, latest, summary, staleFiles }) {
    const state = `${run.status}${run.exitCode === null ? '' : ` with exit code ${run.exitCode}`}${runningForSeconds === null ? '' : ` for ${duration(runningForSeconds * 1000)}`}`;
    return [
      `${run.id} ${state}: ${cut(run.command, 300)}`,
      ...(silentForSeconds !== null && silentForSeconds > 60 ? [`No output for ${duration(silentForSeconds * 1000)}.`] : []),
      ...(Object.keys(latest.metrics).length > 0 ? [`Last: ${cut(metricsText(latest), 200)}`] : []),
      cut(summary, 2_400),
      ...(staleFiles.length > 0 ? [`It was started with older versions of: ${bounded(staleFiles, 10, 'file').join(', ')}.`] : []),
    ].join('\n');
  },
});

export const findings = operation({
  name: 'findings',
  title: 'Findings of a run',
  description:
    'What went wrong in a run, causes first: message, local file and line with the source around it, what to do, fixes that apply_fix can apply.',
  effect: 'read',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    limit: z.int().min(1).max(50).default(3).describe('Maximum number of entries.'),
    from: z.int().min(1).default(1).describe('Rank of the first finding to return.'),
  }),
  output: z.object({ run: z.string(), status: z.string(), findings: z.array(evidenceSchema), from: z.int(), total: z.int() }),
  positional: ['run'],
  async handle(context, input, { signal }) {
    const orchestrator = await context.orchestrator();
    const { manifest } = await chosenRun(orchestrator, input.run, signal);
    return withTail(orchestrator, manifest.id, signal, async (tail) => {
      const run = await tail.catchUp(orchestrator.runs, manifest.id, signal);
      const located = await Promise.all(tail.monitor.getErrors().map((finding) => orchestrator.findings.locate(finding, manifest)));
      const all = await ranked(located);
      const asked = all.slice(input.from - 1, input.from - 1 + input.limit);
      const evidence = await Promise.all(asked.map((one) => evidenceOf(one, orchestrator.project.root)));
      const { status: state } = runRecord(run);
      const answer = (items: number) => ({
        run: manifest.id,
        status: state,
        findings: evidence.slice(0, items),
        from: input.from,
        total: all.length,
      });
      return longestThatFits(evidence.length, answer, renderFindings, context.answerLimit);
    });
  },
  render: renderFindings,
});

interface Found {
  readonly run: string;
  readonly status: string;
  readonly findings: readonly Evidence[];
  readonly from: number;
  readonly total: number;
}

function renderFindings({ run, status, findings, from, total }: Found): string {
  if (total === 0) return `Nothing wrong was found in run ${run} (${status}).`;
  const next = from + findings.length;
  const more = total >= next ? [`... and ${count(total - next + 1, 'more finding')}; \`from\` ${next} gives the next.`] : [];
  return [`Run ${run} (${status}), ${count(total, 'finding')}, causes first:`, ...findings.map(evidenceText), ...more].join('\n');
}

/** Files that were deployed again since the run started, as far as we know what it was started with. */
export async function staleFiles(orchestrator: Orchestrator, run: Run): Promise<string[]> {
  if (run.status.kind !== 'running') return [];
  const now = await orchestrator.files.deployedSources();
  return Object.entries(run.manifest.sources).flatMap(([path, sha256]) => (now[path] !== undefined && now[path] !== sha256 ? [path] : []));
}

export const readLog = operation({
  name: 'log',
  tool: 'read_log',
  title: 'Read the log of a run',
  description:
    'Part of the output of a run, lines numbered: its end (default), a range of lines, the lines around one or around a finding, or those that hold a text. Says what was left out. For causes ask findings first.',
  effect: 'read',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    from: z.int().min(1).optional().describe('First line to read.'),
    to: z.int().min(1).optional().describe('Last line to read.'),
    around: z.int().min(1).optional().describe('A line, e.g. logLine of a finding.'),
    finding: z.int().min(1).optional().describe('The lines around this finding, by the rank that findings gives.'),
    search: z.string().min(1).max(200).optional().describe('Only lines that contain this text; case does not matter.'),
    tail: z.int().min(1).max(maxTail).default(40).describe('Number of last lines, if nothing else is given.'),
    characters: z.int().min(200).max(100_000).default(2_800).describe('Maximum number of characters.'),
  }),
  output: z.object({
    run: z.string(),
    lines: z.string().describe('Each line as NUMBER: TEXT.'),
    totalLines: z.int(),
    matches: z.int().nullable().describe('Number of searched lines that contain the text.'),
    leftOut: z.string().describe('What was left out; empty if nothing was.'),
  }),
  positional: ['run'],
  examples: [['rpo log RUN --search nan', 'where it first said nan']],
  async handle(context, input, { signal }) {
    const orchestrator = await context.orchestrator();
    const { manifest } = await chosenRun(orchestrator, input.run, signal);
    const around = input.finding === undefined ? input.around : await lineOf(orchestrator, manifest, input.finding, signal);
    const question = { ...input, around };
    if (asksForEnd(question)) return { run: manifest.id, ...(await endOf(orchestrator, manifest.id, question, signal)) };
    const reader = new LogReader(question);
    const partBytes = 4 * 1024 * 1024;
    for (let offset = 0; ;) {
      const part = await orchestrator.runs.read(manifest.id, offset, partBytes, signal);
      reader.take(part);
      offset += part.length;
      if (part.length < partBytes) break;
    }
    return { run: manifest.id, ...reader.end() };
  },
  render({ run, lines, totalLines, matches, leftOut }) {
    const head = `Log of run ${run}, ${count(totalLines, 'line')}${matches === null ? '' : `, ${count(matches, 'match', 'matches')}`}:`;
    return [
      head,
      lines === '' ? (totalLines === 0 ? '(no output yet)' : '(no such line)') : lines,
      ...(leftOut === '' ? [] : [leftOut]),
    ].join('\n');
  },
});

/** The last lines: only so much of the log is fetched as they need. */
async function endOf(orchestrator: Orchestrator, id: string, question: LogQuestion, signal: AbortSignal): Promise<LogPart> {
  for (let bytes = Math.max(64 * 1024, 4 * question.characters); ; bytes *= 8) {
    const part = lastLines(await orchestrator.runs.readEnd(id, bytes, signal), question);
    if (part !== null) return part;
  }
}

/** The line of the log that a finding is about, by its rank. */
async function lineOf(orchestrator: Orchestrator, { id, ...manifest }: RunManifest, rank: number, signal: AbortSignal): Promise<number> {
  return withTail(orchestrator, id, signal, async (tail) => {
    await tail.catchUp(orchestrator.runs, id, signal);
    const all = await ranked(await Promise.all(tail.monitor.getErrors().map((finding) => orchestrator.findings.locate(finding, manifest))));
    const found = all[rank - 1];
    if (found) return found.finding.line;
    const known = all.length === 0 ? 'none was found in it' : `it has ${all.length}`;
    throw new UserError('bad-argument', `Run ${id} has no finding ${rank}: ${known}. \`rpo findings ${id}\` lists them.`);
  });
}
