import { exceptionText } from './findings.ts';
import type { Findings, Sighting } from './findings.ts';
import { behindBar } from './glued.ts';
import { stripPrefix } from './prefix.ts';
import { classifyException, classifyLine } from './rules.ts';
import type { Match } from './rules.ts';
import { isErrorName, readNamed, readRepr } from './traceback.ts';
import type { RaisedException } from './traceback.ts';

/** Hydra says that the program failed, and then only `repr()` of what it raised. */
const ANNOUNCED = /^Error (?:executing job with overrides|in call to target '|instantiating ')/;
/** Lines from there to what it raised. */
const ANNOUNCED_FOR = 3;
/** Lines that a shell or a launcher may still print below a program's last word. */
const BELOW_LAST_WORD = 2;
/** An exception that was caught, and what was done instead. */
const SURVIVED = /\b(?:retrying|will retry|skipping|ignor(?:ed|ing)|falling back|(?<!before )continuing)\b/i;

/** The class of an exception with something to say: `mean_absolute_error: 0.12`, `Errors: 0` and `kill_on_error: True` are outcomes and settings. */
function isComplaint({ name, message }: RaisedException): boolean {
  return /^[A-Z]|\.|^error$/.test(name) && !/^[-+.\d]|^(?:True|False|None|nan|inf)\b/i.test(message);
}

/** Reads what tells of a failure without a traceback: a shell's, a launcher's or a library's sentence, an exception by itself. What it means may show only where the output ends. */
export class Sentences {
  /** What counts if the output ends with it, at most at this line. */
  private lastWord: { readonly exception: RaisedException; readonly match: Match | null; readonly until: number } | null = null;
  /** `RuntimeError:` by itself, whose message is the next line. */
  private opened: { readonly name: string; readonly line: number; readonly who: string } | null = null;
  /** Line by which a program has announced that it failed. */
  private announced = -Infinity;
  /** A complaint that counts if the output ends with it, at most at this line. */
  private ending: { readonly sighting: Sighting; readonly until: number } | null = null;

  constructor(private readonly findings: Findings) {}

  /** `RuntimeError:` stood alone, and the next line that is not blank is its message. */
  get isOpen(): boolean {
    return this.opened !== null;
  }

  /** Training goes on: whatever was complained of, the output does not end with it. */
  wentOn(): void {
    this.announced = -Infinity;
    this.ending = null;
    this.lastWord = null;
  }

  /** The output has ended at this line. */
  end(line: number): void {
    const { findings, ending, lastWord } = this;
    if (ending && ending.until >= line && !findings.anyError) findings.seen(ending.sighting);
    if (lastWord && lastWord.until >= line && !findings.anyError) findings.raised(lastWord.exception, lastWord.match);
  }

  /** A line by itself: an exception without its traceback, or what a shell, a launcher or a library says. */
  read(text: string, line: number, belowListing: boolean): void {
    const { text: own, who } = stripPrefix(text);
    const body = behindBar(own);
    const byItself = own.length === text.length || who !== '';
    const named = readNamed(body);
    if (named && isErrorName(named.name) && !/Warning$/.test(named.name)) {
      if (named.message === '') {
        if (named.open && byItself) this.opened = { name: named.name, line, who };
      } else if (this.readBare({ ...named, line, frames: [], who, link: 'none', complete: true }, byItself, belowListing)) return;
    } else if (ANNOUNCED.test(body)) this.announced = line;
    else if (!named) this.readQuoted(body, line, who);
    const match = classifyLine(body) ?? (body.length === text.length ? null : classifyLine(text));
    if (!match || this.findings.follows(match.rule, line, who)) return;
    const { type, severity, suggestion, fixes, ending } = match.rule;
    const sighting: Sighting = {
      type,
      message: body.trim(),
      line,
      who,
      ...(severity ? { severity } : {}),
      ...(suggestion ? { suggestion } : {}),
      ...(fixes ? { fixes: fixes(match.match) } : {}),
    };
    if (!ending) return this.findings.seen(sighting);
    // The first stays, unless it has said nothing: it counted near the end only, and either that is over or this one counts anywhere.
    const until = ending === true ? Infinity : line + ending;
    const { ending: before } = this;
    if (before === null || before.until < line || (ending === true && before.until < Infinity)) this.ending = { sighting, until };
  }

  /** `Name: message` without a traceback; true when all is said about it. */
  private readBare(exception: RaisedException, byItself: boolean, belowListing: boolean): boolean {
    const { line, who, message } = exception;
    if (SURVIVED.test(message)) return true;
    const match = classifyException(exceptionText(exception));
    if (match && !this.findings.has(match.rule.type) && !this.findings.follows(match.rule, line, who))
      this.findings.raised(exception, match, match.rule.consequence);
    if (match) return true;
    // Without a kind it counts below a code listing, or when it turns out to be the log's last word.
    if (belowListing) this.findings.raised(exception, null);
    else if (byItself && isComplaint(exception)) this.lastWord = { exception, match: null, until: line + BELOW_LAST_WORD };
    return false;
  }

  /** The line below a name that stood alone; a blank one may be between them. */
  readMessage(text: string, below: number): void {
    const { name, line, who } = this.opened!;
    const { text: body, who: speaker } = stripPrefix(text);
    this.opened = null;
    const message = body.trim();
    if (below - line <= 2 && speaker === who && message !== '' && !readNamed(body))
      this.readBare({ name, message, line, frames: [], who, link: 'none', complete: true }, true, false);
  }

  /** `ValueError('…')`: programs print that of what they have caught as well, so it counts where a failure was announced, or as the log's very last word. */
  private readQuoted(body: string, line: number, who: string): void {
    const quoted = readRepr(body);
    if (!quoted) return;
    const exception: RaisedException = { ...quoted, line, frames: [], who, link: 'none', complete: true };
    const match = classifyException(exceptionText(exception));
    if (line - this.announced <= ANNOUNCED_FOR) this.findings.raised(exception, match, match?.rule.consequence);
    else this.lastWord = { exception, match, until: line };
  }
}
