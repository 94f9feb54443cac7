import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import { PathMap } from '../../src/core/pathMap.ts';
import { Deployer } from '../../src/deploy/deploy.ts';
import { Ledger } from '../../src/deploy/ledger.ts';
import { describeBothWays, usePod } from './support/pod.ts';

describeBothWays('deploy to a real sshd', function (podOptions) {
  this.timeout(30_000);
  const t = usePod({}, podOptions);
  let local: string;
  let remote: string;
  let deployer: Deployer;
  let count = 0;

  beforeEach(async () => {
    local = join(await realpath(t.tmp), 'project');
    remote = join(t.practice.workspace, `deploy ${count++}`);
    deployer = new Deployer(t.pod, new PathMap(local, remote, 'posix'), new Ledger(join(t.tmp, 'state'), t.pod.name, remote));
    await put('src/a.py', 'a = 1\n');
    await put("src/b's file.py", 'b = 1\n');
  });

  async function put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(local, path)), { recursive: true });
    await writeFile(join(local, path), text);
  }
  const there = (path: string) => readFile(join(remote, path), 'utf8');

  it('makes folders, sets mode 644, and says what arrived', async () => {
    await chmod(join(local, 'src/a.py'), 0o600);
    const { files } = await deployer.deploy(['src/a.py', "src/b's file.py"]);
    assert.deepEqual(
      files.map(({ path, bytes, changed }) => ({ path, bytes, changed })),
      [
        { path: 'src/a.py', bytes: 6, changed: true },
        { path: "src/b's file.py", bytes: 6, changed: true },
      ],
    );
    assert.equal(await there("src/b's file.py"), 'b = 1\n');
    assert.equal((await stat(join(remote, 'src/a.py'))).mode & 0o777, 0o644);
  });

  it('keeps a script executable', async () => {
    await put('run.sh', '#!/bin/sh\n');
    await chmod(join(local, 'run.sh'), 0o744);
    await deployer.deploy(['run.sh']);
    assert.equal((await stat(join(remote, 'run.sh'))).mode & 0o777, 0o755);
  });

  it('does not send what the pod has already', async () => {
    await deployer.deploy(['src/a.py']);
    assert.deepEqual(
      (await deployer.deploy(['src/a.py'])).files.map(({ changed }) => changed),
      [false],
    );
  });

  it('finds out what changed here, and what the pod lacks', async () => {
    await deployer.deploy(['src/a.py']);
    await put('src/a.py', 'a = 2\n');
    assert.deepEqual(await deployer.changed(['src/a.py', "src/b's file.py"]), ['src/a.py', "src/b's file.py"]);
    await deployer.deploy(['src/a.py', "src/b's file.py"]);
    assert.deepEqual(await deployer.changed(['src/a.py', "src/b's file.py"]), []);
  });

  it('does not overwrite what changed on the pod, and then changes nothing at all', async () => {
    await deployer.deploy(['src/a.py', "src/b's file.py"]);
    await writeFile(join(remote, "src/b's file.py"), 'edited on the pod\n');
    await put('src/a.py', 'a = 2\n');
    await put("src/b's file.py", 'b = 2\n');
    await assert.rejects(deployer.deploy(['src/a.py', "src/b's file.py"]), (error) => {
      assert.ok(isUserError(error, 'remote-changed'));
      assert.deepEqual(error.details['files'], ["src/b's file.py"]);
      assert.match(error.message, /changed on .* since it was last deployed from here\. Nothing was replaced\..*--force/);
      return true;
    });
    assert.deepEqual([await there('src/a.py'), await there("src/b's file.py")], ['a = 1\n', 'edited on the pod\n']);
    await deployer.deploy(['src/a.py', "src/b's file.py"], { force: true });
    assert.deepEqual([await there('src/a.py'), await there("src/b's file.py")], ['a = 2\n', 'b = 2\n']);
  });

  it('keeps a copy that was not deployed from here, and says where', async () => {
    await mkdir(join(remote, 'src'), { recursive: true });
    await writeFile(join(remote, 'src/a.py'), 'written on the pod\n');
    const first = await deployer.deploy(['src/a.py', "src/b's file.py"]);
    assert.deepEqual(first.replaced?.files, ['src/a.py']);
    assert.equal(await readFile(join(first.replaced.folder, 'src/a.py'), 'utf8'), 'written on the pod\n');
    assert.equal(await there('src/a.py'), 'a = 1\n');

    await put('src/a.py', 'a = 2\n');
    assert.equal((await deployer.deploy(['src/a.py'])).replaced, undefined, 'our own is not worth keeping');

    await writeFile(join(remote, 'src/a.py'), 'edited on the pod\n');
    await put('src/a.py', 'a = 3\n');
    const forced = await deployer.deploy(['src/a.py'], { force: true });
    assert.equal(await readFile(join(forced.replaced?.folder ?? '', 'src/a.py'), 'utf8'), 'edited on the pod\n');
    assert.equal((await readdir(join(remote, '.runpod/replaced'))).length, 2);
  });

  it('keeps the strangers of the last ten deploys', async () => {
    for (let round = 0; round < 12; round++) {
      await mkdir(join(remote, 'src'), { recursive: true });
      await writeFile(join(remote, 'src/a.py'), `stranger ${round}`);
      await put('src/a.py', `ours ${round}`);
      await deployer.deploy(['src/a.py'], { force: true });
    }
    const kept = (await readdir(join(remote, '.runpod/replaced'))).sort();
    assert.equal(kept.length, 10);
    assert.equal(await readFile(join(remote, '.runpod/replaced', kept[0] ?? '', 'src/a.py'), 'utf8'), 'stranger 2');
  });

  it('puts back what is gone from the pod: a restart is no conflict', async () => {
    await deployer.deploy(['src/a.py']);
    await rm(remote, { recursive: true });
    await deployer.deploy(['src/a.py']);
    assert.equal(await there('src/a.py'), 'a = 1\n');
  });

  it('remembers what it put there', async () => {
    const { files } = await deployer.deploy(['src/a.py']);
    assert.deepEqual(await deployer.deployedSources(), { 'src/a.py': files[0]?.sha256 });
  });

  it('answers what is missing, no file, or outside the project before anything is sent', async () => {
    for (const [path, reason] of [
      ['src/none.py', 'local-missing'],
      ['src', 'local-missing'],
      ['/etc/hostname', 'outside-project'],
      ['../up.py', 'outside-project'],
    ] as const) {
      await assert.rejects(deployer.deploy(['src/a.py', path]), (error) => isUserError(error, reason), path);
    }
    await assert.rejects(deployer.deploy([]), (error) => isUserError(error, 'bad-argument'));
    await assert.rejects(stat(remote), { code: 'ENOENT' });
  });
});
