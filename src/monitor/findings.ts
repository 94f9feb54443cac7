import { importFixes } from './fixes.ts';
import type { Finding, FindingType, Fix, Follower, Frame, Severity } from './finding.ts';
import { innermostProjectFrame } from './frames.ts';
import { KINDS } from './kinds.ts';
import type { Rule } from './rule.ts';
import type { Match } from './rules.ts';
import type { RaisedException } from './traceback.ts';

/** Findings kept of one log; a program that fails in more ways than this is not helped by more. */
const MAX_FINDINGS = 200;
/** Kinds of followers kept of one finding, and ranks of each. */
const MAX_FOLLOWERS = 8;
const MAX_RANKS = 1_024;
/** Lines with metrics after an error from which on what fails is not its consequence any more. */
const SURVIVED = 20;
/** What programs catch, tell of and live with: an optional package, a bad sample, a connection that is tried again. */
const SURVIVABLE: ReadonlySet<FindingType> = new Set(['python-exception', 'import-error', 'file-not-found', 'network-error', 'auth-error']);
/** Lines with metrics behind a traceback, at no earlier a place in training, that prove it was caught; another process may still print one or two. */
const CAUGHT = 4;
/** Units of a message shown. */
const MAX_MESSAGE = 400;

/** What a reader saw, before it is known whether it is news. */
export interface Sighting {
  readonly type: FindingType;
  readonly severity?: Severity;
  readonly message: string;
  readonly suggestion?: string;
  readonly fixes?: readonly Fix[];
  readonly line: number;
  readonly exception?: RaisedException;
  readonly who: string;
}

/** Told when a finding is new, or replaces an earlier one about the same cause. */
export type FindingSink = (finding: Finding, amends: Finding | undefined) => void;

interface Entry {
  finding: Finding;
  /** Exception text without its numbers, or null for what no exception told. */
  key: string | null;
  ranks: string[];
  /** It mostly happens because something else did, which the log may name later. */
  consequence: boolean;
  /** The program said that it goes on without what failed. */
  skipped?: boolean;
}

/**
 * The findings of a log, one for each root cause. A finding is told the moment it is seen; when the log later says more about the same cause (the traceback behind a
 * nan line, the exception a chained one led to, another rank failing alike) it is *amended*: told again, naming the one it replaces. `all` holds only the newest.
 */
export class Findings {
  private readonly entries: Entry[] = [];
  /** The entry of the exception last raised by each printing process, for chains; of the newest `MAX_RANKS` of them. */
  private readonly lastOf = new Map<string, Entry>();
  /** The error told last. */
  private lastError: Entry | null = null;
  /** Lines with metrics since then. */
  private trained = 0;

  constructor(
    private readonly isProjectFile: (file: string) => boolean,
    private readonly place: () => { epoch: number | null; step: number | null },
    private readonly sink: FindingSink,
  ) {}

  get all(): readonly Finding[] {
    return this.entries.map((entry) => entry.finding);
  }

  has(type: FindingType): boolean {
    return this.entries.some((entry) => entry.finding.type === type);
  }

  get anyError(): boolean {
    return this.entries.some((entry) => entry.finding.severity === 'error');
  }

  /** A line with metrics: training goes on. */
  wentOn(): void {
    const entry = this.lastError;
    if (entry === null) return;
    this.trained++;
    if (this.trained <= CAUGHT && this.wasCaught(entry))
      this.amend(entry, {
        ...entry.finding,
        severity: 'info',
        suggestion: 'Training went on after this exception, so the program caught it; see whether what it skips is wanted.',
        fixes: [],
      });
  }

  /** Does the progress now prove that the program lives with what was raised? Only where one process prints, and goes on where it was. */
  private wasCaught({ finding, skipped }: Entry): boolean {
    const { type, severity, frames, frame, epoch, step, ranks } = finding;
    if (severity !== 'error' || ranks !== undefined || frames.length === 0 || !SURVIVABLE.has(type)) return false;
    // A package that logs what it caught: nothing of the project is in its traceback.
    if (frame === null || skipped === true) return true;
    const now = this.place();
    if (this.trained < CAUGHT || (epoch === null && step === null)) return false;
    return epoch === null
      ? (now.step ?? 0) > step!
      : (now.epoch ?? 0) > epoch || (now.epoch === epoch && (now.step ?? 0) > (step ?? Infinity));
  }

  /** Did something fail just now, so that what fails next may be a consequence? */
  get afterError(): boolean {
    return this.lastError !== null && this.trained < SURVIVED;
  }

  /** Notes what mostly is a consequence with the failure before it; false when there is none, and it is news. */
  follows({ consequence, type }: Pick<Rule, 'consequence' | 'type'>, line: number, who: string): boolean {
    if (consequence !== true || !this.afterError || this.has(type)) return false;
    this.followed(type, line, who);
    return true;
  }

  /** A consequence of the error told last, which points at it. */
  followed(type: FindingType, line: number, who: string): void {
    const entry = this.lastError;
    if (entry === null || (entry.finding.type === type && entry.ranks.includes(who))) return;
    const followers = [...(entry.finding.followers ?? [])];
    const at = followers.findIndex((follower) => follower.type === type);
    const known = followers[at];
    const ranks = who === '' ? [] : [who];
    if (known === undefined) {
      if (followers.length >= MAX_FOLLOWERS) return;
      followers.push({ type, line, ranks });
    } else {
      if (who === '' || known.ranks.includes(who) || known.ranks.length >= MAX_RANKS) return;
      followers[at] = { ...known, ranks: [...known.ranks, who] };
    }
    this.amend(entry, { ...entry.finding, followers });
  }

  /**
   * An exception that says only that a process died: the finding that said why (of one of these kinds, and without a traceback) takes its frames.
   * False when there is none.
   */
  explains(types: readonly FindingType[], exception: RaisedException): boolean {
    const entry = this.entries.find((e) => types.includes(e.finding.type) && e.finding.frames.length === 0);
    if (!entry) return false;
    const { frames } = exception;
    this.amend(entry, {
      ...entry.finding,
      frames,
      frame: innermostProjectFrame(frames, this.isProjectFile),
      exception: cut(exceptionText(exception)),
    });
    this.noteLast(exception.who, entry);
    return true;
  }

  /** Something other than an exception: a sentence, or a trend. The same kind is told once. */
  seen(sighting: Sighting): void {
    const known = this.entries.find((entry) => entry.finding.type === sighting.type);
    if (known) {
      this.addRank(known, sighting.who);
      return;
    }
    this.add(sighting, null, false);
  }

  /** An exception, with what the rules make of it. `consequence`: exceptions of its kind mostly have another cause. */
  raised(exception: RaisedException, match: Match | null, consequence = false): void {
    const text = exceptionText(exception);
    const previous = exception.link === 'none' ? undefined : this.lastOf.get(exception.who);
    const type = match?.rule.type ?? 'python-exception';
    const sighting: Sighting = {
      type,
      message: text,
      line: exception.line,
      exception,
      who: exception.who,
      ...(match?.rule.severity ? { severity: match.rule.severity } : {}),
      ...(match?.rule.suggestion ? { suggestion: match.rule.suggestion } : {}),
      ...(match?.rule.fixes ? { fixes: match.rule.fixes(match.match) } : {}),
    };
    if (previous) {
      this.continueChain(previous, sighting, exception);
      return;
    }
    const key = maskNumbers(text);
    const frame = innermostProjectFrame(exception.frames, this.isProjectFile);
    const same = this.entries.find(
      (e) =>
        e.key === key &&
        e.finding.type === type &&
        (sameFrame(e.finding.frame, frame) || (exception.who !== '' && !e.ranks.includes(exception.who))),
    );
    if (same) {
      this.noteLast(exception.who, same);
      this.addRank(same, exception.who);
      return;
    }
    // Another process failed there too, and the output ended before it could say how.
    const cutOff = exception.complete ? undefined : this.entries.find((e) => startsWith(e.finding.frames, exception.frames));
    if (cutOff) {
      this.addRank(cutOff, exception.who);
      return;
    }
    // The number or sentence that was seen first, and now the exception it led to; or the same exception, now with its traceback.
    const bare = this.entries.find((e) => (e.key === null || e.key === key) && e.finding.type === type && e.finding.frames.length === 0);
    if (bare) {
      const made = this.make(sighting);
      this.noteLast(exception.who, bare);
      this.amend(bare, {
        ...made,
        line: bare.finding.line,
        epoch: bare.finding.epoch,
        step: bare.finding.step,
        message: bare.finding.message,
      });
      return;
    }
    if (!consequence && this.causes(sighting, key, exception)) return;
    const entry = this.add(sighting, key, consequence);
    if (entry) this.noteLast(exception.who, entry);
  }

  /** The cause of what was told before it: another rank lost its peer first, a launcher was quicker to complain. That finding becomes this one. */
  private causes(sighting: Sighting, key: string, exception: RaisedException): boolean {
    if (exception.frames.length === 0 || !this.afterError) return false;
    const { who } = exception;
    const entry = this.entries.find((e) => e.consequence && (who === '' || !e.ranks.includes(who)));
    if (!entry) return false;
    const { type, line, followers = [] } = entry.finding;
    const follower: Follower = { type, line, ranks: entry.ranks };
    const made = this.make(sighting);
    entry.key = key;
    entry.consequence = false;
    entry.ranks = who === '' ? [] : [who];
    const ranks = entry.ranks.length > 0 ? { ranks: [...entry.ranks] } : {};
    this.noteLast(who, entry);
    this.amend(entry, { ...made, ...ranks, followers: [follower, ...followers] });
    return true;
  }

  /** See `Entry.skipped`. */
  shrugged(who: string): void {
    const entry = this.lastOf.get(who);
    if (entry) entry.skipped = true;
  }

  /** Would more of the message of its last exception tell what it is? */
  isUnclear(who: string): boolean {
    return this.lastOf.get(who)?.finding.type === 'python-exception';
  }

  /** The message of the last exception goes on, and says more than its first line did. */
  continued(who: string, match: Match): void {
    const entry = this.lastOf.get(who);
    if (!entry || !this.isUnclear(who)) return;
    const kind = KINDS[match.rule.type];
    // A library had said so already, without the traceback: it is told once.
    const bare = this.entries.find((e) => e.key === null && e.finding.type === match.rule.type && e.finding.frames.length === 0);
    if (bare) {
      const { frame, frames, exception } = entry.finding;
      this.amend(bare, { ...bare.finding, frame, frames, exception });
      this.amend(entry, { ...entry.finding, severity: 'info', suggestion: `The same failure as in line ${bare.finding.line}.`, fixes: [] });
      this.noteLast(who, bare);
      return;
    }
    this.amend(entry, {
      ...entry.finding,
      type: match.rule.type,
      severity: match.rule.severity ?? kind.severity,
      suggestion: match.rule.suggestion ?? kind.suggestion,
      fixes: match.rule.fixes?.(match.match) ?? kind.fixes,
      message: cut(`${entry.finding.message} ${match.match.input.trim()}`),
    });
  }

  /** The exception that stopped the program names the kind, unless the one before it is more telling; the frame is the newest there is, or where it was first raised. */
  private continueChain(entry: Entry, sighting: Sighting, exception: RaisedException): void {
    const next = this.make(sighting);
    const old = entry.finding;
    const keepOld = next.type === 'python-exception' && old.type !== 'python-exception';
    // Word for word the same: a pool (multiprocessing, joblib) raises in the parent what failed in the worker.
    const passedOn = old.frame !== null && next.exception !== null && next.exception === old.exception;
    const frame = passedOn ? old.frame : (next.frame ?? old.frame);
    const frames = passedOn || next.frames.length === 0 ? old.frames : next.frames;
    this.noteLast(exception.who, entry);
    this.amend(entry, keepOld ? { ...old, frame, frames } : { ...next, frame, frames, ...(old.ranks ? { ranks: old.ranks } : {}) });
  }

  private add(sighting: Sighting, key: string | null, consequence: boolean): Entry | null {
    if (this.entries.length >= MAX_FINDINGS) return null;
    const entry: Entry = { finding: this.make(sighting), key, ranks: sighting.who === '' ? [] : [sighting.who], consequence };
    if (entry.ranks.length > 0) entry.finding = { ...entry.finding, ranks: [...entry.ranks] };
    this.entries.push(entry);
    this.noteError(entry);
    this.sink(entry.finding, undefined);
    return entry;
  }

  private make(sighting: Sighting): Finding {
    const kind = KINDS[sighting.type];
    const frames = sighting.exception?.frames ?? [];
    const { epoch, step } = this.place();
    return {
      type: sighting.type,
      severity: sighting.severity ?? kind.severity,
      message: cut(sighting.message),
      suggestion: sighting.suggestion ?? kind.suggestion,
      line: sighting.line,
      frame: innermostProjectFrame(frames, this.isProjectFile),
      frames,
      exception: sighting.exception?.complete ? cut(exceptionText(sighting.exception)) : null,
      epoch,
      step,
      fixes: sighting.fixes ?? this.fixesOf(sighting, frames),
    };
  }

  private fixesOf(sighting: Sighting, frames: readonly Frame[]): readonly Fix[] {
    if (sighting.type !== 'import-error') return KINDS[sighting.type].fixes;
    const module = /No module named '?([\w.]+)/.exec(sighting.message)?.[1];
    if (module !== undefined)
      return importFixes(
        module,
        module.includes('.') && !/^google\.cloud\./.test(module),
        frames.filter((f) => this.isProjectFile(f.file)),
      );
    const from = /cannot import name '[^']+' from (?:partially initialized module )?'([\w.]+)'/.exec(sighting.message)?.[1];
    if (from !== undefined && frames.some((f) => this.isProjectFile(f.file)))
      return importFixes(from, !/site-packages|dist-packages/.test(sighting.message), []).filter((fix) => fix.kind !== 'install-package');
    return KINDS['import-error'].fixes;
  }

  private addRank(entry: Entry, who: string): void {
    if (who === '' || entry.ranks.includes(who) || entry.ranks.length >= MAX_RANKS) return;
    entry.ranks.push(who);
    this.amend(entry, { ...entry.finding, ranks: [...entry.ranks] });
  }

  private amend(entry: Entry, finding: Finding): void {
    const before = entry.finding;
    entry.finding = finding;
    this.sink(finding, before);
  }

  private noteLast(who: string, entry: Entry): void {
    const { lastOf } = this;
    lastOf.delete(who);
    // Ray and Slurm start processes for as long as the log goes on.
    if (lastOf.size >= MAX_RANKS) for (const oldest of lastOf.keys()) if (lastOf.delete(oldest)) break;
    lastOf.set(who, entry);
  }

  private noteError(entry: Entry): void {
    if (entry.finding.severity !== 'error') return;
    this.lastError = entry;
    this.trained = 0;
  }
}

function sameFrame(a: Frame | null, b: Frame | null): boolean {
  return a === b || (a !== null && b !== null && a.file === b.file && a.line === b.line);
}

/** Do these frames begin with all of those? */
function startsWith(frames: readonly Frame[], those: readonly Frame[]): boolean {
  return those.length > 0 && those.every((frame, i) => i < frames.length && sameFrame(frame, frames[i]!));
}

export function exceptionText(exception: RaisedException): string {
  if (!exception.complete) return 'The output ends inside a traceback';
  return exception.message === '' ? exception.name : `${exception.name}: ${exception.message}`;
}

function maskNumbers(text: string): string {
  return text.replace(/0x[0-9a-f]+|\d+/gi, '0');
}

function cut(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
}
