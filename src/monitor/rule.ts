import type { FindingType, Fix, Severity } from './finding.ts';

/**
 * One way in which one kind of failure shows itself. A new one is one more record in a table under `rules/`; its samples and look-alikes are
 * its tests.
 */
export interface Rule {
  readonly type: FindingType;
  /**
   * What it is matched against: `exception` - the text `Name: message` of an exception that a traceback (or a line standing like one) gave;
   * `line` - any line, without control sequences and launchers' prefixes.
   */
  readonly on: 'exception' | 'line';
  readonly pattern: RegExp;
  /** Output of this shape that it must find. Written for this project, in the shape of real output. */
  readonly samples: readonly string[];
  /** Output that looks alike and must not be found (by any rule of this type). */
  readonly lookalikes?: readonly string[];
  /** Where the kind's own text does not fit. */
  readonly severity?: Severity;
  readonly suggestion?: string;
  readonly fixes?: (match: RegExpExecArray) => readonly Fix[];
  /** Mostly a consequence of a failure that the log names elsewhere: after one it is noted with that one instead of told by itself. */
  readonly consequence?: boolean;
  /** What scripts survive: only a failure when the output ends without a metric after it, and without another failure; a number: and with at most so many lines. */
  readonly ending?: true | number;
}

/** One pattern that matches where any of these does: a table of phrasings, one a line. All have the flags of the first. */
export function anyOf(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map((pattern) => `(?:${pattern.source})`).join('|'), patterns[0]?.flags ?? '');
}
