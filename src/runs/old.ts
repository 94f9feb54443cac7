import type { Run } from './run.ts';

/** Folder of a run on the pod, below the remote root, and the size of its log. */
export interface OldRun {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Runs beyond the newest `keep`; never one that goes on or is needed.
 *
 * @param runs oldest first
 * @param needed ids
 */
export function oldRuns(runs: readonly Run[], keep: number, needed: ReadonlySet<string>): readonly OldRun[] {
  return runs
    .slice(0, -keep)
    .filter(({ manifest, status }) => status.kind !== 'running' && !needed.has(manifest.id))
    .map(({ manifest, logBytes }) => ({ path: `.runpod/runs/${manifest.id}`, bytes: logBytes }));
}
