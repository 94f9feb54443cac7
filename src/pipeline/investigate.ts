import type { Verdict } from '../results/validate.ts';
import type { WatchedRun } from '../runs/watch.ts';
import type { Job } from './plan.ts';

/** What a run's output said that matters when its predictions collapse. */
export interface Clues {
  /** The line that said that layers are frozen. */
  frozen: string | null;
  /** Whether anything was said of class weights. */
  classWeights: boolean;
}

/** Below this, no weight moves any more. */
const vanishedGradient = 1e-6;

/** Looks into a piece of output; pieces may cut a line, which costs at most one clue. */
export function readClues(clues: Clues, text: string): void {
  clues.frozen ??= /^.*\b(?:froze|frozen|freezing|requires_grad\s*=\s*False)\b.*$/im.exec(text)?.[0]?.trim().slice(0, 200) ?? null;
  clues.classWeights ||= /class[_ -]?weight|balanc(?:e|ed|ing)\b/i.test(text);
}

/** Why predictions may have lost classes, likeliest first; nothing when they have lost none. */
export function investigate(
  verdict: Verdict,
  { metrics, errors }: Pick<WatchedRun, 'metrics' | 'errors'>,
  clues: Clues,
  job: Job,
): readonly string[] {
  if (verdict.lost.length === 0) return [];
  const hints: string[] = [];
  const gradients = metrics.flatMap((line) => Object.entries(line.metrics).filter(([name]) => /grad/i.test(name)));
  const last = gradients.at(-1)?.[1];
  if (last !== undefined && Math.abs(last) < vanishedGradient)
    hints.push(
      `Gradient flow: the gradient norm ended at ${last.toExponential(1)}, so nothing was learned. Look for a detached tensor, a learning rate of 0, or dead activations.`,
    );
  if (last !== undefined && !Number.isFinite(last))
    hints.push('Gradient flow: the gradient norm was not finite. Clip gradients and lower the learning rate.');
  if (clues.frozen !== null)
    hints.push(
      `Encoder: the log says "${clues.frozen}". A frozen encoder that was never trained, or not on such data, gives every row the same features: unfreeze it, or check what was loaded.`,
    );
  else if (job.request.encoder !== undefined || /encoder/i.test(job.request.command ?? ''))
    hints.push('Encoder: make sure that its weights were really loaded, and that its parameters still require gradients after loading.');
  if (!clues.classWeights)
    hints.push(
      'Class weights: nothing in the log speaks of them. Weigh the loss by the inverse frequency of each class, or sample the rare ones more often.',
    );
  const never = verdict.classes.filter(({ count, accuracy }) => count === 0 && accuracy !== undefined);
  if (never.length > 0)
    hints.push(
      `Class ${never.map((one) => one.class).join(', ')} ${never.length === 1 ? 'is' : 'are'} never predicted although there are such rows: look at their labels and at how folds are drawn.`,
    );
  for (const { suggestion, type } of errors) if (/collapse|imbalance|grad/.test(type)) hints.push(suggestion);
  return hints;
}
