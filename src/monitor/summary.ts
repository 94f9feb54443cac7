import type { Finding, FindingType, Follower } from './finding.ts';
import type { Measure } from './measure.ts';
import type { MetricLine } from './metric.ts';

/** What became of one metric over the run; `best` by what its name promises (losses and errors low, the rest high). */
export interface MetricSummary {
  readonly name: string;
  readonly last: number;
  readonly best: number;
  /** Epoch and step of the best value, as far as they were printed. */
  readonly bestEpoch: number | null;
  readonly bestStep: number | null;
  readonly values: number;
}

export type Convergence = 'converged' | 'improving' | 'worsening' | 'unstable' | 'unknown';

/** A run in a few words, for people and for agents. Bounded: `text` stays below 4,000 characters whatever the log was. */
export interface RunSummary {
  readonly lines: number;
  readonly epoch: number | null;
  readonly epochs: number | null;
  readonly step: number | null;
  readonly steps: number | null;
  /** The most telling metrics first; at most 12. */
  readonly metrics: readonly MetricSummary[];
  readonly convergence: Convergence;
  /** Why: the series and the change it was judged by. */
  readonly convergenceReason: string;
  /** Causes first, then consequences and advice; at most 10. */
  readonly findings: readonly Finding[];
  /** What to do next, most important first; at most 3. */
  readonly next: readonly string[];
  readonly text: string;
}

export interface SummaryInput {
  readonly title?: string;
  readonly lines: number;
  readonly place: {
    readonly epoch: number | null;
    readonly epochs: number | null;
    readonly step: number | null;
    readonly steps: number | null;
  };
  readonly stats: ReadonlyMap<string, Readonly<Measure>>;
  readonly history: readonly MetricLine[];
  readonly findings: readonly Finding[];
}

const MAX_METRICS = 12;
const MAX_FINDINGS = 10;
const MAX_TEXT = 4_000;

/** Followers: they mostly happen because something else did. */
const CONSEQUENCES: ReadonlySet<FindingType> = new Set(['nccl-error', 'preempted', 'hang', 'segfault']);
const LOWER_IS_BETTER =
  /loss|err|cost|nll|perplex|\bppl\b|\bm[as]p?e\b|rmse|mae|mse|\bw?cer\b|\bwer\b|\beer\b|bp[bcd]|kld?\b|deviance|\baic\b|\bbic\b|fid|brier|time/i;
const SETTINGS = /^(?:.*[/_ ])?(?:lr|learning[_ ]rate|grad[_ ]?norm|gnorm|wd|momentum)$|per[_ ]?sec|\/s(?:ec)?$|throughput|tps|flops|mfu/i;

export function lowerIsBetter(name: string): boolean {
  return LOWER_IS_BETTER.test(name);
}

export function summarize(input: SummaryInput): RunSummary {
  const metrics = rankMetrics(input.stats);
  const [convergence, convergenceReason] = judgeConvergence(input.history, input.stats);
  const findings = rankFindings(input.findings).slice(0, MAX_FINDINGS);
  const next = [...new Set(findings.filter((f, i) => i === 0 || f.severity !== 'info').map((f) => f.suggestion))].slice(0, 3);
  const { epoch, epochs, step, steps } = input.place;
  const summary = { lines: input.lines, epoch, epochs, step, steps, metrics, convergence, convergenceReason, findings, next };
  return { ...summary, text: write(input.title, summary) };
}

/** Ranks that a sentence names. */
const SHOWN_RANKS = 4;

/** `led to nccl-error (rank1, rank2 and 6 more), preempted`. */
export function followersText(followers: readonly Follower[]): string {
  const told = followers.map(({ type, ranks }) => {
    if (ranks.length === 0) return type;
    const more = ranks.length > SHOWN_RANKS ? ` and ${ranks.length - SHOWN_RANKS} more` : '';
    return `${type} (${ranks.slice(0, SHOWN_RANKS).join(', ')}${more})`;
  });
  return `led to ${told.join(', ')}`;
}

function rankMetrics(stats: SummaryInput['stats']): MetricSummary[] {
  const weight = (name: string): number =>
    (SETTINGS.test(name) ? 8 : 0) +
    (/loss|acc|reward|f1|auc|map|bleu|score/i.test(name) ? 0 : 2) +
    (/val|eval|test|dev/i.test(name) ? 0 : 1) +
    Math.min(1, name.length / 100);
  return [...stats]
    .sort(([a], [b]) => weight(a) - weight(b))
    .slice(0, MAX_METRICS)
    .map(([name, s]) => {
      const low = lowerIsBetter(name);
      const at = low ? s.lowAt : s.highAt;
      return { name, last: s.last, best: low ? s.low : s.high, bestEpoch: at.epoch, bestStep: at.step, values: s.count };
    });
}

/** Errors before warnings before advice; within them causes before consequences, then in the order of the log. */
export function rankFindings(findings: readonly Finding[]): Finding[] {
  const severity = { error: 0, warning: 4, info: 8 };
  const weight = (f: Finding): number =>
    severity[f.severity] + (CONSEQUENCES.has(f.type) ? 2 : 0) + (f.type === 'python-exception' ? 1 : 0);
  return [...findings].sort((a, b) => weight(a) - weight(b) || a.line - b.line);
}

/** Fewer values say nothing about a trend. */
const MIN_VALUES = 8;
/** Relative change between the last quarter and the quarter before that still counts as standing still. */
const STILL = 0.01;

/**
 * Whether the main loss has settled (the seeds' `check_convergence`): the mean of its last quarter against the quarter before, and against the spread within.
 * A validation loss is preferred to a training loss.
 */
function judgeConvergence(history: readonly MetricLine[], stats: SummaryInput['stats']): [Convergence, string] {
  const names = [...stats.keys()].filter((name) => /loss/i.test(name) && stats.get(name)!.count >= MIN_VALUES);
  const name = names.find((n) => /val|eval|test|dev/i.test(n)) ?? names.find((n) => /^(?:train.*)?loss$/i.test(n)) ?? names[0];
  if (name === undefined) return ['unknown', 'no loss with enough values was printed'];
  const values: number[] = [];
  for (const line of history) {
    const value = line.metrics[name];
    if (value !== undefined) values.push(value);
  }
  const quarter = Math.max(2, Math.floor(values.length / 4));
  if (values.length < MIN_VALUES) return ['unknown', `only ${values.length} values of ${name}`];
  const last = values.slice(-quarter);
  const before = values.slice(-2 * quarter, -quarter);
  if (last.some((v) => !Number.isFinite(v))) return ['worsening', `${name} is not finite any more`];
  const a = mean(before);
  const b = mean(last);
  const change = (b - a) / (Math.abs(a) || 1);
  const spread = Math.max(...last) - Math.min(...last);
  const reason = `${name} changed by ${(100 * change).toFixed(1)} % over the last quarter (${short(a)} to ${short(b)})`;
  if (Math.abs(change) <= STILL)
    return spread > Math.abs(b) ? ['unstable', `${reason}, but swings by ${short(spread)}`] : ['converged', reason];
  return [change < 0 ? 'improving' : 'worsening', reason];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value).toLowerCase();
}

function write(title: string | undefined, summary: Omit<RunSummary, 'text'>): string {
  const { epoch, epochs, step, steps, metrics, convergence, convergenceReason, findings, next } = summary;
  const far = [
    epoch === null ? '' : `epoch ${epoch}${epochs === null ? '' : `/${epochs}`}`,
    step === null ? '' : `step ${step}${steps === null ? '' : `/${steps}`}`,
  ]
    .filter(Boolean)
    .join(', ');
  const lines = [`${title ?? 'Run'}: ${far === '' ? 'no epoch or step was printed' : `got to ${far}`}, ${summary.lines} lines of output.`];
  for (const m of metrics) {
    const at = m.bestEpoch !== null ? ` in epoch ${m.bestEpoch}` : m.bestStep !== null ? ` at step ${m.bestStep}` : '';
    lines.push(`  ${m.name.slice(0, 60)}: last ${short(m.last)}${m.values > 1 ? `, best ${short(m.best)}${at}` : ''}`);
  }
  lines.push(`Convergence: ${convergence} (${convergenceReason}).`);
  lines.push(findings.length === 0 ? 'Nothing wrong was found.' : 'Found:');
  for (const f of findings) {
    const place = f.frame === null ? `line ${f.line} of the log` : `${f.frame.file}:${f.frame.line}`;
    lines.push(`  ${f.severity} ${f.type} at ${place}: ${f.message.slice(0, 200)}`);
    if (f.followers) lines.push(`    ${followersText(f.followers)}`);
  }
  if (next.length > 0) lines.push('Next:', ...next.map((text, i) => `  ${i + 1}. ${text}`));
  const text = lines.join('\n');
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}
