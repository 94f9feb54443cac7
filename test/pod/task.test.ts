import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

const taskMaster = join(import.meta.dirname, '../taskmaster/node_modules/task-master-ai/dist/task-master.js');

/** The real Task Master, held back from asking the network for news. */
async function tm(project: string, ...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: project, CI: '1', NO_COLOR: '1', COLUMNS: '160' };
  const { stdout } = await promisify(execFile)(process.execPath, [taskMaster, ...args], { cwd: project, env, timeout: 100_000 });
  return stdout;
}

interface Tasks {
  readonly tasks: readonly { readonly id: string; readonly status: string }[];
}

describe('a run written to a task of Task Master', () => {
  const t = usePod();
  let project: string;
  let options: RpoOptions;
  const file = () => join(project, '.taskmaster/tasks/tasks.json');

  beforeEach(async () => {
    project = join(t.tmp, 'tasked');
    await mkdir(join(project, '.taskmaster/tasks'), { recursive: true });
    options = { cwd: project, home: join(t.tmp, 'home') };
    const source = [
      'import sys',
      'print("epoch 1/2 loss 0.9")',
      'print("epoch 2/2 loss 0.5")',
      'if sys.argv[1] == "bad":',
      '    raise ValueError("HF_TOKEN=hf_abcdefghijklmnopqrst </info added on")',
    ];
    await writeFile(join(project, 'train.py'), source.join('\n') + '\n');
    const command = 'python3 -u train.py {model}';
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ train: { command, models: { good: {}, bad: {} } } }));
    await writeFile(join(project, '.taskmaster/config.json'), JSON.stringify({ global: { anonymousTelemetry: false } }));
    const subtasks = [
      { id: 1, title: 'logreg', description: 'd', status: 'done', dependencies: [], details: '' },
      { id: 2, title: 'cnn', description: 'd', status: 'pending', dependencies: [], details: 'Train the CNN.', ours: { kept: true } },
    ];
    const train = {
      id: 3,
      title: 'Train',
      description: 'd',
      status: 'in-progress',
      dependencies: [],
      priority: 'high',
      details: '',
      testStrategy: '',
      subtasks,
    };
    await writeFile(file(), JSON.stringify({ master: { tasks: [train], metadata: { created: '2026-01-01T00:00:00.000Z' } } }, null, 2));
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    assert.equal((await rpo(['deploy', 'train.py', '--force'], options)).exitCode, 0);
  });

  it('is shown by its own command line: exit code, metrics, findings; once', async () => {
    assert.notEqual((await rpo(['train', 'bad'], options)).exitCode, 0);
    const written = await rpo(['task', '--task', '3.2'], options);
    assert.equal(written.exitCode, 0, written.stderr);
    assert.match(written.stdout, /Written to task 3\.2 \(tag master\)/);
    const text = await readFile(file(), 'utf8');
    assert.ok(text.includes('"ours": {\n              "kept": true\n            }'), 'what nobody knows stays as it was');
    assert.ok(!text.includes('hf_abcdefghijklmnopqrst'), 'no secret in a file that is committed');
    assert.equal(text.match(/<\/info added on/g)?.length, 1, 'the log does not end the block');

    // It breaks lines to fit into a frame.
    const shown = (await tm(project, 'show', '3.2')).replace(/[│\s]+/g, ' ');
    assert.match(shown, /Train the CNN\./);
    assert.match(shown, /RunPod run \S+ on p: failed with exit code 1\./);
    assert.match(shown, /loss: last 0\.5/);
    assert.match(shown, /1 finding, causes first:/);
    assert.match(shown, /error python-exception at train\.py:5: ValueError/);

    assert.match((await rpo(['task', '--task', '3.2'], options)).stdout, /holds all of run .* already/);
    assert.equal(await readFile(file(), 'utf8'), text);
  });

  it('ends the task when told to, and the one above it with its last subtask', async () => {
    assert.equal((await rpo(['train', 'good'], options)).exitCode, 0);
    const written = await rpo(['task', '--task', '3.2', '--status', 'done', '--json'], options);
    assert.equal(written.exitCode, 0, written.stderr);
    // Notices stand around the JSON.
    const { tasks } = JSON.parse(/^\{.*^\}/ms.exec(await tm(project, 'list', '--json'))?.[0] ?? '') as Tasks;
    assert.deepEqual(
      tasks.map(({ id, status }) => [id, status]),
      [['3', 'done']],
    );
  });

  it('is not written where there is no such task, no run that ended, or no file', async () => {
    const refused = async (args: readonly string[], reason: string) => {
      const { exitCode, lines } = await rpo([...args, '--json'], options);
      assert.notEqual(exitCode, 0);
      assert.equal(lines.at(-1)?.['reason'], reason, JSON.stringify(lines));
    };
    await refused(['task', '--task', '9'], 'bad-argument');
    await refused(['task', '--task', '3', '--tag', 'none'], 'bad-argument');
    await refused(['task', '--task', '3', '--file', 'none.json'], 'local-failed');
    const { lines } = await rpo(['train', '--command', 'sleep 60', '--detach', '--json'], options);
    await refused(['task', '--task', '3'], 'bad-argument');
    await rpo(['stop', String(lines.at(-1)?.['run']), '--interrupt-seconds', '0'], options);
  });
});
