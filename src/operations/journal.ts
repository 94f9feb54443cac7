import { z } from 'zod';
import { Journal, type JournalEntry } from '../journal/journal.ts';
import { Home } from '../project/home.ts';
import { operation } from './operation.ts';
import { columns, duration } from './text.ts';

export const journal = operation({
  name: 'journal',
  audience: 'people',
  title: 'Journal',
  description: 'What was done from this machine and by whom, agents and people: operation, arguments, result. Secrets are masked.',
  effect: 'read',
  input: z.object({
    limit: z.int().min(1).max(10_000).default(30).describe('How many entries at most.'),
    agents: z.boolean().default(false).describe('Only what agents did.'),
    all: z.boolean().default(false).describe('Of every project, not just this one.'),
  }),
  output: z.object({
    file: z.string(),
    entries: z.array(
      z.object({
        at: z.string(),
        who: z.enum(['agent', 'person']),
        by: z.string(),
        operation: z.string(),
        project: z.string(),
        arguments: z.record(z.string(), z.unknown()),
        ok: z.boolean(),
        result: z.string(),
        run: z.string().optional(),
        milliseconds: z.number(),
      }),
    ),
  }),
  examples: [['rpo journal --agents', 'what agents did here']],
  async handle(context, { limit, agents, all }) {
    const kept = new Journal(new Home(context.home).stateFolder);
    const entries = await kept.read(100_000);
    const wanted = entries.filter(({ who, project }) => (!agents || who === 'agent') && (all || project === context.projectRoot));
    return { file: kept.file, entries: wanted.slice(-limit).map((entry) => ({ ...entry, arguments: { ...entry.arguments } })) };
  },
  render: ({ file, entries }) => (entries.length === 0 ? `Nothing is in the journal yet (${file}).` : journalLines(entries).join('\n')),
});

/** A line for each entry: when, who, what, with what, what came of it. */
export function journalLines(entries: readonly JournalEntry[]): string[] {
  return columns(
    entries.map((entry) => [
      entry.at.slice(0, 19).replace('T', ' '),
      `${entry.who} ${entry.by}`.slice(0, 40),
      `${entry.ok ? '' : '✗ '}${entry.operation}`,
      JSON.stringify(entry.arguments).slice(0, 80),
      `${entry.result.split('\n')[0]?.slice(0, 120) ?? ''} (${duration(entry.milliseconds)})`,
    ]),
  );
}
