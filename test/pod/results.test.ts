import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

/** Leaves a checkpoint every epoch, and dies in the middle of writing its result unless it is told not to. */
const train = `import json, os, sys, zipfile
os.makedirs("out", exist_ok=True)
for epoch in (1, 2):
    with zipfile.ZipFile(f"out/epoch_{epoch}.pt", "w") as checkpoint:
        checkpoint.writestr("data", "x" * 100)
    open(f"out/{sys.argv[1]}.yaml", "w").write("lr: 0.1")
    print("epoch", epoch, "loss", 1 / epoch, flush=True)
header = "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }".encode().ljust(117) + b"\\n"
whole = b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header + bytes([0, 1, 2, 0, 1, 2])
name = f"out/{sys.argv[1]}.npy"
if sys.argv[1] == "bad":
    open(name, "wb").write(whole[:-3])
    sys.exit("No space left for the rest")
open(name, "wb").write(whole)
`;

describe('what a run leaves', () => {
  const t = usePod();
  let project: string;
  let options: RpoOptions;
  const here = (path: string) => join(project, 'left', path);

  beforeEach(async () => {
    project = join(t.tmp, 'leaver');
    await mkdir(project);
    await writeFile(join(project, 'train.py'), train);
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({
        train: { command: 'python3 train.py {model}', models: { good: {}, bad: {} } },
        results: ['out/{model}.npy', 'out/{model}.yaml'],
      }),
    );
    options = { cwd: project, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    await rpo(['deploy', '--changed'], options);
  });

  it('is fetched when it ends: its results and its log, once', async () => {
    const trained = await rpo(['train', 'good', '--fetch', 'left'], options);
    assert.equal(trained.exitCode, 0, trained.stdout + trained.stderr);
    assert.match(trained.stderr, /4 files of the run in /);
    assert.ok(existsSync(here('out/good.npy')));
    assert.ok(!existsSync(here('out/epoch_2.pt')), 'checkpoints are for going on after a failure');
    const again = await rpo(['results', 'good', 'left', '--json'], options);
    assert.deepEqual(
      (again.lines.at(-1)?.['files'] as { changed: boolean }[]).map(({ changed }) => changed),
      [false, false],
    );
    assert.match((await rpo(['deploy', '--changed'], options)).stdout, /nothing was sent/, 'what came from the pod does not go back');
  });

  it('is fetched after a failure too: the log and the newest checkpoint; a file cut off is no result', async () => {
    const trained = await rpo(['train', 'bad', '--fetch', 'left'], options);
    assert.equal(trained.exitCode, 1);
    const run = /Run (\S+) failed/.exec(trained.stdout)?.[1] ?? '';
    assert.match(await readFile(here(`.runpod/runs/${run}/output.log`), 'utf8'), /No space left for the rest/);
    assert.ok(existsSync(here('out/epoch_2.pt')));
    assert.ok(!existsSync(here('out/epoch_1.pt')));
    assert.equal(await readFile(here('out/bad.yaml'), 'utf8'), 'lr: 0.1', 'its configuration');

    const fetched = await rpo(['results', 'bad', 'left'], options);
    assert.equal(fetched.exitCode, 1);
    assert.match(fetched.stdout, /! Not fetched, since it is not whole: out\/bad\.npy \(it has 131 bytes and says it has 134\)/);
    assert.ok(!existsSync(here('out/bad.npy')));
  });
});
