import type { TrainingRequest } from '../orchestrator.ts';

/** A run as this window remembers it, also over a reload; everything else about it is on the pod. */
export interface RunRef {
  readonly id: string;
  /** Local folder of the project. */
  readonly root: string;
  readonly pod: string;
  readonly model: string | null;
  /** What to ask for to train the same again. */
  readonly request: TrainingRequest;
  /** The pipeline that it is a job of, and that fetches and judges what it leaves. */
  readonly pipeline?: string;
}

/** What the person calls it. */
export function titleOf({ model, request }: Pick<RunRef, 'model' | 'request'>): string {
  return model ?? request.stage?.name ?? 'command';
}
