import { messageOf, UserError } from '../core/errors.ts';
import { setValue } from '../project/jsonText.ts';

/** The statuses that Task Master knows. */
export const taskStatuses = ['pending', 'in-progress', 'done', 'review', 'deferred', 'cancelled', 'blocked'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** A task, or a subtask of one, as a person finds it again. */
export interface Task {
  /** As Task Master's commands take it: `3`, `3.2`. */
  readonly id: string;
  readonly title: string;
  readonly status: string;
}

/** What is to become of a task. */
export interface Edit {
  /** ISO 8601. */
  readonly at: string;
  /** A note for its details. One that stands there already is not written again. */
  readonly note: string;
  /** Default: as it is. */
  readonly status?: TaskStatus;
}

/** What is used of a task in the file; Task Master writes ids as numbers or as strings. */
interface Entry {
  readonly id?: unknown;
  readonly title?: unknown;
  readonly status?: unknown;
  readonly details?: unknown;
  readonly subtasks?: readonly Entry[];
}

type Path = readonly (string | number)[];

/** Tasks of a tag, each followed by its subtasks. */
export function listTasks(text: string, file: string, tag: string): readonly Task[] {
  return tasksOf(text, file, tag).tasks.flatMap((task) => [
    asTask(String(task.id), task),
    ...subtasksOf(task).map((subtask) => asTask(subtaskId(task, subtask), subtask)),
  ]);
}

/**
 * The text with one task changed as by Task Master's own `update-subtask` and `set-status`: the note is added to its details
 * in a block with the time, a status brings `updatedAt`, and a task's status follows from its subtasks'.
 */
export function editTask(text: string, file: string, tag: string, id: string, { at, note, status }: Edit): string {
  const { tasks, path: base } = tasksOf(text, file, tag);
  for (const [i, task] of tasks.entries()) {
    const path = [...base, i];
    if (String(task.id) === id) return withStatus(withNote(text, path, task, note, at), path, task, status, at);
    const subtasks = subtasksOf(task);
    const j = subtasks.findIndex((subtask) => subtaskId(task, subtask) === id);
    const subtask = subtasks[j];
    if (!subtask) continue;
    const own = [...path, 'subtasks', j];
    const changed = withStatus(withNote(text, own, subtask, note, at), own, subtask, status, at);
    if (status === undefined) return changed;
    const statuses = subtasks.map((one, k) => (k === j ? status : statusOf(one)));
    return withStatus(changed, path, task, parentStatus(statuses, statusOf(task)), at);
  }
  const ids = listTasks(text, file, tag).map((task) => task.id);
  const known = ids.length === 0 ? 'It has no tasks yet.' : `Its tasks: ${ids.slice(0, 30).join(', ')}${ids.length > 30 ? ', ...' : ''}.`;
  throw new UserError('bad-argument', `There is no task ${id} in the tag "${tag}" of ${file}. ${known}`);
}

function withNote(text: string, path: Path, { details }: Entry, note: string, at: string): string {
  const before = typeof details === 'string' ? details : '';
  if (before.includes(`>\n${note}\n<`)) return text;
  const block = `<info added on ${at}>\n${note}\n</info added on ${at}>`;
  return setValue(text, [...path, 'details'], before === '' ? block : `${before}\n${block}`);
}

function withStatus(text: string, path: Path, task: Entry, status: string | undefined, at: string): string {
  if (status === undefined || status === statusOf(task)) return text;
  return setValue(setValue(text, [...path, 'status'], status), [...path, 'updatedAt'], at);
}

/** As Task Master's `set-status` does it. */
function parentStatus(statuses: readonly string[], now: string): string {
  const isDone = (status: string) => status === 'done' || status === 'completed';
  if (statuses.every(isDone)) return 'done';
  if (statuses.some((status) => status === 'in-progress' || isDone(status))) return 'in-progress';
  return statuses.every((status) => status === 'pending') ? 'pending' : now;
}

/** Both shapes that the file has had: tags with tasks each, and before those one list. */
function tasksOf(text: string, file: string, tag: string): { readonly tasks: readonly Entry[]; readonly path: Path } {
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new UserError('local-failed', `${file} is not valid JSON (${messageOf(error)}). Mend it, or restore it, and try again.`, {
      cause: error,
    });
  }
  const tagged = isObject(content) ? content : {};
  if (Array.isArray(tagged['tasks'])) return { tasks: entriesOf(tagged['tasks'], file), path: ['tasks'] };
  const chosen = Object.hasOwn(tagged, tag) ? tagged[tag] : undefined;
  if (isObject(chosen) && Array.isArray(chosen['tasks'])) return { tasks: entriesOf(chosen['tasks'], file), path: [tag, 'tasks'] };
  const tags = Object.keys(tagged).filter((name) => isObject(tagged[name]) && Array.isArray(tagged[name]['tasks']));
  throw tags.length === 0
    ? new UserError('local-failed', `${file} is not a file of Task Master: it holds no tasks. Make one with \`task-master init\`.`)
    : new UserError('bad-argument', `There is no tag "${tag}" in ${file}. Its tags: ${tags.join(', ')}.`);
}

function entriesOf(list: readonly unknown[], file: string): readonly Entry[] {
  if (list.every(isObject)) return list;
  throw new UserError('local-failed', `${file} holds something that is no task among its tasks. Mend it and try again.`);
}

function subtasksOf({ subtasks }: Entry): readonly Entry[] {
  return Array.isArray(subtasks) ? subtasks.filter(isObject) : [];
}

/** Some versions write a subtask's id whole (`3.2`), most only its own part. */
function subtaskId(task: Entry, subtask: Entry): string {
  const own = String(subtask.id);
  return own.includes('.') ? own : `${String(task.id)}.${own}`;
}

function asTask(id: string, entry: Entry): Task {
  return { id, title: typeof entry.title === 'string' ? entry.title : '', status: statusOf(entry) };
}

function statusOf({ status }: Entry): string {
  return typeof status === 'string' ? status : 'pending';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
