import { readFile } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { z } from 'zod';
import { maskSecrets } from '../core/secrets.ts';
import type { FixAction, LocatedFinding } from '../fixes/located.ts';
import type { Finding } from '../monitor/finding.ts';
import type { MetricLine } from '../monitor/metric.ts';

/** A number that JSON can hold. */
const numberSchema = z.union([z.number(), z.enum(['nan', 'inf', '-inf'])]);

const frameSchema = z.object({ file: z.string().describe('As printed in the log.'), line: z.int().describe('1-based.') });

/** A finding as programs get it. */
export const findingSchema = z.object({
  type: z.string().describe('Kind of failure, e.g. cuda-oom.'),
  severity: z.enum(['error', 'warning', 'info']),
  line: z.int().describe('Line of the log, 1-based.'),
  message: z.string().describe('What happened.'),
  suggestion: z.string().describe('What to do next.'),
  frame: frameSchema.nullable().describe("The innermost frame of the project's own code."),
  epoch: z.number().nullable(),
  place: z
    .object({ file: z.string(), line: z.int(), source: z.enum(['frame', 'setting', 'config']) })
    .nullable()
    .optional()
    .describe('Where it belongs in the local project.'),
  ranks: z.array(z.string()).optional().describe('Ranks or workers that failed alike, first failing first.'),
  followers: z
    .array(z.object({ type: z.string(), line: z.int(), ranks: z.array(z.string()) }))
    .optional()
    .describe('What only followed from it: ranks that lost their peer (nccl-error), a launcher that stopped the rest (preempted).'),
  actions: z.array(z.string()).optional().describe('What can be done here and now.'),
});

export type FindingRecord = z.output<typeof findingSchema>;

export const metricsSchema = z.object({
  line: z.int().describe('Line of the log, 1-based.'),
  epoch: z.number().nullable(),
  step: z.number().nullable(),
  metrics: z.record(z.string(), numberSchema),
});

export type MetricsRecord = z.output<typeof metricsSchema>;

/** Such records are kept and passed on, so secrets that a message quotes are masked; output and logs stay as they are. */
export function findingRecord(finding: Finding): FindingRecord {
  const { type, severity, line, frame, epoch, ranks, followers } = finding;
  const [message, suggestion] = [maskSecrets(finding.message), maskSecrets(finding.suggestion)];
  return {
    type,
    severity,
    line,
    message,
    suggestion,
    frame: frame && { file: frame.file, line: frame.line },
    epoch,
    ...(ranks ? { ranks: [...ranks] } : {}),
    ...(followers ? { followers: followers.map((follower) => ({ ...follower, ranks: [...follower.ranks] })) } : {}),
  };
}

export function locatedRecord(located: LocatedFinding): FindingRecord {
  const { place, actions } = located;
  return {
    ...findingRecord(located.finding),
    place: place && { file: place.file, line: place.line, source: place.source },
    actions: actions.map((action) => action.title),
  };
}

export function metricsRecord(line: MetricLine): MetricsRecord {
  return {
    line: line.line,
    epoch: line.epoch,
    step: line.step,
    metrics: Object.fromEntries(Object.entries(line.metrics).map(([name, value]) => [name, jsonNumber(value)])),
  };
}

function jsonNumber(value: number): number | 'nan' | 'inf' | '-inf' {
  if (Number.isNaN(value)) return 'nan';
  if (Number.isFinite(value)) return value;
  return value > 0 ? 'inf' : '-inf';
}

/** `loss 0.4213  accuracy 0.81`. */
export function metricsText(record: Pick<MetricsRecord, 'metrics'>): string {
  return Object.entries(record.metrics)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(5)) : value}`)
    .join('  ');
}

/** One line of a finding told in words; a face may give each role its colour. */
export interface FindingLine {
  readonly role: 'title' | 'place' | 'code' | 'marked' | 'suggestion' | 'action';
  readonly text: string;
}

/** What happened, where, with the source around it, and what can be done. */
export async function findingLines(located: LocatedFinding, projectRoot: string): Promise<FindingLine[]> {
  const { finding, place, actions } = located;
  const lines: FindingLine[] = [{ role: 'title', text: `${finding.severity} ${finding.type}: ${finding.message}` }];
  if (place) {
    const why = place.source === 'setting' ? ' (where it is set)' : place.source === 'config' ? ' (what started the run)' : '';
    lines.push({ role: 'place', text: `at ${shortPath(place.file, projectRoot)}:${place.line}${why}` });
    lines.push(...(await excerpt(place.file, place.line, finding.frame?.code ?? null)));
  } else if (finding.frame) {
    lines.push({ role: 'place', text: `at ${finding.frame.file}:${finding.frame.line} (on the pod)` });
  }
  if (finding.followers) {
    const led = finding.followers.map(({ type, ranks }) => (ranks.length === 0 ? type : `${type} (${ranks.join(', ').slice(0, 80)})`));
    lines.push({ role: 'place', text: `led to ${led.join(', ')}` });
  }
  lines.push({ role: 'suggestion', text: finding.suggestion });
  // Without numbers: they count over all findings of a run, which only its end knows.
  for (const action of actions) lines.push({ role: 'action', text: `fix: ${actionText(action)}` });
  return lines;
}

/** An action's title, with where or how it does it. */
export function actionText(action: FixAction): string {
  if (action.kind === 'edit' || action.kind === 'suggest-edit') return `${action.title}, line ${action.edit.line}`;
  return action.kind === 'install' || action.kind === 'run-stage' ? `${action.title} (${action.command})` : action.title;
}

/** Below the project: relative; otherwise as it is. */
export function shortPath(file: string, projectRoot: string): string {
  const path = relative(projectRoot, file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path.split(sep).join('/');
}

const around = 2;

async function excerpt(file: string, lineBase1: number, code: string | null): Promise<FindingLine[]> {
  const text = await readFile(file, 'utf8').catch(() => null);
  const all = text?.split(/\r?\n/) ?? [];
  if (all[lineBase1 - 1] === undefined) return code === null ? [] : [{ role: 'marked', text: `> ${lineBase1} | ${code.trim()}` }];
  const from = Math.max(1, lineBase1 - around);
  const to = Math.min(all.length, lineBase1 + around);
  const width = String(to).length;
  const lines: FindingLine[] = [];
  for (let line = from; line <= to; line++) {
    const source = (all[line - 1] ?? '').slice(0, 160);
    if (line !== lineBase1 && source.trim() === '' && (line === from || line === to)) continue;
    const marked = line === lineBase1;
    lines.push({ role: marked ? 'marked' : 'code', text: `${marked ? '>' : ' '} ${String(line).padStart(width)} | ${source}`.trimEnd() });
  }
  return lines;
}

/** A finding in a line or two, for answers that hold several. */
export function findingSummary(record: FindingRecord, projectRoot?: string): string {
  const where = record.place
    ? ` at ${projectRoot === undefined ? record.place.file : shortPath(record.place.file, projectRoot)}:${record.place.line}`
    : record.frame
      ? ` at ${record.frame.file}:${record.frame.line} (as printed)`
      : '';
  return `${record.severity} ${record.type}${where} (log line ${record.line}): ${record.message}\n  ${record.suggestion}`;
}
