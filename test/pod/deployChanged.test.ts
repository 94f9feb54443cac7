import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUserError, UserError } from '../../src/core/errors.ts';
import { PathMap } from '../../src/core/pathMap.ts';
import { Deployer } from '../../src/deploy/deploy.ts';
import { Ledger } from '../../src/deploy/ledger.ts';
import { RememberedHashes } from '../../src/deploy/rememberedHashes.ts';
import type { Pod } from '../../src/pod/pod.ts';
import { FaultProxy, seededRandom } from './support/faultProxy.ts';
import { common, pathOf, which } from './support/fewTools.ts';
import { describeBothWays, usePod, withPod } from './support/pod.ts';
import { remainsIn } from './support/remains.ts';

interface Project {
  readonly local: string;
  readonly remote: string;
  readonly deployer: Deployer;
}

/** A project of three files, deployed. */
async function projectOn(pod: Pod, tmp: string, remote: string): Promise<Project> {
  const local = join(await realpath(tmp), 'project');
  const project = { local, remote, deployer: deployerOn(pod, tmp, local, remote) };
  for (const path of paths) await put(project, path, `${path}, first\n`);
  await project.deployer.deploy(paths);
  return project;
}

function deployerOn(pod: Pod, tmp: string, local: string, remote: string): Deployer {
  const state = join(tmp, 'state');
  const hashes = { local: new RememberedHashes(state, ['local', local]), pod: new RememberedHashes(state, ['pod', remote]) };
  return new Deployer(pod, new PathMap(local, remote, 'posix'), new Ledger(state, 'pod', remote), hashes);
}

async function put({ local }: Project, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(local, path)), { recursive: true });
  await writeFile(join(local, path), text);
}

const paths = ['src/a.py', "src/b's file.py", 'run.sh'];
const [a = '', b = '', run = ''] = paths;
const there = ({ remote }: Project, path: string) => readFile(join(remote, path), 'utf8').catch(() => null);
const names = ({ files }: { readonly files: readonly { readonly path: string }[] }) => files.map(({ path }) => path);

describeBothWays('what changed, deployed in one go', function (podOptions) {
  this.timeout(30_000);
  const t = usePod({}, podOptions);
  let project: Project;
  let count = 0;

  beforeEach(async () => {
    project = await projectOn(t.pod, t.tmp, join(t.practice.workspace, `changed ${count++}`));
  });

  it('is nothing when nothing changed', async () => {
    assert.deepEqual((await project.deployer.deployChanged(paths)).files, []);
  });

  it('is one file, several, a new one, and one of which only the mode changed', async () => {
    await put(project, a, 'second\n');
    const { files } = await project.deployer.deployChanged(paths);
    assert.deepEqual(
      files.map(({ path, changed, bytes }) => ({ path, changed, bytes })),
      [{ path: a, changed: true, bytes: 7 }],
    );
    assert.equal(await there(project, a), 'second\n');

    await put(project, a, 'third\n');
    await put(project, b, 'third\n');
    await put(project, 'deep/new/c.py', 'new\n');
    assert.deepEqual(names(await project.deployer.deployChanged([...paths, 'deep/new/c.py'])), [a, b, 'deep/new/c.py']);
    for (const path of [a, b]) assert.equal(await there(project, path), 'third\n');
    assert.equal(await there(project, 'deep/new/c.py'), 'new\n');

    await chmod(join(project.local, run), 0o755);
    assert.deepEqual(names(await project.deployer.deployChanged(paths)), [run]);
    assert.equal((await stat(join(project.remote, run))).mode & 0o777, 0o755);
    assert.deepEqual((await project.deployer.deployChanged(paths)).files, []);
  });

  it('is not put at all when another of the files changed on the pod, unless forced', async () => {
    await put(project, a, 'second\n');
    await writeFile(join(project.remote, b), 'edited on the pod\n');
    await assert.rejects(project.deployer.deployChanged(paths), (error) => {
      assert.ok(isUserError(error, 'remote-changed'));
      assert.deepEqual(error.details['files'], [b]);
      return true;
    });
    assert.deepEqual([await there(project, a), await there(project, b)], [`${a}, first\n`, 'edited on the pod\n']);
    const forced = await project.deployer.deployChanged(paths, { force: true });
    assert.deepEqual(names(forced), [a, b]);
    assert.deepEqual(forced.replaced?.files, [b]);
    assert.deepEqual([await there(project, a), await there(project, b)], ['second\n', `${b}, first\n`]);
  });

  it('does not replace the very file that changed on both sides', async () => {
    await put(project, a, 'second\n');
    await writeFile(join(project.remote, a), 'edited on the pod\n');
    await assert.rejects(project.deployer.deployChanged(paths), (error) => isUserError(error, 'remote-changed'));
    assert.equal(await there(project, a), 'edited on the pod\n');
  });

  it('comes with what the pod has lost', async () => {
    await put(project, a, 'second\n');
    await rm(join(project.remote, b));
    assert.deepEqual(names(await project.deployer.deployChanged(paths)), [a, b]);
    assert.equal(await there(project, b), `${b}, first\n`);
    await rm(project.remote, { recursive: true });
    assert.deepEqual(names(await project.deployer.deployChanged(paths)), paths);
  });

  it('is not put over a file that is new on both sides without keeping that one', async () => {
    await put(project, 'new.py', 'here\n');
    await writeFile(join(project.remote, 'new.py'), 'there\n');
    const report = await project.deployer.deployChanged([...paths, 'new.py']);
    assert.deepEqual(report.replaced?.files, ['new.py']);
    assert.equal(await readFile(join(report.replaced.folder, 'new.py'), 'utf8'), 'there\n');
    assert.equal(await there(project, 'new.py'), 'here\n');
  });

  it('is sent also when it is more than goes in one trip, or has names that tools disagree about', async () => {
    await put(project, a, 'x'.repeat(300_000));
    await put(project, 'new\nline.py', 'odd\n');
    assert.deepEqual(names(await project.deployer.deployChanged([...paths, 'new\nline.py'])), [a, 'new\nline.py']);
    assert.equal(await there(project, 'new\nline.py'), 'odd\n');
  });

  it('is not confused by an answer that was lost', async () => {
    await put(project, a, 'second\n');
    const deaf: Pod = Object.create(t.pod, {
      hashThenPut: {
        value: async (...args: Parameters<Pod['hashThenPut']>) => {
          assert.ok((await t.pod.hashThenPut(...args)).put);
          throw new UserError('connection-lost', 'The answer never came.');
        },
      },
    }) as Pod;
    await assert.rejects(deployerOn(deaf, t.tmp, project.local, project.remote).deployChanged(paths), (error) =>
      isUserError(error, 'connection-lost'),
    );
    assert.equal(await there(project, a), 'second\n');
    await put(project, a, 'third\n');
    const { files, replaced } = await project.deployer.deployChanged(paths);
    assert.deepEqual([names({ files }), replaced], [[a], undefined]);
  });

  it('is told at once that a file is missing, and puts nothing', async () => {
    await put(project, a, 'second\n');
    await assert.rejects(project.deployer.deployChanged([...paths, 'none.py']), (error) => isUserError(error, 'local-missing'));
    assert.equal(await there(project, a), `${a}, first\n`);
  });

  it('may not be sent where a person has said so, and is stopped by a cancel', async () => {
    await put(project, a, 'second\n');
    const stop = AbortSignal.abort();
    await assert.rejects(project.deployer.deployChanged(paths, { signal: stop }), (error) => isUserError(error, 'cancelled'));
    const hashes = { local: new RememberedHashes(t.tmp, ['local']), pod: new RememberedHashes(t.tmp, ['pod']) };
    const ledger = new Ledger(join(t.tmp, 'state'), 'pod', project.remote);
    const mayReadLocal = () => Promise.reject(new UserError('not-allowed', 'No.'));
    const careful = new Deployer(t.pod, new PathMap(project.local, project.remote, 'posix'), ledger, hashes, { mayReadLocal });
    await assert.rejects(careful.deployChanged(paths), /No\./);
    assert.equal(await there(project, a), `${a}, first\n`);
  });
});

describe('what changed, deployed in one go, on a poor pod or line', function () {
  this.timeout(120_000);

  for (const lacks of ['xargs', 'awk', 'tar', 'openssl'])
    it(`arrives without ${lacks}`, () =>
      withPod({}, async ({ pod, practice, tmp }) => {
        const bin = join(practice.folder, 'few');
        const tools = [...common, 'tar', 'gzip', 'openssl', 'sha256sum', 'xargs', 'awk', 'date'].filter((name) => name !== lacks);
        await pathOf(bin, Object.fromEntries(tools.map((name) => [name, which(name)])));
        await practice.restart({ environment: { PATH: bin } });
        const project = await projectOn(pod, tmp, join(practice.workspace, 'project'));
        await put(project, a, 'second\n');
        await put(project, b, 'second\n');
        assert.deepEqual(names(await project.deployer.deployChanged(paths)), [a, b]);
        for (const path of [a, b]) assert.equal(await there(project, path), 'second\n');
        await writeFile(join(project.remote, run), 'edited on the pod\n');
        await put(project, a, 'third\n');
        await assert.rejects(project.deployer.deployChanged(paths), (error) => isUserError(error, 'remote-changed'));
        assert.equal(await there(project, a), 'second\n');
      }));

  it('is in place wholly or not at all, wherever the line is cut', () =>
    withPod({}, async ({ practice, connect, tmp }) => {
      const proxy = await FaultProxy.start(practice.port, { roundTripMs: 10 });
      const pod = connect({ port: proxy.port, hostKeys: 'off' });
      try {
        const project = await projectOn(pod, tmp, join(practice.workspace, 'project'));
        const random = seededRandom(11);
        let lost = 0;
        for (let round = 0; round < 24; round++) {
          for (const path of [a, b]) await put(project, path, `round ${round}: ${String(random()).repeat(2_000)}`);
          while ((await pod.exec('true').catch(() => null)) === null) await delay(50);
          await delay(100);
          // Each connection counts for itself: this one has carried its beginning and the sessions that wait.
          proxy.cut();
          while ((await pod.exec('true').catch(() => null)) === null) await delay(50);
          const [way, most] = random() < 0.7 ? (['cutAfterUp', 100_000] as const) : (['cutAfterDown', 12_000] as const);
          proxy.line[way] = 6_000 + Math.floor(random() * most);
          await project.deployer.deployChanged(paths).catch((error: unknown) => {
            lost++;
            assert.ok(isUserError(error, 'connection-lost'), String(error));
          });
          proxy.line[way] = Infinity;
          for (let tries = 0; tries < 200 && (await remainsIn(practice.workspace)).length > 0; tries++) await delay(50);
          assert.deepEqual(await remainsIn(practice.workspace), []);
          const rounds = await Promise.all([a, b].map(async (path) => (await there(project, path))?.split(/[:,]/)[0]));
          assert.ok(rounds[0] === rounds[1] || rounds.every((one) => one?.endsWith('.py')), rounds.join(', '));
        }
        assert.ok(lost > 5, `${lost} were cut`);
        await put(project, a, 'last\n');
        const report = await project.deployer.deployChanged(paths);
        assert.equal(await there(project, a), 'last\n');
        assert.equal(report.replaced, undefined);
        assert.deepEqual((await readdir(project.remote)).sort(), ['run.sh', 'src']);
      } finally {
        pod.dispose();
        await proxy.stop();
      }
    }));
});
