/** One thing that was looked at on a pod. */
export interface Check {
  /** Short and stable: `disk`, `python`, `torch`, `file:data/x.csv`, `package:numpy`. */
  readonly id: string;
  readonly title: string;
  readonly status: 'passed' | 'warning' | 'failed';
  /** What was seen. */
  readonly seen: string;
  /** What to do; null when passed. */
  readonly advice: string | null;
}

/** What a whole look at a pod came to. */
export interface VerifyReport {
  readonly pod: string;
  readonly remoteRoot: string;
  /** True when nothing failed. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly milliseconds: number;
}
