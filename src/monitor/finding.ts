/**
 * The kinds of failure the monitor knows; one record each in the rules tables or in the trends.
 * The first eight are the seeds' own. A failure that is not of a more specific kind is `python-exception`.
 */
export type FindingType =
  | 'cuda-oom'
  | 'nan-loss'
  | 'class-collapse'
  | 'gradient-explosion'
  | 'shape-mismatch'
  | 'import-error'
  | 'encoder-not-found'
  | 'python-exception'
  | 'host-oom'
  | 'dtype-mismatch'
  | 'device-mismatch'
  | 'file-not-found'
  | 'permission-denied'
  | 'disk-full'
  | 'checkpoint-mismatch'
  | 'no-grad'
  | 'autograd-misuse'
  | 'cuda-assert'
  | 'cuda-illegal-access'
  | 'cuda-unavailable'
  | 'cudnn-cublas-error'
  | 'nccl-error'
  | 'dataloader-shm'
  | 'gpu-lost'
  | 'auth-error'
  | 'network-error'
  | 'config-error'
  | 'hang'
  | 'preempted'
  | 'segfault'
  // Trends that are advice rather than failures: always severity 'info'.
  | 'loss-spike'
  | 'loss-divergence'
  | 'plateau'
  | 'overfitting'
  | 'vanishing-gradient'
  | 'zero-learning-rate'
  | 'throughput-drop';

export type Severity = 'error' | 'warning' | 'info';

/** One place in a traceback, as it was printed on the pod. */
export interface Frame {
  /** The file as printed: usually an absolute path on the pod; in a notebook the cell, e.g. `Cell In[5]`. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly function?: string;
  /** The source line below the frame, if it was printed. */
  readonly code?: string;
}

/**
 * Something a program can do about a finding, by person's or agent's leave. The values are the monitor's advice;
 * where in the project it applies is found out by whoever applies it.
 */
export type Fix =
  /** Multiply the first of these settings that the project has by `factor` (0.5 = halve); whole numbers stay whole. */
  | { readonly kind: 'scale-setting'; readonly names: readonly string[]; readonly factor: number; readonly title: string }
  /** `pip install` this distribution on the pod; `module` is the import that failed. */
  | { readonly kind: 'install-package'; readonly module: string; readonly package: string; readonly title: string }
  /** Send a local file that the pod lacks; `path` as printed by the program. */
  | { readonly kind: 'deploy-file'; readonly path: string; readonly title: string }
  /** Put the fixed source on the pod and train again. */
  | { readonly kind: 'deploy-and-retrain'; readonly title: string }
  /** Source to add by hand or by agent: `after` names the call it belongs behind (e.g. `loss.backward()`), `code` is what to add. */
  | { readonly kind: 'suggest-edit'; readonly after: string; readonly code: string; readonly title: string }
  /** Run a stage or command the project has under one of these names (e.g. encoder pre-training). */
  | { readonly kind: 'run-stage'; readonly names: readonly string[]; readonly title: string };

/** What only followed from a failure: a rank that lost the one that failed, a launcher that stopped the rest. */
export interface Follower {
  readonly type: FindingType;
  /** The log line that first said so, 1-based. */
  readonly line: number;
  /** Who said so, as far as the log names them. */
  readonly ranks: readonly string[];
}

/** Something the monitor saw, once for each root cause. */
export interface Finding {
  readonly type: FindingType;
  readonly severity: Severity;
  /** What happened, with the numbers from the log; one line. */
  readonly message: string;
  /** What to do next; one or two sentences. */
  readonly suggestion: string;
  /** The log line it was seen on, 1-based. */
  readonly line: number;
  /** The innermost frame of the project's own code, or null when there was no traceback or none of it was ours. */
  readonly frame: Frame | null;
  /** All frames of the traceback, outermost first; empty without one. */
  readonly frames: readonly Frame[];
  /** The exception as printed, e.g. `ValueError: …`, or null. */
  readonly exception: string | null;
  /** Last epoch and step printed before it, or null. */
  readonly epoch: number | null;
  readonly step: number | null;
  readonly fixes: readonly Fix[];
  /** The ranks or worker ids that failed the same way, first failing first; absent when the log names none. */
  readonly ranks?: readonly string[];
  /** Failures that this one brought about, which are therefore no findings of their own; absent when there were none. */
  readonly followers?: readonly Follower[];
}
