import type { MetricLine } from '../monitor/metric.ts';
import { titleOf } from './runRef.ts';
import type { RunView } from './runWatches.ts';

/** `$(sync~spin) logreg 12/40 loss 0.534` */
export function runText({ ref, state, metrics, loss }: Pick<RunView, 'ref' | 'state' | 'metrics' | 'loss'>): string {
  const words = [titleOf(ref)];
  if (state.kind === 'ended') {
    return state.exitCode === 0
      ? `$(check) ${words[0]} done${loss === null ? '' : `, loss ${rounded(loss)}`}`
      : `$(${state.stopped ? 'debug-stop' : 'error'}) ${words[0]} ${state.stopped ? 'stopped' : 'failed'}`;
  }
  if (metrics?.epoch != null) words.push(`epoch ${metrics.epoch}${metrics.epochs === null ? '' : `/${metrics.epochs}`}`);
  if (loss !== null) words.push(`loss ${rounded(loss)}`);
  const icon = state.kind === 'following' ? 'sync~spin' : state.kind === 'interrupted' ? 'debug-disconnect' : 'question';
  return `$(${icon}) ${words.join(' ')}`;
}

/** The loss among a line's metrics: the training loss if there are several. */
export function lossOf({ metrics }: Pick<MetricLine, 'metrics'>): number | null {
  const names = Object.keys(metrics).filter((name) => /loss/i.test(name));
  const name = names.find((each) => /^(train(ing)?[\s_/-]*)?loss$/i.test(each)) ?? names[0];
  return name === undefined ? null : (metrics[name] ?? null);
}

/** Four digits are enough to see it move. */
export function rounded(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}
