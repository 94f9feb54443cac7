import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import { writeAtomic } from '../project/atomicFile.ts';
import { withLock } from '../project/fileLock.ts';
import { type Edit, editTask, listTasks, type Task } from './taskText.ts';

/** Where Task Master (npm: task-master-ai) keeps the tasks of a project, below its root. */
const tasksPath = join('.taskmaster', 'tasks', 'tasks.json');
/** The tag that Task Master uses where nothing says otherwise. */
const defaultTag = 'master';

/** The tasks file that belongs to a folder: its own, or that of the nearest folder above; null when there is none. */
export async function findTasksFile(start: string): Promise<string | null> {
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, tasksPath);
    if ((await stat(file).catch(() => null))?.isFile()) return file;
    if (dirname(folder) === folder) return null;
  }
}

/** The tag that Task Master's own commands would use now: `TASKMASTER_TAG`, or the one switched to last. */
export async function activeTag(file: string): Promise<string> {
  const chosen = process.env['TASKMASTER_TAG'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const state = await readFile(join(dirname(dirname(file)), 'state.json'), 'utf8').catch(() => '{}');
  try {
    const { currentTag } = JSON.parse(state) as { readonly currentTag?: unknown };
    return typeof currentTag === 'string' && currentTag !== '' ? currentTag : defaultTag;
  } catch {
    return defaultTag;
  }
}

/**
 * Tasks and subtasks of a tag, in the file's order.
 *
 * @throws UserError 'local-failed' when the file cannot be read or is no tasks file, 'bad-argument' for a tag that is not there
 */
export async function readTasks(file: string, tag: string): Promise<readonly Task[]> {
  return listTasks(await read(file), file, tag);
}

/**
 * Changes one task and nothing else: unknown fields and the file's own formatting stay. Task Master's own writes are
 * kept out meanwhile, by its own lock.
 *
 * @returns Whether there was anything to change.
 * @throws UserError what readTasks() throws, and 'bad-argument' for a task that is not there
 */
export async function updateTask(file: string, tag: string, id: string, edit: Edit): Promise<boolean> {
  return withLock(`${file}.lock`, async (isOurs) => {
    const before = await read(file);
    const after = editTask(before, file, tag, id, edit);
    if (after === before) return false;
    const { mode } = await stat(file);
    const written = await writeAtomic(file, after, { mode: mode & 0o777, stillWanted: isOurs }).catch((error: unknown) => {
      throw new UserError('local-failed', `${file} cannot be written (${messageOf(error)}). Check its permissions and try again.`, {
        cause: error,
      });
    });
    if (!written) throw new UserError('local-failed', `Another program took over ${file} meanwhile. Try again.`);
    return true;
  });
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UserError('local-failed', `${file} cannot be read (${messageOf(error)}). Check its permissions and try again.`, {
      cause: error,
    });
  });
}
