import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Orchestrator } from '../../src/orchestrator.ts';
import { Home } from '../../src/project/home.ts';
import { FakeRunpod, fakeKey, fakePodId } from './support/fakeRunpod.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { usePod } from './support/pod.ts';
import { rpo } from './support/rpo.ts';

describe("a pod given by its id, with a fake of RunPod's API", function () {
  this.timeout(60_000);
  const t = usePod();
  let runpod: FakeRunpod;
  const kept = { key: process.env['RUNPOD_API_KEY'], server: process.env['RPO_RUNPOD_API'] };

  beforeEach(async () => {
    runpod = await FakeRunpod.start();
    process.env['RUNPOD_API_KEY'] = fakeKey;
    process.env['RPO_RUNPOD_API'] = runpod.url;
  });
  afterEach(async () => {
    await runpod.stop();
    for (const [name, value] of [
      ['RUNPOD_API_KEY', kept.key],
      ['RPO_RUNPOD_API', kept.server],
    ] as const)
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
  });

  it('is found again when a restart has given it another port', async () => {
    const { user, identityFile, workspace, port } = t.practice;
    const home = new Home(join(t.tmp, 'home'));
    await mkdir(join(t.tmp, 'project'));
    await home.addPod('p', { podId: fakePodId, identityFile, workspace });
    const before = await FaultProxy.start(port);
    const at = (proxy: FaultProxy) => ({ status: 'RUNNING', direct: { host: '127.0.0.1', port: proxy.port, username: user } });
    runpod.pod = at(before);
    const orchestrator = await Orchestrator.open({ projectRoot: join(t.tmp, 'project'), home: home.folder });
    try {
      assert.equal((await orchestrator.executeCommand('echo one')).stdout, 'one\n');
      const after = await FaultProxy.start(port);
      runpod.pod = at(after);
      await before.stop();
      // The end of the old connection has to be known: what is sent before may have been run, so it is not sent again.
      await delay(200);
      assert.equal((await orchestrator.executeCommand('echo two')).stdout, 'two\n');
      assert.ok(after.carried.connections > 0);
      await after.stop();
    } finally {
      await orchestrator.close();
    }
    // By its id: the same key at another address is no news, and another pod at this address would be.
    assert.match(await readFile(home.knownHostsFile, 'utf8'), new RegExp(`^${fakePodId} ssh-`));
  });

  it('is added and used from the terminal, and says when it does not run', async () => {
    const { user, host, port, identityFile, workspace } = t.practice;
    const home = join(t.tmp, 'home');
    await mkdir(join(home, '.runpod'), { recursive: true });
    await writeFile(join(home, '.runpod/config.toml'), `apikey = "${fakeKey}"\n`);
    const options = { cwd: t.tmp, home, env: { RPO_RUNPOD_API: runpod.url } };
    const added = await rpo(['pods', 'add', fakePodId, '-i', identityFile, '--name', 'p', '--workspace', workspace], options);
    assert.equal(added.exitCode, 0, added.stderr);
    runpod.pod = { status: 'RUNNING', direct: { host, port, username: user } };
    const said = await rpo(['exec', 'echo here'], options);
    assert.equal(said.stdout, 'here\n', said.stderr);
    runpod.pod = { status: 'EXITED', direct: null };
    const stopped = await rpo(['exec', 'echo here'], options);
    assert.deepEqual([stopped.exitCode, stopped.stdout], [1, '']);
    assert.match(stopped.stderr, /is not running: RunPod calls it EXITED/);
  });
});
