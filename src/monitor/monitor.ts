import { hasControl, splitMoves, stripControl } from './ansi.ts';
import type { Finding, Severity } from './finding.ts';
import { Findings, exceptionText } from './findings.ts';
import { looksLikeProjectFile } from './frames.ts';
import { LineReader } from './lines.ts';
import type { MetricLine } from './metric.ts';
import { MetricReader } from './metrics/reader.ts';
import { PerClass } from './perClass.ts';
import { stripPrefix } from './prefix.ts';
import { LINE_GATE, classifyException, classifyLine } from './rules.ts';
import { DEFAULT_THRESHOLDS } from './thresholds.ts';
import type { Thresholds } from './thresholds.ts';
import { TracebackReader, isErrorName, readNamed } from './traceback.ts';
import type { RaisedException } from './traceback.ts';
import { Trends } from './trends.ts';

/**
 * What the monitor has to tell, in the order of the log.
 *
 * A finding with `amends` replaces that earlier finding (same root cause, now with its frame, its ranks or a more telling kind): who keeps findings puts
 * it in the earlier one's place, who notifies people stays silent.
 */
export type MonitorEvent =
  | { readonly kind: 'finding'; readonly finding: Finding; readonly amends?: Finding }
  | ({ readonly kind: 'metrics' } & MetricLine)
  /** A line as it stood when it ended: without control sequences, after its redraws. */
  | { readonly kind: 'line'; readonly line: number; readonly text: string };

export interface MonitorOptions {
  /** Is this path, as printed, the project's own code? Default: `looksLikeProjectFile`. */
  readonly isProjectFile?: (file: string) => boolean;
  readonly thresholds?: Partial<Thresholds>;
}

/** Metric lines kept; older ones are thinned out when there are more, so that a chart still spans the whole run. */
const MAX_HISTORY = 10_000;
/** Names kept in `latest`. */
const MAX_LATEST = 500;

/** Reads the output of a training run, live or finished, and says what it means. The same bytes give the same events, however they are cut into chunks. */
export class TrainingMonitor {
  private readonly lines = new LineReader((text, redraw) => this.piece(text, redraw));
  private readonly tracebacks = new TracebackReader(
    (exception) => this.raised(exception),
    (text, who) => {
      const match = classifyException(`Error: ${text.trim()}`);
      if (match) this.findings.continued(who, match);
    },
  );
  private readonly metrics = new MetricReader();
  private readonly trends: Trends;
  private readonly perClass: PerClass;
  private readonly findings: Findings;
  private events: MonitorEvent[] = [];
  /** Lines that ended so far. */
  private ended = 0;
  private history: MetricLine[] = [];
  private readonly place: { epoch: number | null; epochs: number | null; step: number | null; steps: number | null } = {
    epoch: null,
    epochs: null,
    step: null,
    steps: null,
  };
  private values: Record<string, number> = {};
  private valueCount = 0;

  constructor(options: MonitorOptions = {}) {
    const thresholds: Thresholds = { ...DEFAULT_THRESHOLDS, ...options.thresholds };
    this.trends = new Trends(thresholds);
    this.perClass = new PerClass(thresholds);
    this.findings = new Findings(
      options.isProjectFile ?? looksLikeProjectFile,
      () => this.place,
      (finding, amends) => this.events.push({ kind: 'finding', finding, ...(amends ? { amends } : {}) }),
    );
  }

  /** The next bytes (or text) of the output; any chunking gives the same events. */
  write(chunk: Uint8Array | string): MonitorEvent[] {
    this.lines.write(chunk);
    return this.take();
  }

  /** The output is over: the last line and an open traceback are read. */
  end(): MonitorEvent[] {
    this.lines.end();
    this.tracebacks.end(this.ended);
    return this.take();
  }

  /** One whole line, without its line end; returns the findings it led to (amended ones included). */
  processLine(line: string): Finding[] {
    return this.write(`${line}\n`).flatMap((event) => (event.kind === 'finding' ? [event.finding] : []));
  }

  hasErrors(): boolean {
    return this.findings.anyError;
  }

  /** All findings, or those of one severity; each cause once, in the order first seen. */
  getErrors(severity?: Severity): readonly Finding[] {
    return severity === undefined ? this.findings.all : this.findings.all.filter((finding) => finding.severity === severity);
  }

  /** The metric lines of the run: the newest in full, older ones thinned out. */
  getMetrics(): readonly MetricLine[] {
    return this.history;
  }

  /** Where training is, and the last value of each metric. */
  get latest(): {
    epoch: number | null;
    epochs: number | null;
    step: number | null;
    steps: number | null;
    metrics: Readonly<Record<string, number>>;
  } {
    return { ...this.place, metrics: { ...this.values } };
  }

  private take(): MonitorEvent[] {
    const events = this.events;
    this.events = [];
    return events;
  }

  private piece(raw: string, redraw: boolean): void {
    let text = raw;
    if (hasControl(raw)) {
      const parts = splitMoves(raw)
        .map(stripControl)
        .filter((part) => part !== '');
      text = parts.pop() ?? '';
      for (const part of parts) this.read(part, this.ended + 1, true);
    }
    if (redraw) {
      this.read(text, this.ended + 1, true);
      return;
    }
    this.ended++;
    this.events.push({ kind: 'line', line: this.ended, text });
    this.read(text, this.ended, false);
  }

  private read(text: string, line: number, redraw: boolean): void {
    if (this.tracebacks.active || TracebackReader.mayBegin(text)) {
      if (this.tracebacks.read(text, line)) return;
    }
    if (LINE_GATE.test(text)) this.readSentence(text, line);
    const found = this.metrics.read(text, line);
    if (found) this.record(found, redraw);
    if (this.perClass.active || PerClass.mayMatter(text)) {
      const collapse = this.perClass.read(stripPrefix(text).text, this.early());
      if (collapse !== null) this.findings.seen({ type: 'class-collapse', message: collapse, line, who: '' });
    }
  }

  /** A line by itself: an exception without its traceback, or what a shell, a launcher or a library says. */
  private readSentence(text: string, line: number): void {
    const { text: body, who } = stripPrefix(text);
    const named = readNamed(body);
    if (named && named.message !== '' && isErrorName(named.name) && !/Warning$/.test(named.name)) {
      const exception: RaisedException = { ...named, line, frames: [], who, link: 'none', complete: true };
      const match = classifyException(exceptionText(exception));
      if (match && !this.findings.has(match.rule.type)) this.findings.raised(exception, match);
      if (match) return;
    }
    const match = classifyLine(body) ?? (body.length === text.length ? null : classifyLine(text));
    if (!match || (match.rule.consequence && this.findings.anyError)) return;
    this.findings.seen({
      type: match.rule.type,
      message: body.trim(),
      line,
      who,
      ...(match.rule.severity ? { severity: match.rule.severity } : {}),
      ...(match.rule.suggestion ? { suggestion: match.rule.suggestion } : {}),
      ...(match.rule.fixes ? { fixes: match.rule.fixes(match.match) } : {}),
    });
  }

  private raised(exception: RaisedException): void {
    if (
      /(?:^|\.)(?:ChildFailedError|SystemExit|GeneratorExit|StopIteration)$/.test(exception.name) &&
      (this.findings.anyError || /Exit$|Iteration$/.test(exception.name))
    )
      return;
    if (/Warning$/.test(exception.name)) return;
    const match = exception.complete ? classifyException(exceptionText(exception)) : null;
    this.findings.raised(exception, match);
  }

  private record(found: MetricLine, redraw: boolean): void {
    const { place } = this;
    if (found.epoch !== null) place.epoch = found.epoch;
    if (found.epochs !== null) place.epochs = found.epochs;
    if (found.step !== null) place.step = found.step;
    if (found.steps !== null) place.steps = found.steps;
    let any = false;
    for (const name in found.metrics) {
      any = true;
      if (!(name in this.values)) {
        if (this.valueCount >= MAX_LATEST) continue;
        this.valueCount++;
      }
      this.values[name] = found.metrics[name]!;
    }
    if (!any) return;
    for (const trend of this.trends.read(found)) this.findings.seen({ ...trend, line: found.line, who: '' });
    if (redraw) return;
    this.events.push({ kind: 'metrics', ...found });
    this.history.push(found);
    if (this.history.length > MAX_HISTORY) {
      const half = MAX_HISTORY / 2;
      this.history = this.history.filter((_, i) => i >= half || i % 2 === 0);
    }
  }

  /** Training is under way and not in its last epoch. */
  private early(): boolean {
    const { epoch, epochs } = this.place;
    return epoch !== null && epochs !== null && epoch < epochs;
  }
}
