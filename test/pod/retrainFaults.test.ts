import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions, type RpoResult } from './support/rpo.ts';

/** Trains nothing, and leaves what its model's name says. */
const train = `import os, sys, time
model = sys.argv[1]
os.makedirs(f"out/{model}", exist_ok=True)
def npy(path, dtype, data, shape):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\\n"
    with open(path, "wb") as f:
        f.write(b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header + data)
labels = bytes([0, 1, 2] * 10)
npy("out/labels.npy", "|u1", labels, (30,))
print("epoch 1 loss 0.5", flush=True)
if model == "quiet":
    time.sleep(3)
if model in ("good", "quiet"):
    npy(f"out/{model}/oof.npy", "|u1", labels, (30,))
    npy(f"out/{model}/losses.npy", "<u2", bytes(range(10)), (5,))
    npy(f"out/{model}/objects.npy", "|O", bytes(8), (1,))
if model == "narrow":
    npy(f"out/{model}/oof.npy", "|u1", bytes([0, 1, 0] * 10), (30,))
if model == "slow":
    with open("out/slow/scores.csv", "w") as f:
        for i in range(600):
            print(i, file=f, flush=True)
            time.sleep(0.1)
if model == "bad":
    sys.exit(3)
`;

interface Job {
  readonly state: string;
  readonly run: string;
  readonly seconds: number;
  readonly summary: string;
  readonly hints: readonly string[];
}
const jobOf = (result: RpoResult): Job => {
  const [stage] = result.lines.at(-1)?.['stages'] as readonly { readonly jobs: readonly Job[] }[];
  assert.ok(stage?.jobs[0], result.stdout + result.stderr);
  return stage.jobs[0];
};

describe('a pipeline whose stages leave what they should not', function () {
  this.timeout(120_000);
  const t = usePod();
  let project: string;
  let options: RpoOptions;
  const onPod = (path: string) => join(t.practice.workspace, 'faulty', path);
  const retrain = (stage: string, ...more: readonly string[]) =>
    rpo(['retrain', '--stages', stage, '--deploy', 'none', '--json', ...more], options);

  beforeEach(async () => {
    project = join(t.tmp, 'faulty');
    await mkdir(project);
    const models = ['good', 'quiet', 'silent', 'narrow', 'slow', 'bad'];
    await writeFile(join(project, 'train.py'), train);
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({
        train: { command: 'python3 train.py {model}', models: Object.fromEntries(models.map((model) => [model, {}])) },
        results: ['out/{model}/**', 'out/labels.npy'],
        labels: 'out/labels.npy',
        stages: models.map((model) => ({ name: model, models: [model] })),
      }),
    );
    options = { cwd: project, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    await rpo(['deploy', '--changed'], options);
  });

  it('has failed when only the labels, or only the file of an earlier run, is there', async () => {
    const first = jobOf(await retrain('silent'));
    assert.deepEqual([first.state, first.summary], ['failed', 'It left no results: nothing on the pod matches out/silent/**.']);
    await writeFile(onPod('out/silent/oof.npy'), 'of an earlier run');
    const second = jobOf(await retrain('silent'));
    assert.deepEqual([second.state, second.summary], ['failed', 'It left no new results: out/silent/oof.npy is of before this run.']);
  });

  it('has succeeded with losses and objects beside its predictions, in the time it took to its end', async () => {
    const job = jobOf(await retrain('quiet'));
    assert.equal(job.state, 'succeeded', job.summary);
    assert.match(job.summary, /^30 rows, 3 of 3 classes predicted, accuracy 100\.0%\.$/);
    assert.deepEqual(job.hints, []);
    assert.ok(job.seconds >= 3, `${job.seconds}`);
  });

  it('has failed when a class of the labels is never predicted, with what may be behind it', async () => {
    const job = jobOf(await retrain('narrow'));
    assert.equal(job.state, 'failed');
    assert.match(job.summary, /^Class collapse: class 2 \(33\.3% of the labels\) is never predicted/);
    assert.match(job.hints.join('\n'), /Class weights/);
  });

  it('is resumed as it was begun, also when somebody was cut off while making another', async () => {
    await retrain('bad');
    await mkdir(onPod('.runpod/pipelines/29991231-000000-pipeline-0000'));
    const refused = await rpo(['retrain', '--resume', 'last', '--device', 'cpu', '--seed', '1', '--continue', '--deploy', 'none'], options);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /Leave out --device, --seed, --continue, or --resume/);
    const resumed = await rpo(['retrain', '--resume', 'last', '--deploy', 'none', '--json'], options);
    assert.deepEqual([resumed.lines.at(-1)?.['rounds'], jobOf(resumed).state], [2, 'failed']);
  });

  it('keeps its runs from being cleaned up until it is done', async () => {
    const bad = jobOf(await retrain('bad')).run;
    const good = jobOf(await retrain('good')).run;
    await retrain('good');
    const shown = await rpo(['clean', '--keep', '1', '--json'], options);
    const paths = (shown.lines.at(-1)?.['items'] as { readonly path: string; readonly isHere: boolean }[]).map(({ path }) => path);
    assert.ok(paths.includes(`.runpod/runs/${good}`), paths.join());
    assert.ok(!paths.includes(`.runpod/runs/${bad}`), paths.join());
  });

  it('does not have half of a table fetched while it is being written', async () => {
    const started = await rpo(['train', 'slow', '--detach', '--json'], options);
    for (let i = 0; i < 100 && !existsSync(onPod('out/slow/scores.csv')); i++) await new Promise((resolve) => setTimeout(resolve, 100));
    const fetched = await rpo(['results', 'slow', 'left'], options);
    assert.equal(fetched.exitCode, 1);
    assert.match(fetched.stdout, /! Not fetched, since it is not whole: out\/slow\/scores\.csv \(a run is still writing it\)/);
    assert.ok(!existsSync(join(project, 'left/out/slow/scores.csv')));
    await rpo(['stop', String(started.lines.at(-1)?.['run'])], options);
    assert.equal((await rpo(['results', 'slow', 'left'], options)).exitCode, 0);
  });
});
