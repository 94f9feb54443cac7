import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, homeWith } from './support/agent.ts';
import { usePod } from './support/pod.ts';

describe('limits of agents', () => {
  const t = usePod();
  let project: string;
  let home: string;
  let agent: Agent;

  beforeEach(async () => {
    project = join(t.tmp, 'project');
    await mkdir(project, { recursive: true });
    await configure({});
    home = await homeWith(t);
    agent = await Agent.start(project, home);
  });
  afterEach(async () => agent.close());

  async function configure(agents: object): Promise<void> {
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ train: { command: 'sleep 60' }, agents }));
  }
  const works = async (name: string, args: Record<string, unknown> = {}) => {
    const answer = await agent.call(name, args);
    assert.ok(!answer.isError, answer.text);
    return answer;
  };
  const refused = async (name: string, args: Record<string, unknown>, expected: RegExp) => {
    const answer = await agent.call(name, args);
    assert.ok(answer.isError, answer.text);
    assert.match(answer.text, expected);
  };

  it('hold when several are started at once, also by another server', async () => {
    await configure({ maxRuns: 1 });
    const other = await Agent.start(project, home);
    try {
      const answers = await Promise.all([agent, other, agent, other].map(async (one) => one.call('start_training')));
      assert.equal(answers.filter(({ isError }) => !isError).length, 1, answers.map(({ text }) => text).join('\n'));
      for (const { isError, text } of answers) if (isError) assert.match(text, /at most 1 runs may be going on/);
      const runs = (await works('list_runs')).structured['runs'] as readonly { readonly id: string; readonly status: string }[];
      assert.equal(runs.length, 1);
      await works('stop_run', { run: runs[0]?.id, interruptSeconds: 1 });
    } finally {
      await other.close();
    }
  });

  it('cannot be loosened by what is fetched, and what is private is not sent', async () => {
    const own = join(home, 'agents.json');
    await writeFile(own, '{ "maxRuns": 3 }');
    await works('exec', {
      command: 'mkdir -p loose/.git/hooks; echo "{}" >loose/runpod.json; echo x >loose/.git/hooks/y; echo fine >loose/a',
    });
    await refused(
      'download',
      { remote: 'loose/runpod.json', local: own },
      /Refused: agents may not write to .*agents\.json.*\[not-allowed\]/,
    );
    await refused('download', { remote: 'loose/runpod.json', local: '.' }, /Refused: .*runpod\.json says what is run or allowed here/);
    await refused('download', { remote: 'loose', local: '.' }, /Refused/);
    await refused('download', { remote: 'loose/a', local: join(t.tmp, 'elsewhere') }, /outside of the project/);
    assert.equal(await readFile(own, 'utf8'), '{ "maxRuns": 3 }');
    assert.ok(!existsSync(join(project, '.git')) && !existsSync(join(project, 'a')) && !existsSync(join(t.tmp, 'elsewhere')));
    await works('download', { remote: 'loose/a', local: 'fetched/' });
    assert.equal(await readFile(join(project, 'fetched/a'), 'utf8'), 'fine\n');

    const { identityFile } = t.practice;
    await refused('upload', { local: identityFile, remote: 'stolen' }, /may send only files of the project.*"upload" in .*agents\.json/);
    await refused('upload', { local: own, remote: 'stolen' }, /person's own folder/);
    assert.match((await works('exec', { command: 'ls' })).text, /loose$/);
    const shared = join(t.tmp, 'shared');
    await mkdir(shared);
    await writeFile(join(shared, 'data.csv'), '1\n');
    await writeFile(own, JSON.stringify({ upload: [`${shared}/**`] }));
    await works('upload', { local: join(shared, 'data.csv'), remote: 'data.csv' });
  });

  it('of commands hold for what is installed, repaired and repeated, too', async () => {
    await writeFile(join(project, 'train.py'), 'import xgboost_nope\n');
    await works('deploy', { files: ['train.py'] });
    const { run } = (await works('start_training', { command: 'python3 train.py' })).structured;
    await agent.waitForEnd(String(run));
    await configure({ exec: 'off' });
    const { actions } = (await works('apply_fix', { run })).structured as { actions: readonly { readonly kind: string }[] };
    assert.equal(actions[0]?.kind, 'install');
    await refused('apply_fix', { run, number: 1 }, /may not run commands of their own here, such as `python -m pip install xgboost_nope`/);
    await refused('fix_and_retry', { run }, /such as `python3 train\.py`.*\[not-allowed\]/);
    const config = JSON.parse(await readFile(join(project, 'runpod.json'), 'utf8')) as object;
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ ...config, environment: { activate: 'venv/bin/activate' } }));
    assert.match((await works('repair')).text, /^✗ Refused: .* such as `python3 -m venv/);
    // What the owner has written down may run.
    await configure({ exec: 'off' });
    const own = String((await works('start_training')).structured['run']);
    await works('stop_run', { run: own, interruptSeconds: 1 });
    const again = await works('fix_and_retry', { run: own });
    await works('stop_run', { run: again.structured['run'], interruptSeconds: 1 });
  });
});
