/** What can be done about a check in one step. */
export type CheckFix =
  | {
      readonly kind: 'run';
      /** Short and imperative, for a button: `Install xgboost`. */
      readonly title: string;
      /** Shell line, run in the project's folder on the pod. */
      readonly command: string;
      /** Whether the project's environment is set up before it; not for a command that makes this environment. */
      readonly environment: boolean;
    }
  | {
      /** Installs what requirements.txt, or else the project itself, names. */
      readonly kind: 'install';
      readonly title: string;
      readonly what: 'requirements' | 'project';
    }
  | {
      readonly kind: 'deploy';
      readonly title: string;
      /** Below the project; empty: every file that the pod lacks or has otherwise. */
      readonly files: readonly string[];
    };

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
  /** The same as one step, where it is one. */
  readonly fix: CheckFix | null;
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

export function passed(id: string, title: string, seen: string): Check {
  return { id, title, status: 'passed', seen, advice: null, fix: null };
}

export function warning(id: string, title: string, seen: string, advice: string, fix: CheckFix | null = null): Check {
  return { id, title, status: 'warning', seen, advice, fix };
}

export function failed(id: string, title: string, seen: string, advice: string, fix: CheckFix | null = null): Check {
  return { id, title, status: 'failed', seen, advice, fix };
}
