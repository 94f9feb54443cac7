import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../core/errors.ts';

/** A mistake of the example project, from its bugs.json: the correct text of a file, and the broken one. */
export interface Bug {
  readonly name: string;
  readonly file: string;
  readonly fixed: string;
  readonly broken: string;
  readonly story: string;
  readonly model: string;
  readonly expect: string;
}

/** One changed line of a file. */
export interface LineChange {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

export async function readBugs(project: string, names: readonly string[]): Promise<readonly Bug[]> {
  const bugs = JSON.parse(await readFile(join(project, 'bugs.json'), 'utf8')) as readonly Bug[];
  return names.map((name) => {
    const bug = bugs.find((one) => one.name === name);
    if (!bug) throw new UserError('local-failed', `The example project has no bug "${name}" in its bugs.json.`);
    return bug;
  });
}

/** Puts a text that stands once in a file in another's place, as an editor would. */
export async function replaceInFile(project: string, file: string, from: string, to: string): Promise<LineChange> {
  const path = join(project, file);
  const text = await readFile(path, 'utf8');
  const at = text.indexOf(from);
  if (at < 0 || text.includes(from, at + 1))
    throw new UserError(
      'local-failed',
      `${file} of the example project does not hold ${JSON.stringify(from)} once. Restore examples/moola as it was.`,
    );
  const changed = text.slice(0, at) + to + text.slice(at + from.length);
  await writeFile(path, changed);
  const line = text.slice(0, at).split('\n').length;
  return { file, line, before: lineOf(text, line), after: lineOf(changed, line) };
}

/** The change of one line, found by comparing two texts of a file. */
export function changedLine(file: string, before: string, after: string): LineChange | null {
  const old = before.split('\n');
  const index = after.split('\n').findIndex((line, i) => line !== old[i]);
  return index < 0 ? null : { file, line: index + 1, before: lineOf(before, index + 1), after: lineOf(after, index + 1) };
}

function lineOf(text: string, lineBase1: number): string {
  return (text.split('\n')[lineBase1 - 1] ?? '').trim();
}
