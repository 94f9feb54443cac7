import { z } from 'zod';
import type { LocatedFinding } from '../fixes/located.ts';
import type { Finding } from '../monitor/finding.ts';
import { actionText, findingLines, shortPath } from './findings.ts';

/** One cause as an agent gets it: local, with what can be done; so small that an answer has room for any. */
export const evidenceSchema = z.object({
  type: z.string(),
  severity: z.enum(['error', 'warning', 'info']),
  message: z.string(),
  suggestion: z.string(),
  logLine: z.int(),
  epoch: z.number().nullable(),
  place: z.string().nullable().describe('file:line below the project.'),
  source: z.array(z.string()).describe('The lines around it; > marks it.'),
  callers: z.array(z.string()).describe('The other local frames, innermost first.'),
  fixes: z.array(z.string()).describe('Titles apply_fix takes.'),
  advice: z.array(z.string()).describe('Code to add by hand.'),
});

export type Evidence = z.output<typeof evidenceSchema>;

export async function evidenceOf(located: LocatedFinding, projectRoot: string): Promise<Evidence> {
  const { finding, place, related, actions } = located;
  const lines = await findingLines(located, projectRoot);
  return {
    type: finding.type,
    severity: finding.severity,
    message: cut(finding.message, 600),
    suggestion: cut(finding.suggestion, 400),
    logLine: finding.line,
    epoch: finding.epoch,
    place: place && `${shortPath(place.file, projectRoot)}:${place.line}`,
    source: lines.filter(({ role }) => role === 'code' || role === 'marked').map(({ text }) => cut(text, 140)),
    callers: related
      .slice(0, 3)
      .map(
        (one) =>
          `${shortPath(one.place.file, projectRoot)}:${one.place.line}${one.frame.function === undefined ? '' : ` in ${cut(one.frame.function, 80)}`}`,
      ),
    fixes: actions.slice(0, 5).map(actionText),
    advice: advice(finding),
  };
}

/** The same in words. */
export function evidenceText(evidence: Evidence): string {
  const { type, severity, message, suggestion, logLine, epoch, place, source, callers, fixes, advice } = evidence;
  return [
    `${severity} ${type}: ${message}`,
    `  ${place === null ? 'no local place' : `at ${place}`} (log line ${logLine}${epoch === null ? '' : `, epoch ${epoch}`})`,
    ...source.map((line) => `  ${line}`),
    ...(callers.length > 0 ? [`  called from ${callers.join(', ')}`] : []),
    `  What to do: ${suggestion}`,
    ...fixes.map((title) => `  fix: ${title}`),
    ...advice.map((code) => `  by hand: ${code}`),
  ].join('\n');
}

function advice(finding: Finding): string[] {
  return finding.fixes
    .flatMap((fix) => (fix.kind === 'suggest-edit' ? [`${fix.title}, after ${fix.after}: ${cut(fix.code, 200)}`] : []))
    .slice(0, 2);
}

export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
