import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usePod } from './support/pod.ts';
import { rpo } from './support/rpo.ts';

describe('cleaning up', () => {
  const t = usePod();

  it('shows what is old, deletes it when told to, and leaves all else', async () => {
    const project = join(t.tmp, 'old');
    const options = { cwd: project, home: join(t.tmp, 'home') };
    await mkdir(project);
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({
        train: { command: 'echo {model}', models: { a: {} }, checkpoints: ['ckpt/{model}_{seed}_*.pt'] },
        results: ['out/{model}/seed_{seed}.npy', 'out/labels.npy'],
      }),
    );
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    const onPod = (path: string) => join(workspace, 'old', path);
    for (let i = 0; i < 3; i++) await rpo(['train', 'a'], options);
    await mkdir(onPod('out/a'), { recursive: true });
    for (const seed of [1, 2, 3]) {
      await writeFile(onPod(`out/a/seed_${seed}.npy`), 'x'.repeat(1_000));
      await utimes(onPod(`out/a/seed_${seed}.npy`), 1_000_000 + seed, 1_000_000 + seed);
    }
    await mkdir(onPod('ckpt'));
    for (const seed of [1, 3]) await writeFile(onPod(`ckpt/a_${seed}_epoch 4.pt`), 'weights');
    await utimes(onPod('ckpt/a_1_epoch 4.pt'), 1_000_001, 1_000_001);
    await mkdir(join(project, 'results/out/a'), { recursive: true });
    await writeFile(join(project, 'results/out/a/seed_1.npy'), 'x'.repeat(1_000));
    await writeFile(join(project, 'results/out/a/seed_2.npy'), 'y'.repeat(1_000));
    await writeFile(onPod('out/a/notes.txt'), 'mine');
    await writeFile(onPod('out/labels.npy'), 'labels');

    const shown = await rpo(['clean', '--keep', '1'], options);
    assert.equal(shown.exitCode, 0, shown.stderr);
    assert.match(
      shown.stdout,
      /ckpt\/a_1_epoch 4\.pt +7 B +not fetched yet\n +out\/a\/seed_1\.npy +1\.0 KB\n +out\/a\/seed_2\.npy +1\.0 KB +not fetched yet/,
    );
    assert.match(shown.stdout, /5 items, 2\.0 KB could go from p\. `rpo clean --keep 1 --yes`/);
    assert.ok(existsSync(onPod('out/a/seed_1.npy')), 'showing deletes nothing');

    // On a terminal it asks, and only a yes is one.
    const shell = `exec python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$@"`;
    const asked = await rpo(['clean', '--keep', '1'], { ...options, shell, stdin: 'n\n' });
    assert.match(asked.stdout, /seed_1\.npy[^]*Delete 5 items, 2\.0 KB from p\? \[y\/N\]/);
    assert.ok(existsSync(onPod('out/a/seed_1.npy')), 'no means no');

    assert.match((await rpo(['clean', '--keep', '1', '--yes'], options)).stdout, /Deleted from p: 5 items/);
    assert.deepEqual((await readdir(onPod('out/a'))).sort(), ['notes.txt', 'seed_3.npy']);
    assert.deepEqual(await readdir(onPod('ckpt')), ['a_3_epoch 4.pt']);
    assert.ok(existsSync(onPod('out/labels.npy')));
    assert.equal((await readdir(onPod('.runpod/runs'))).length, 1);
    assert.match((await rpo(['clean', '--keep', '1'], options)).stdout, /There is nothing on p beyond the newest 1\./);
  });
});
