import type { Operation } from '../operations/operation.ts';
import { operations, toolName } from '../operations/table.ts';

/** Verbs that have no tool of their own, and the tool that does it. */
const others: Readonly<Record<string, string>> = { train: 'start_training', follow: 'wait_for_event', logs: 'read_log' };

const verbs = [...operations].sort((a, b) => b.name.length - a.name.length);

/** Sentences written for the terminal, with the names that an agent knows: `rpo stop RUN` becomes `stop_run` (RUN). */
export function forAgents(text: string): string {
  return text.replace(/`rpo ([^`]+)`/g, (whole, line: string) => {
    const record = verbs.find(({ name }) => line === name || line.startsWith(name + ' '));
    const tool = record && toolFor(record);
    if (record === undefined || tool === undefined) return `${whole} (for a person, in a terminal)`;
    const rest = line.slice(record.name.length).trim();
    return rest === '' ? `\`${tool}\`` : `\`${tool}\` (${rest})`;
  });
}

function toolFor(record: Operation): string | undefined {
  return record.audience === 'people' ? others[record.name] : toolName(record);
}
