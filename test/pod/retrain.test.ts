import assert from 'node:assert/strict';
import { cp, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions, type RpoResult } from './support/rpo.ts';

const example = join(import.meta.dirname, '../../examples/moola');

interface Job {
  readonly label: string;
  readonly state: string;
  readonly run: string;
  readonly accuracy: number | null;
  readonly summary: string;
  readonly hints: readonly string[];
}

const jobsOf = (result: RpoResult): readonly Job[] =>
  (result.lines.at(-1)?.['stages'] as readonly { readonly jobs: readonly Job[] }[]).flatMap(({ jobs }) => jobs);

/** All five models and the stack of the example, really trained. */
describe('the retraining pipeline', function () {
  this.timeout(300_000);
  const t = usePod();
  let project: string;
  let options: RpoOptions;

  before(() => t.practice.prepareVenv());
  beforeEach(async () => {
    project = join(t.tmp, 'moola');
    await cp(example, project, { recursive: true, filter: (path) => !/[/\\](artifacts|logs|\.runpod|__pycache__)$/.test(path) });
    options = { cwd: project, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
  });

  it('is interrupted in the middle of a run, and resumed: each is trained once, and the stack is of all five', async () => {
    let isKilled = false;
    const interrupted = await rpo(['retrain', '--models', 'logreg,rf,xgb,simple_lstm,cnn_transformer', '--device', 'cpu'], {
      ...options,
      onStdout: (all, kill) => {
        if (!isKilled && /train_loss/.test(all)) {
          isKilled = true;
          kill('SIGINT');
        }
      },
    });
    assert.equal(interrupted.exitCode, 130, interrupted.stdout + interrupted.stderr);
    assert.match(interrupted.stdout, /is not at its end; what runs goes on\. `rpo retrain --resume \d+-\d+-pipeline-/);

    const resumed = await rpo(['retrain', '--resume', 'last', '--json'], options);
    assert.equal(resumed.exitCode, 0, resumed.stdout.slice(-3000) + resumed.stderr);
    const jobs = jobsOf(resumed);
    assert.deepEqual(
      jobs.map(({ label, state }) => `${label} ${state}`),
      ['logreg', 'rf', 'xgb', 'simple_lstm', 'pretrain', 'cnn_transformer', 'stack'].map((label) => `${label} succeeded`),
    );
    for (const { label, accuracy } of jobs)
      if (label !== 'pretrain') assert.ok(accuracy !== null && accuracy > 0.75, `${label} ${accuracy}`);
    const encoder = 'artifacts/pretrained/encoder.pt';
    const [fetched, left] = await Promise.all(
      [project + '/results', join(t.practice.workspace, 'moola')].map((root) => readFile(join(root, encoder))),
    );
    assert.ok(fetched && left && fetched.equals(left), 'the encoder is here, as pre-training left it');
    const runs = await readdir(join(t.practice.workspace, 'moola/.runpod/runs'));
    assert.deepEqual(
      runs.sort(),
      jobs.map(({ run }) => run),
      'one run a job, in order',
    );
    for (const { run } of jobs) {
      const manifest = JSON.parse(await readFile(join(t.practice.workspace, 'moola/.runpod/runs', run, 'run.json'), 'utf8')) as {
        id: string;
      };
      assert.equal(manifest.id, run);
    }

    const again = await rpo(['retrain', '--resume', 'last', '--deploy', 'none'], options);
    assert.equal(again.exitCode, 0);
    assert.match(again.stdout, /✓ stack +stack .*accuracy 8\d\.\d%/);
    assert.equal((await readdir(join(t.practice.workspace, 'moola/.runpod/runs'))).length, jobs.length, 'nothing was trained again');
    assert.match((await rpo(['pipelines'], options)).stdout, /pipeline-[0-9a-f]{4} +succeeded +1 round/);
  });

  it('finds a collapse, says what may be behind it, leaves out what needs it, and goes on after the fix', async () => {
    const bugs = JSON.parse(await readFile(join(project, 'bugs.json'), 'utf8')) as Readonly<
      Record<'name' | 'file' | 'fixed' | 'broken', string>
    >[];
    const bug = bugs.find(({ name }) => name === 'collapse');
    assert.ok(bug);
    const file = join(project, bug.file);
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.replace(bug.fixed, bug.broken));
    const collapsed = await rpo(['retrain', '--models', 'rf,logreg', '--json'], options);
    assert.equal(collapsed.exitCode, 1, collapsed.stdout.slice(-3000) + collapsed.stderr);
    assert.deepEqual(
      jobsOf(collapsed).map(({ label, state }) => `${label} ${state}`),
      ['logreg failed', 'rf left-out'],
    );
    const [logreg] = jobsOf(collapsed);
    assert.match(logreg?.summary ?? '', /Class collapse: all 300 rows are predicted as class \d/);
    assert.ok((logreg?.hints.length ?? 0) > 0, logreg?.summary);

    await writeFile(file, good);
    const resumed = await rpo(['retrain', '--resume', 'last', '--json'], options);
    assert.equal(resumed.exitCode, 0, resumed.stdout.slice(-3000) + resumed.stderr);
    assert.notEqual(jobsOf(resumed)[0]?.run, logreg?.run);
    assert.equal(resumed.lines.at(-1)?.['rounds'], 2);
  });

  it('refuses what it cannot do before anything is trained', async () => {
    const unknown = await rpo(['retrain', '--models', 'gpt', '--deploy', 'none'], options);
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /There is no model "gpt" in runpod\.json\. Known models: logreg/);
    assert.match((await rpo(['retrain', '--resume', '../../etc', '--deploy', 'none'], options)).stderr, /There is no pipeline/);
  });
});
