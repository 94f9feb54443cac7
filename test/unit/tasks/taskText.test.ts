import assert from 'node:assert/strict';
import { mkdtemp, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { activeTag, findTasksFile, updateTask } from '../../../src/tasks/taskFile.ts';
import { editTask, listTasks } from '../../../src/tasks/taskText.ts';

const at = '2026-11-26T15:00:00.000Z';
/** As Task Master 0.43 writes it, with fields and spacing that nothing here knows. */
const text = `{
    "master": {
        "tasks": [
            { "id": 1, "title": "Data", "status": "done", "mine": [1,   2] },
            {
                "id": "3",
                "title": "Train",
                "status": "pending",
                "details": "Do it.",
                "subtasks": [
                    { "id": 1, "title": "lstm", "status": "pending", "parentId": "undefined" },
                    { "id": 2, "title": "cnn", "status": "pending", "details": "" }
                ]
            }
        ],
        "metadata": { "version": "1.0.0" }
    },
    "other": { "tasks": [] }
}`;
interface Entry {
  readonly details?: string;
  readonly status: string;
  readonly updatedAt?: string;
  readonly subtasks?: readonly Entry[];
}
const parsed = (changed: string) => (JSON.parse(changed) as { readonly master: { readonly tasks: readonly Entry[] } }).master.tasks;

describe('a task of Task Master', () => {
  it('gets a note as from its own update-subtask, and all else stays byte for byte', () => {
    const changed = editTask(text, 'f', 'master', '3', { at, note: 'ran\nwell' });
    const block = `<info added on ${at}>\nran\nwell\n</info added on ${at}>`;
    assert.equal(changed, text.replace('"Do it."', JSON.stringify(`Do it.\n${block}`)));
    assert.equal(editTask(changed, 'f', 'master', '3', { at: '2027-01-01', note: 'ran\nwell' }), changed, 'once is enough');
  });

  it('without details gets some, a subtask too', () => {
    const first = parsed(editTask(text, 'f', 'master', '1', { at, note: 'n' }))[0];
    assert.match(first?.details ?? '', /^<info added on .*>\nn\n<\/info added on .*>$/);
    const subtask = parsed(editTask(text, 'f', 'master', '3.1', { at, note: 'n' }))[1]?.subtasks?.[0];
    assert.match(subtask?.details ?? '', /^<info added on/);
  });

  it('gets a status, and the task above follows its subtasks', () => {
    const one = editTask(text, 'f', 'master', '3.2', { at, note: 'n', status: 'done' });
    assert.equal(parsed(one)[1]?.subtasks?.[1]?.status, 'done');
    assert.deepEqual([parsed(one)[1]?.status, parsed(one)[1]?.updatedAt], ['in-progress', at]);
    const all = editTask(one, 'f', 'master', '3.1', { at, note: 'n', status: 'done' });
    assert.equal(parsed(all)[1]?.status, 'done');
  });

  it('is listed with its subtasks, of either shape that the file has had', () => {
    assert.deepEqual(
      listTasks(text, 'f', 'master').map(({ id, status }) => `${id} ${status}`),
      ['1 done', '3 pending', '3.1 pending', '3.2 pending'],
    );
    assert.deepEqual(
      listTasks('{ "tasks": [{ "id": 7, "subtasks": [{ "id": "7.1" }] }] }', 'f', 'any').map(({ id }) => id),
      ['7', '7.1'],
    );
  });

  it('that is not there, a tag that is not, and a file of something else say so', () => {
    assert.throws(
      () => editTask(text, 'f', 'master', '9', { at, note: 'n' }),
      /There is no task 9 in the tag "master" of f\. Its tasks: 1, 3, 3\.1, 3\.2\./,
    );
    assert.throws(
      () => editTask(text, 'f', 'toString', '1', { at, note: 'n' }),
      /There is no tag "toString" in f\. Its tags: master, other\./,
    );
    assert.throws(() => listTasks('[]', 'f', 'master'), /is not a file of Task Master/);
    assert.throws(() => listTasks('{ "master": { "tasks": [4] } }', 'f', 'master'), /something that is no task/);
    assert.throws(() => listTasks('{', 'f', 'master'), /f is not valid JSON/);
  });
});

describe("Task Master's file", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-tasks-'));
    file = join(folder, '.taskmaster/tasks/tasks.json');
    await mkdir(join(folder, '.taskmaster/tasks'), { recursive: true });
    await writeFile(file, text, { mode: 0o640 });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is found from below, with the tag that is in use', async () => {
    await mkdir(join(folder, 'a/b'), { recursive: true });
    assert.equal(await findTasksFile(join(folder, 'a/b')), file);
    assert.equal(await activeTag(file), 'master');
    await writeFile(join(folder, '.taskmaster/state.json'), '{ "currentTag": "other" }');
    assert.equal(await activeTag(file), 'other');
    await writeFile(join(folder, '.taskmaster/state.json'), 'broken');
    assert.equal(await activeTag(file), 'master');
  });

  it('takes notes from several at once, each whole, and keeps its mode', async () => {
    const notes = Array.from({ length: 8 }, (_, i) => `note ${i}`);
    await Promise.all(notes.map((note) => updateTask(file, 'master', '3', { at, note })));
    const details = parsed(await readFile(file, 'utf8'))[1]?.details ?? '';
    for (const note of notes) assert.ok(details.includes(`>\n${note}\n<`), note);
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    assert.equal(await updateTask(file, 'master', '3', { at, note: 'note 0' }), false);
  });

  it("is not held up by a lock that Task Master's other way of locking left behind", async () => {
    await mkdir(`${file}.lock`);
    await utimes(`${file}.lock`, 1, 1);
    assert.equal(await updateTask(file, 'master', '1', { at, note: 'n' }), true);
  });
});
