import { stripControl } from '../core/terminal.ts';
import { splitMoves } from './ansi.ts';
import type { Finding, FindingType, Severity } from './finding.ts';
import { Findings, exceptionText } from './findings.ts';
import { looksLikeProjectFile } from './frames.ts';
import { gluedAt } from './glued.ts';
import { HangWatch } from './hang.ts';
import { History } from './history.ts';
import { LineReader, pieceOf } from './lines.ts';
import type { Piece } from './lines.ts';
import { Measure } from './measure.ts';
import type { MetricLine } from './metric.ts';
import { roleOf } from './metrics/names.ts';
import type { Plan } from './metrics/plan.ts';
import { MetricReader } from './metrics/reader.ts';
import { PerClass } from './perClass.ts';
import { stripPrefix } from './prefix.ts';
import { readContainerRecord, readErrorRecord } from './record.ts';
import { LINE_GATE, classifyException } from './rules.ts';
import { Sentences } from './sentences.ts';
import { summarize } from './summary.ts';
import type { RunSummary } from './summary.ts';
import { DEFAULT_THRESHOLDS } from './thresholds.ts';
import type { Thresholds } from './thresholds.ts';
import { TracebackReader } from './traceback.ts';
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

/** Places on one piece the cursor moved to that are all read. */
const MAX_PARTS = 64;
/** Redraws of one line that are all looked at: a bar that was redrawn so often says the same each time. */
const MAX_REDRAWS = 1_000;
/** … and of those whose shape was not seen before: a bar has a few shapes, noise has a new one each time, and finding out what a shape means costs. */
const MAX_NEW_REDRAWS = 100;
/** Of the rest one in so many is read. */
const REDRAW_SAMPLE = 64;
/** Names kept in `latest`. */
const MAX_LATEST = 500;

/** What launchers raise when a process they started has failed. */
const FOLLOWERS =
  /(?:^|\.)(?:ChildFailedError|CalledProcessError|ProcessExitedException|BrokenProcessPool|RayTaskError|ActorDiedError|WorkerCrashedError|TuneError|TrainingFailedError|WorkerGroupError)$/;
/** … and what a parent process says whose child has told its own failure: vLLM's engine, Accelerate, Ray. */
const POINTS_BACK = /\b[Ss]ee (?:the )?(?:root cause|stack trace|traceback|error|exception|logs?|output)s? (?:\w+ ){0,2}above\b/;
/** What a process raises whose peer is gone. */
const LOST_PEER = /(?:^|\.)(?:ConnectionResetError|ConnectionAbortedError|BrokenPipeError|EOFError)$/;
/** A process died, and that is all that is said. */
const DIED = /^RuntimeError: DataLoader worker \(pid\(?s?\)? ?[\d, ]+\) exited unexpectedly/;
const DEATHS: readonly FindingType[] = ['dataloader-shm', 'host-oom', 'segfault'];
/** What `torch.multiprocessing.spawn` raises: its message is the traceback of the process that failed. */
function isContainer(exception: RaisedException): boolean {
  return exception.message === '' && /^(?:.*\.)?(?:ProcessRaisedException|Exception)$/.test(exception.name);
}
/** Source with line numbers, or the caret below a syntax error: what stands above an exception whose traceback was cut off. */
const LISTING = /^\s*(?:-+> ?)?\d+ {2,}\S|^\s*\^+\s*$/;
/** What lines of that shape may be: shapes do not know of signs, nor of commas in numbers. */
const MAYBE_LISTING = /^\s*(?:-+> ?)?[-+]?[\d.,]+ {2}|^\s*\^+\s*$/;

// What a line's shape says about who should read it.
const TRACEBACK = 1;
const SENTENCE = 2;
const CLASSES = 4;
const LISTED = 8;

function interest(text: string): number {
  return (
    (TracebackReader.mayBegin(text) ? TRACEBACK : 0) |
    (LINE_GATE.test(text) ? SENTENCE : 0) |
    (PerClass.mayMatter(text) ? CLASSES : 0) |
    (MAYBE_LISTING.test(text) ? LISTED : 0)
  );
}

function isBlank(piece: Piece): boolean {
  return piece.bytes === null ? piece.text === '' : piece.bytes.to === piece.bytes.from;
}

const CONTAINER_HEAD = '{"log":"';
const HEAD_WORD = Buffer.from(CONTAINER_HEAD).readInt32LE(1);

/** What the program printed, where its container keeps the log as JSON. Nearly no line is so: its first bytes say that without a call. */
function unwrapped(piece: Piece): Piece {
  const { bytes } = piece;
  if (bytes === null ? !piece.text.startsWith(CONTAINER_HEAD) : bytes.view.getInt32(bytes.from + 1, true) !== HEAD_WORD) return piece;
  const text = readContainerRecord(piece.text);
  return text === null ? piece : pieceOf(text);
}

/** Reads the output of a training run, live or finished, and says what it means. The same bytes give the same events, however they are cut into chunks. */
export class TrainingMonitor {
  private readonly lines = new LineReader(
    (piece, redraw) => this.piece(piece, redraw),
    (line) => this.metrics.guess(line),
  );
  private readonly tracebacks = new TracebackReader(
    (exception) => this.raised(exception),
    (text, who) => {
      const match = this.findings.isUnclear(who) ? classifyException(`Error: ${text.trim()}`) : null;
      if (match) this.findings.continued(who, match);
    },
    (who) => this.findings.shrugged(who),
  );
  private readonly metrics = new MetricReader(interest);
  private readonly trends: Trends;
  private readonly perClass: PerClass;
  private readonly findings: Findings;
  private readonly sentences: Sentences;
  private events: MonitorEvent[] = [];
  /** Lines that ended so far. */
  private ended = 0;
  private readonly history = new History();
  private readonly place: { epoch: number | null; epochs: number | null; step: number | null; steps: number | null } = {
    epoch: null,
    epochs: null,
    step: null,
    steps: null,
  };
  private readonly stats = new Map<string, Measure>();
  private readonly hang: HangWatch;
  private progressed = false;
  /** Redraws of the line being read. */
  private redraws = 0;
  /** Those whose shape was new. */
  private newRedraws = 0;
  /** Is the last line that was not blank part of a listing, and was the one before? */
  private listing = false;
  private belowListing = false;
  /** An exception that probably only brings another. */
  private container: RaisedException | null = null;
  private over = false;
  /** Step of the redrawn bar that was last told, on the line being redrawn. */
  private drawnLine = 0;
  private drawnStep = 0;

  constructor(options: MonitorOptions = {}) {
    const thresholds: Thresholds = { ...DEFAULT_THRESHOLDS, ...options.thresholds };
    this.trends = new Trends(thresholds);
    this.hang = new HangWatch(thresholds);
    this.perClass = new PerClass(thresholds);
    this.findings = new Findings(
      options.isProjectFile ?? looksLikeProjectFile,
      () => this.place,
      (finding, amends) => this.events.push({ kind: 'finding', finding, ...(amends ? { amends } : {}) }),
    );
    this.sentences = new Sentences(this.findings);
  }

  /**
   * The next bytes (or text) of the output; any chunking gives the same events.
   * `nowMs`: when they arrived, by any steady clock; only needed for `check`.
   */
  write(chunk: Uint8Array | string, nowMs?: number): MonitorEvent[] {
    this.lines.write(chunk);
    if (this.progressed && nowMs !== undefined) this.hang.progress(nowMs);
    this.progressed = false;
    return this.take();
  }

  /** Whether a run that is being followed stands still at this time; to be asked now and then. */
  check(nowMs: number): MonitorEvent[] {
    const idle = this.over || this.findings.anyError ? null : this.hang.check(nowMs);
    if (idle !== null) this.findings.seen({ type: 'hang', message: idle, line: Math.max(1, this.ended), who: '' });
    return this.take();
  }

  /** The output is over: the last line and an open traceback are read. */
  end(): MonitorEvent[] {
    this.lines.end();
    this.over = true;
    this.tracebacks.end(this.ended);
    if (this.container) this.found(this.container);
    this.sentences.end(this.ended);
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
    return this.history.lines();
  }

  /** Where training is, and the last value of each metric. */
  get latest(): {
    epoch: number | null;
    epochs: number | null;
    step: number | null;
    steps: number | null;
    metrics: Readonly<Record<string, number>>;
  } {
    return { ...this.place, metrics: Object.fromEntries([...this.stats].map(([name, s]) => [name, s.last])) };
  }

  /** The run so far, for people and for agents; bounded in size. */
  summary(title?: string): RunSummary {
    return summarize({
      lines: this.ended,
      place: this.place,
      stats: this.stats,
      history: this.history.lines(),
      findings: this.findings.all,
      ...(title === undefined ? {} : { title }),
    });
  }

  private take(): MonitorEvent[] {
    const events = this.events;
    this.events = [];
    return events;
  }

  private piece(piece: Piece, redraw: boolean): void {
    // A bar that was redrawn very often says the same each time: from then on a sample is enough.
    if (redraw && this.redraws >= MAX_REDRAWS && (this.redraws + 1) % REDRAW_SAMPLE !== 0) {
      this.redraws++;
      return;
    }
    let line = unwrapped(piece);
    if (this.metrics.look(line)) {
      const parts = splitMoves(line.text)
        .map(stripControl)
        .filter((part) => part !== '');
      line = pieceOf(parts.pop() ?? '');
      for (const part of parts.slice(0, MAX_PARTS).map(pieceOf)) {
        this.metrics.look(part);
        this.redrawn(part);
      }
      this.metrics.look(line);
    }
    if (redraw) {
      this.redraws++;
      this.redrawn(line);
      return;
    }
    this.redraws = 0;
    this.newRedraws = 0;
    this.ended++;
    // `push` is a call here: the compiler does not inline it, since the array was empty when it was made.
    this.events[this.events.length] = { kind: 'line', line: this.ended, text: line.text };
    this.read(line, this.ended, false);
  }

  private redrawn(piece: Piece): void {
    if (!this.metrics.isKnown() && ++this.newRedraws > MAX_NEW_REDRAWS && this.newRedraws % REDRAW_SAMPLE !== 0) return;
    this.read(piece, this.ended + 1, true);
  }

  private read(piece: Piece, line: number, redraw: boolean): void {
    const at = this.tracebacks.active ? gluedAt(piece.text) : 0;
    if (at === 0) return this.readWhole(piece, line, redraw);
    const { text } = piece;
    for (const part of [text.slice(0, at), text.slice(at)].map(pieceOf)) {
      this.metrics.look(part);
      this.readWhole(part, line, redraw);
    }
  }

  /** A line of one speaker. */
  private readWhole(piece: Piece, line: number, redraw: boolean): void {
    if (this.tracebacks.active && (this.readRecord(piece.text, line) || this.tracebacks.read(piece.text, line))) return;
    if (this.sentences.isOpen && !isBlank(piece)) this.sentences.readMessage(piece.text, line);
    const interest = this.metrics.see(piece);
    this.belowListing = this.listing;
    if (interest !== 0) {
      const { text } = piece;
      this.listing = (interest & LISTED) !== 0 && LISTING.test(text);
      if ((interest & SENTENCE) !== 0 && this.readRecord(text, line)) return;
      if ((interest & TRACEBACK) !== 0 && !this.tracebacks.active && this.tracebacks.read(text, line)) return;
      if ((interest & SENTENCE) !== 0) this.sentences.read(text, line, this.belowListing);
    } else if (!isBlank(piece)) this.listing = false;
    const plan = this.metrics.plan(piece);
    if (plan && (!redraw || this.worthTelling(plan, line))) this.record(plan, line);
    if ((interest & CLASSES) !== 0 || this.perClass.active) this.readClass(piece.text, line);
  }

  private readClass(text: string, line: number): void {
    const collapse = this.perClass.read(stripPrefix(text).text, this.early());
    if (collapse !== null) this.findings.seen({ type: 'class-collapse', message: collapse, line, who: '' });
  }

  /** A log record in JSON that tells of an error: what it carries is read like lines of its own. False when the line is none. */
  private readRecord(text: string, line: number): boolean {
    const record = readErrorRecord(text);
    if (record === null) return false;
    for (const inner of record.trace) this.tracebacks.read(inner, line);
    if (record.trace.length === 0 && record.message !== '') this.sentences.read(record.message, line, this.belowListing);
    return true;
  }

  private raised(exception: RaisedException): void {
    const { container } = this;
    this.container = null;
    if (container && exception.link !== 'original') this.found(container);
    if (isContainer(exception)) this.container = exception;
    else this.found(exception);
  }

  private found(exception: RaisedException): void {
    if (/(?:^|\.)(?:SystemExit|GeneratorExit|StopIteration)$/.test(exception.name)) return;
    if (/Warning$/.test(exception.name)) return;
    const text = exceptionText(exception);
    const match = exception.complete ? classifyException(text) : null;
    const type = match?.rule.type ?? 'python-exception';
    // The other ranks lose their connection when one fails, and the launcher complains in the end: that is not a second cause.
    const launcher = FOLLOWERS.test(exception.name);
    if ((launcher || POINTS_BACK.test(text)) && this.findings.anyError) return;
    const { line, who } = exception;
    if (exception.link === 'none') {
      if (LOST_PEER.test(exception.name) && this.findings.afterError) return this.findings.followed(type, line, who);
      if (match && this.findings.follows(match.rule, line, who)) return;
    }
    const consequence = launcher || match?.rule.consequence === true;
    if (DIED.test(text) && this.findings.explains(DEATHS, exception)) return;
    this.findings.raised(exception, match, consequence);
  }

  private record(plan: Plan, line: number): void {
    const { place } = this;
    const found = this.metrics.apply(plan, line);
    const { epoch, epochs, step, steps } = found;
    if (epoch !== null && epoch !== place.epoch) {
      place.epoch = epoch;
      this.progressed = true;
    }
    if (epochs !== null) place.epochs = epochs;
    if (step !== null && step !== place.step) {
      place.step = step;
      this.progressed = true;
    }
    if (steps !== null) place.steps = steps;
    if (plan.names.length === 0) return;
    if (plan.plain) {
      const { values } = this.metrics;
      const measures = plan.measures ?? this.measuresOf(plan);
      for (let k = 0; k < measures.length; k++) this.measured(measures[k]!, values[k]!, found);
      this.history.add(plan, found, values);
    } else {
      const metrics = Object.entries(found.metrics);
      if (metrics.length === 0) return;
      for (const [name, value] of metrics) this.measured(this.measureOf(name), value, found);
      this.history.addWhole(found);
    }
    this.sentences.wentOn();
    this.findings.wentOn();
    for (const trend of this.trends.take()) this.findings.seen({ ...trend, line, who: '' });
    this.progressed = true;
    this.events[this.events.length] = found;
  }

  private measured(measure: Measure, value: number, line: MetricLine): void {
    measure.add(value, this.place);
    if (measure.role !== 'other') this.trends.read(measure, value, line, this.place);
  }

  private measuresOf(plan: Plan): readonly Measure[] {
    const measures = plan.names.map((name) => this.measureOf(name));
    if (this.stats.size < MAX_LATEST) plan.measures = measures;
    return measures;
  }

  /** Beyond `MAX_LATEST` names it is forgotten at once. */
  private measureOf(name: string): Measure {
    let measure = this.stats.get(name);
    if (measure === undefined) {
      measure = new Measure(name, roleOf(name));
      if (this.stats.size < MAX_LATEST) this.stats.set(name, measure);
    }
    return measure;
  }

  /** A bar is redrawn many times a second: it is read at every twentieth of its way, when something in it is no number, and when its line ends. */
  private worthTelling(plan: Plan, line: number): boolean {
    const step = this.metrics.number(plan.step);
    const steps = this.metrics.number(plan.steps);
    if (step !== null && step !== this.place.step) {
      this.place.step = step;
      this.progressed = true;
    }
    if (plan.names.length === 0 || this.metrics.hasSpecial(plan)) return true;
    if (step === null || steps === null) return false;
    if (this.drawnLine !== line) {
      this.drawnLine = line;
      this.drawnStep = step;
    }
    if (step - this.drawnStep < steps / 20) return false;
    this.drawnStep = step;
    return true;
  }

  /** Training is under way and not in its last epoch. */
  private early(): boolean {
    const { epoch, epochs } = this.place;
    return epoch !== null && epochs !== null && epoch < epochs;
  }
}
