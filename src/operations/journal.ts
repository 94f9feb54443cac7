import { realpath } from 'node:fs/promises';
import { z } from 'zod';
import { Journal, type JournalEntry } from '../journal/journal.ts';
import { Home } from '../project/home.ts';
import { operation } from './operation.ts';
import { columns, duration } from './text.ts';

export const journal = operation({
  name: 'journal',
  audience: 'people',
  title: 'Journal',
  description:
    'What was done from this machine and by whom, agents and people: operation, arguments, result. Secrets are masked, and what only looked is left out.',
  effect: 'read',
  input: z.object({
    limit: z.int().min(1).max(10_000).default(30).describe('How many entries at most.'),
    agents: z.boolean().default(false).describe('Only what agents did.'),
    all: z.boolean().default(false).describe('Of every project, and also what only looked: waits, states, logs.'),
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
        reads: z.boolean().optional().describe('It only looked.'),
      }),
    ),
  }),
  examples: [['rpo journal --agents', 'what agents did here']],
  async handle(context, { limit, agents, all }) {
    const kept = new Journal(new Home(context.home).stateFolder);
    const entries = await kept.read(100_000);
    const same = sameFolder();
    const wanted: JournalEntry[] = [];
    for (const entry of entries) {
      if (agents && entry.who !== 'agent') continue;
      if (all || (!isLook(entry) && (await same(entry.project, context.projectRoot)))) wanted.push(entry);
    }
    return { file: kept.file, entries: wanted.slice(-limit).map((entry) => ({ ...entry, arguments: { ...entry.arguments } })) };
  },
  render: ({ file, entries }) => (entries.length === 0 ? `Nothing is in the journal yet (${file}).` : journalLines(entries).join('\n')),
});

/** Whether it only looked and found what there was to see: a person who asks what was done need not be told of it. */
export function isLook({ reads, ok }: JournalEntry): boolean {
  return reads === true && ok;
}

/** Compares folders by where they really are: a project may be opened through a link. */
function sameFolder(): (a: string, b: string) => Promise<boolean> {
  const known = new Map<string, Promise<string>>();
  const real = async (path: string): Promise<string> => {
    const found = known.get(path) ?? realpath(path).catch(() => path);
    known.set(path, found);
    return found;
  };
  return async (a, b) => a === b || (await real(a)) === (await real(b));
}

/** `2026-11-26 17:04:05 +01:00`: as the clock on this wall shows it, and which clock that is. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso.slice(0, 25);
  const offset = -time.getTimezoneOffset();
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const shifted = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  return `${shifted} ${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}

/** A line for each entry: when, who, what, with what, what came of it. */
export function journalLines(entries: readonly JournalEntry[]): string[] {
  return columns(
    entries.map((entry) => [
      localTime(entry.at),
      `${entry.who} ${entry.by}`.slice(0, 40),
      `${entry.ok ? '' : '✗ '}${entry.operation}`,
      JSON.stringify(entry.arguments).slice(0, 80),
      `${entry.result.split('\n')[0]?.slice(0, 120) ?? ''} (${duration(entry.milliseconds)})`,
    ]),
  );
}
