import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, homeWith, type ToolAnswer } from './support/agent.ts';
import { usePod } from './support/pod.ts';

const moola = join(import.meta.dirname, '../../examples/moola');

interface Bug {
  readonly name: string;
  readonly file: string;
  readonly fixed: string;
  readonly broken: string;
  readonly expect: string;
}

describe('an agent goes around the loop with nothing but tool answers', () => {
  const t = usePod();
  let project: string;
  let agent: Agent;

  beforeEach(async () => {
    await t.practice.prepareVenv();
    project = join(t.tmp, 'moola');
    await cp(moola, project, { recursive: true });
    agent = await Agent.start(project, await homeWith(t));
  });
  afterEach(async () => agent.close());

  async function plant(name: string): Promise<Bug> {
    const bugs = JSON.parse(await readFile(join(moola, 'bugs.json'), 'utf8')) as Bug[];
    const bug = bugs.find((one) => one.name === name);
    assert.ok(bug);
    const file = join(project, bug.file);
    await writeFile(file, (await readFile(file, 'utf8')).replace(bug.fixed, bug.broken));
    return bug;
  }

  const works = (answer: ToolAnswer): ToolAnswer => {
    assert.ok(!answer.isError, answer.text);
    return answer;
  };

  /** What the editor's agent does with what it read: replaces one line of a file that an answer named. */
  async function edit(place: string, from: string, to: string): Promise<string> {
    const [, file = ''] = /^(.+):\d+$/.exec(place) ?? [];
    const text = await readFile(join(project, file), 'utf8');
    assert.ok(text.includes(from), `${place}: ${from}`);
    await writeFile(join(project, file), text.replace(from, to));
    return file;
  }

  it('a wrong line of code: deploy, train, evidence, edit, check, retry, results, verdict', async () => {
    await plant('feature-axis');
    works(await agent.call('deploy', { preset: 'all-source' }));
    const run = String(works(await agent.call('start_training', { model: 'logreg' })).structured['run']);
    const failed = works(await agent.waitFor(run));
    assert.match(failed.text, /error shape-mismatch: /);
    assert.equal(works(await agent.waitForEnd(run)).structured['status'], 'failed');

    const { structured, text } = works(await agent.call('findings', { run }));
    const [cause] = structured['findings'] as { place: string; source: string[]; callers: string[] }[];
    assert.ok(cause);
    assert.match(cause.place, /^src\/moola\/utils\/features\.py:\d+$/);
    assert.ok(text.length < 4_000);
    // The evidence holds the line that is wrong, or the agent reads around it.
    const evidence = [...cause.source, ...cause.callers].join('\n');
    assert.match(evidence, /features\.py|rows/);
    const file = await edit(cause.place, 'for column in rows:', 'for colum in zip(*rows, strict=True:');

    // A slip of the pen is found before a GPU minute is spent.
    const slip = works(await agent.call('fix_and_retry', { run, files: [file] }));
    assert.equal(slip.structured['ok'], false);
    assert.match(slip.text, /features\.py:\d+: SyntaxError/);
    await edit(cause.place, 'for colum in zip(*rows, strict=True:', 'for column in zip(*rows, strict=True):');
    const again = works(await agent.call('fix_and_retry', { run, files: [file] }));
    assert.equal(again.structured['checked'], 'passed');
    const second = String(again.structured['run']);
    const ended = works(await agent.waitForEnd(second));
    assert.match(ended.text, /\[finish\] succeeded/);

    const fetched = works(await agent.call('download_results', { model: 'logreg' }));
    const files = (fetched.structured['files'] as { path: string }[]).map(({ path }) => `results/${path}`);
    const predictions = files.filter((path) => !path.endsWith('labels.npy'));
    const verdict = works(await agent.call('validate', { files: predictions }));
    assert.equal(verdict.structured['ok'], true);
    assert.match(works(await agent.call('run_status', { run: second })).text, /succeeded/);
  });

  it('a wrong setting: the listed fix is applied by its title', async () => {
    await plant('learning-rate');
    works(await agent.call('deploy', { preset: 'all-source' }));
    const run = String(works(await agent.call('start_training', { model: 'logreg' })).structured['run']);
    works(await agent.waitFor(run));
    const found = works(await agent.call('findings', { run })).structured['findings'] as { type: string; fixes: string[] }[];
    assert.ok(
      found.some(({ type }) => type === 'nan-loss'),
      JSON.stringify(found),
    );
    const title = found.flatMap(({ fixes }) => fixes).find((one) => one.includes('learning_rate'));
    const { applied } = works(await agent.call('apply_fix', { run, title })).structured as { applied: { files: string[] } };
    assert.deepEqual(applied.files, ['src/moola/config/training.py']);
    const again = works(await agent.call('fix_and_retry', { run, files: applied.files }));
    const ended = works(await agent.waitForEnd(String(again.structured['run'])));
    assert.match(ended.text, /\[finish\] succeeded/);
  });
});
