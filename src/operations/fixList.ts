import { z } from 'zod';
import { maskSecrets } from '../core/secrets.ts';
import type { FixAction, LocatedFinding } from '../fixes/located.ts';
import { cut } from './evidence.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { RunManifest } from '../runs/run.ts';
import { actionText } from './findings.ts';
import { bounded } from './text.ts';

export const fixSchema = z.object({
  number: z.int().describe('Number to pass to `fix`.'),
  kind: z.enum(['edit', 'suggest-edit', 'install', 'deploy', 'deploy-and-retrain', 'run-stage']),
  title: z.string(),
  finding: z.string().describe('Type and message of the finding it is for.'),
  diff: z.string().optional().describe('For a suggested edit: the lines it removes and adds.'),
});

export type FixRecord = z.output<typeof fixSchema>;

export interface NumberedFix extends FixRecord {
  readonly action: FixAction;
}

/** Causes before consequences, what failed before what was only remarked on. */
export async function ranked(found: readonly LocatedFinding[]): Promise<LocatedFinding[]> {
  const { rankFindings } = await import('../monitor/summary.ts');
  const order = rankFindings(found.map(({ finding }) => finding));
  return [...found].sort((a, b) => order.indexOf(a.finding) - order.indexOf(b.finding));
}

/**
 * What can be done about all findings of a run, each thing once, numbered. The one numbering there is: whoever shows
 * numbers shows these. It needs the whole log, since a later finding may be the cause.
 */
export async function numberedFixes(found: readonly LocatedFinding[]): Promise<NumberedFix[]> {
  const fixes = new Map<string, Omit<NumberedFix, 'number'>>();
  for (const { finding, actions } of await ranked(found)) {
    for (const action of actions) {
      const title = actionText(action);
      const diff = action.kind === 'suggest-edit' ? { diff: action.diff } : {};
      if (!fixes.has(title))
        fixes.set(title, { action, kind: action.kind, title, finding: `${finding.type}: ${maskSecrets(finding.message)}`, ...diff });
    }
  }
  return [...fixes.values()].map((fix, i) => ({ number: i + 1, ...fix }));
}

/** The same as an answer tells it; of a setting that was changed because of this run already, that. */
export async function fixRecords(orchestrator: Orchestrator, run: RunManifest, fixes: readonly NumberedFix[]): Promise<FixRecord[]> {
  return Promise.all(
    fixes.map(async ({ action, ...record }) => {
      const before = await orchestrator.findings.appliedBefore(action, run);
      const done = before && `Done: ${before.setting} in ${before.path} was changed from ${before.from} to ${before.to}`;
      return { ...record, title: done ?? record.title };
    }),
  );
}

/** `[1] Change lr from 0.1 to 0.01 ...`, each with what it is for. */
export function fixLines(fixes: readonly FixRecord[], limit: number): string[] {
  const lines = fixes.map(({ number, title, finding, diff }) =>
    [`[${number}] ${cut(title, 200)}`, `for ${cut(finding, 160)}`, ...(diff === undefined ? [] : diff.split('\n'))].join('\n    '),
  );
  return bounded(lines, limit, 'fix');
}
