import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUserError, UserError } from '../../src/core/errors.ts';
import { PathMap } from '../../src/core/pathMap.ts';
import { Deployer, type MaySend } from '../../src/deploy/deploy.ts';
import { Ledger } from '../../src/deploy/ledger.ts';
import { RememberedHashes } from '../../src/deploy/rememberedHashes.ts';
import { connectPod } from '../../src/pod/connect.ts';
import type { FileToPut, Pod, PutOptions } from '../../src/pod/pod.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { describeBothWays, usePod } from './support/pod.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

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
    deployer = deployerOn(t.pod);
    await put('src/a.py', 'a = 1\n');
    await put("src/b's file.py", 'b = 1\n');
  });

  /** As another process would have it: what is known from before comes from the person's folder. */
  function deployerOn(pod: Pod, may: MaySend = {}): Deployer {
    const state = join(t.tmp, 'state');
    const hashes = { local: new RememberedHashes(state, ['local', local]), pod: new RememberedHashes(state, ['pod', remote]) };
    return new Deployer(pod, new PathMap(local, remote, 'posix'), new Ledger(state, t.pod.name, remote), hashes, may);
  }

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

  it('finds that only the mode changed, and sets it', async () => {
    await put('run.sh', '#!/bin/sh\n');
    await deployer.deploy(['run.sh', 'src/a.py']);
    await chmod(join(local, 'run.sh'), 0o755);
    assert.deepEqual(await deployer.changed(['run.sh', 'src/a.py']), ['run.sh']);
    await deployer.deploy(['run.sh']);
    assert.equal((await stat(join(remote, 'run.sh'))).mode & 0o777, 0o755);
    assert.deepEqual(await deployer.changed(['run.sh', 'src/a.py']), []);
  });

  it('is not confused by a deploy whose answer was lost', async () => {
    await deployer.deploy(['src/a.py']);
    await put('src/a.py', 'a = 2\n');
    // It arrives, and then nobody hears of it.
    const deaf: Pod = Object.create(t.pod, {
      putFiles: {
        value: async (...args: Parameters<Pod['putFiles']>) => {
          await t.pod.putFiles(...args);
          throw new UserError('connection-lost', 'The answer never came.');
        },
      },
    }) as Pod;
    await assert.rejects(deployerOn(deaf).deploy(['src/a.py']), (error) => isUserError(error, 'connection-lost'));
    assert.equal(await there('src/a.py'), 'a = 2\n');
    // The next one does not even get there.
    const gone: Pod = Object.create(t.pod, {
      putFiles: {
        value: async (files: readonly FileToPut[], options?: PutOptions) => {
          await options?.onInspected?.(new Map(files.map(({ remotePath }) => [remotePath, 'f'.repeat(64)])));
          throw new UserError('connection-lost', 'There is nobody.');
        },
      },
    }) as Pod;
    await put('src/a.py', 'a = 2.5\n');
    await assert.rejects(deployerOn(gone).deploy(['src/a.py']), (error) => isUserError(error, 'connection-lost'));
    await put('src/a.py', 'a = 3\n');
    assert.equal((await deployer.deploy(['src/a.py'])).replaced, undefined);
    assert.equal(await there('src/a.py'), 'a = 3\n');
  });

  it('is not confused when both sides became the same by other ways', async () => {
    await deployer.deploy(['src/a.py']);
    await put('src/a.py', 'pulled\n');
    await writeFile(join(remote, 'src/a.py'), 'pulled\n');
    assert.deepEqual(await deployer.changed(['src/a.py']), []);
    await put('src/a.py', 'a = 4\n');
    await deployer.deploy(['src/a.py']);
    assert.equal(await there('src/a.py'), 'a = 4\n');
  });

  it('puts what it is told to although the pod has newer output there, and leaves that alone when only what changed is to go', async () => {
    const content = 'x'.repeat(300_000);
    await put('out.csv', content);
    await deployer.deploy(['src/a.py', 'out.csv']);
    await deployer.upload([{ source: { content: Buffer.from('y') }, remotePath: join(remote, 'metrics.csv') }]);
    await put('metrics.csv', 'y');
    await deployer.fetched([
      { remotePath: join(remote, 'metrics.csv'), localPath: join(local, 'metrics.csv'), sha256: sha('y'), bytes: 1 },
    ]);
    await writeFile(join(remote, 'metrics.csv'), 'newer there');
    assert.deepEqual(await deployer.changed(['src/a.py', 'out.csv', 'metrics.csv']), []);
    await deployer.deploy(['src/a.py', 'out.csv', 'metrics.csv'], { force: true });
    assert.equal(await there('metrics.csv'), 'y');
  });

  it('reads a file that was not touched only once, here and on the pod, and never misses a change', async () => {
    const paths = ['src/a.py', "src/b's file.py"];
    await deployer.deploy(paths);
    const old = new Date(Date.now() - 60_000);
    for (const path of paths) for (const root of [local, remote]) await utimes(join(root, path), old, old);
    // What changed a moment ago may change again within the clock's step, so it is not remembered yet.
    await delay(3_000);
    assert.deepEqual(await deployer.changed(paths), []);
    assert.equal((await readdir(join(t.tmp, 'state/hashes'))).length, 2);
    assert.deepEqual(await deployerOn(t.pod).changed(paths), []);
    await put('src/a.py', 'a = 9\n');
    await utimes(join(local, 'src/a.py'), old, old);
    assert.deepEqual(await deployerOn(t.pod).changed(paths), ['src/a.py']);
    await put('src/a.py', 'a = 1\n');
    await writeFile(join(remote, "src/b's file.py"), 'b = 8\n');
    await utimes(join(remote, "src/b's file.py"), old, old);
    assert.deepEqual(await deployerOn(t.pod).changed(paths), ["src/b's file.py"]);
  });

  it('deletes on the pod what was deployed and is gone here, unless it changed there', async () => {
    await put('old/one.py', '1');
    await put('old/two.py', '2');
    await deployer.deploy(['src/a.py', 'old/one.py', 'old/two.py']);
    await writeFile(join(remote, 'written there.txt'), 'x');
    await rm(join(local, 'old'), { recursive: true });
    await writeFile(join(remote, 'old/two.py'), 'edited there');
    await assert.rejects(deployer.removeGone(['src/a.py']), (error) => {
      assert.ok(isUserError(error, 'remote-changed'));
      assert.deepEqual(error.details['files'], ['old/two.py']);
      return true;
    });
    assert.equal(await there('old/one.py'), '1');
    await writeFile(join(remote, 'old/two.py'), '2');
    // Who may not write there may not delete there.
    const asked: (string | null)[] = [];
    const guarded = deployerOn(t.pod, {
      mayWrite: (_, below) => {
        asked.push(below);
        throw new Error('refused');
      },
    });
    await assert.rejects(guarded.removeGone(['src/a.py']), /refused/);
    assert.equal(await there('old/one.py'), '1');
    assert.equal(asked[0]?.startsWith('old/'), true);
    assert.deepEqual([...(await deployer.removeGone(['src/a.py']))].sort(), ['old/one.py', 'old/two.py']);
    assert.deepEqual((await readdir(remote)).sort(), ['src', 'written there.txt']);
    assert.deepEqual(await deployer.removeGone(['src/a.py']), []);
  });

  it('sends of a set that was deployed before only what differs', async () => {
    const paths = Array.from({ length: 40 }, (_, index) => `big/${index}.py`);
    for (const path of paths) await put(path, randomBytes(8_000).toString('base64'));
    const proxy = await FaultProxy.start(t.practice.port);
    const pod = connectPod({ ...t.practice.podOptions, port: proxy.port, hostKeys: 'off' });
    try {
      await deployerOn(pod).deploy(paths);
      await put('big/7.py', 'changed');
      const before = proxy.carried.up;
      const { files } = await deployerOn(pod).deploy(paths);
      assert.deepEqual(
        files.filter(({ changed }) => changed).map(({ path }) => path),
        ['big/7.py'],
      );
      assert.ok(proxy.carried.up - before < 60_000, `${proxy.carried.up - before} bytes`);
    } finally {
      pod.dispose();
      await proxy.stop();
    }
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
