import assert from 'node:assert/strict';
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PathMap } from '../../src/core/pathMap.ts';
import { Deployer } from '../../src/deploy/deploy.ts';
import { Ledger } from '../../src/deploy/ledger.ts';
import { RememberedHashes } from '../../src/deploy/rememberedHashes.ts';
import type { SshPod } from '../../src/pod/connect.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { usePod } from './support/pod.ts';

/**
 * That the pod is asked once, without a clock: while it is asked nothing that it says gets here, so all it needs to do the work
 * is sent without an answer; and while its answers come, nothing that is said here gets there.
 */
describe('one round trip', function () {
  this.timeout(60_000);
  const t = usePod();
  let proxy: FaultProxy;
  let pod: SshPod;
  let local: string;
  let remote: string;
  let deployer: Deployer;

  beforeEach(async () => {
    proxy = await FaultProxy.start(t.practice.port);
    pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    local = join(t.tmp, 'project');
    remote = join(t.practice.workspace, 'project');
    const state = join(t.tmp, 'state');
    const hashes = { local: new RememberedHashes(state, ['local']), pod: new RememberedHashes(state, ['pod']) };
    deployer = new Deployer(pod, new PathMap(local, remote, 'posix'), new Ledger(state, 'pod', remote), hashes);
    await pod.connect();
  });
  afterEach(async () => {
    pod.dispose();
    await proxy.stop();
    await rm(remote, { recursive: true, force: true });
  });

  async function put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(local, path)), { recursive: true });
    await writeFile(join(local, path), text);
  }
  const there = (path: string) => readFile(join(remote, path), 'utf8').catch(() => null);
  const tree = Array.from({ length: 200 }, (_, index) => `src/part${index % 9}/module${index}.py`);

  async function deployTree(): Promise<void> {
    for (const path of tree) await put(path, `# ${path}\n`);
    await deployer.deploy(tree);
  }

  /**
   * Whether the work is done so, tried again when no session waited for it yet: those are opened in the background.
   *
   * @param isDone whether the pod has done it
   */
  async function takesOne(
    work: (attempt: number) => Promise<unknown>,
    isDone: (attempt: number) => Promise<boolean>,
    attempts = 5,
  ): Promise<boolean> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      await pod.exec('true'); // so that the line is quiet
      await delay(300 * attempt);
      proxy.line.holdDown = true;
      let isOver = false;
      const working = work(attempt).finally(() => (isOver = true));
      working.catch(() => {}); // told below
      const isAsked = await within(1_500 * attempt, () => isDone(attempt));
      assert.equal(isOver, false, 'it did not wait for an answer');
      proxy.line.holdUp = isAsked;
      proxy.line.holdDown = false;
      const isAnswered = isAsked && (await within(5_000, () => Promise.resolve(isOver)));
      proxy.line.holdUp = false;
      await working;
      if (isAnswered) return true;
    }
    return false;
  }

  async function within(ms: number, what: () => Promise<boolean>): Promise<boolean> {
    for (let waited = 0; waited < ms; waited += 20) {
      if (await what()) return true;
      await delay(20);
    }
    return what();
  }

  it('runs a command', async () => {
    const marker = (attempt: number) => join(t.practice.workspace, `marker${attempt}`);
    const isThere = (path: string) =>
      stat(path).then(
        () => true,
        () => false,
      );
    const one = takesOne(
      (attempt) => pod.exec(`: >'${marker(attempt)}'`),
      (attempt) => isThere(marker(attempt)),
    );
    assert.ok(await one);
    // Which would be said of two as well if nothing was held up.
    const two = takesOne(
      async (attempt) => {
        await pod.exec('true');
        await pod.exec(`: >'${marker(10 + attempt)}'`);
      },
      (attempt) => isThere(marker(10 + attempt)),
      1,
    );
    assert.equal(await two, false);
  });

  it('deploys one file', async () => {
    const text = (attempt: number) => `# version ${attempt}\n${'x = 1  # some Python\n'.repeat(350)}`;
    const one = takesOne(
      async (attempt) => {
        await put('train.py', text(attempt));
        await deployer.deploy(['train.py']);
      },
      async (attempt) => (await there('train.py')) === text(attempt),
    );
    assert.ok(await one);
  });

  it('finds the one file of a tree that changed, and deploys it', async () => {
    await deployTree();
    const changed = tree[100] ?? '';
    const one = takesOne(
      async (attempt) => {
        await put(changed, `changed ${attempt}\n`);
        const { files } = await deployer.deployChanged(tree);
        assert.deepEqual(
          files.map(({ path }) => path),
          [changed],
        );
      },
      async (attempt) => (await there(changed)) === `changed ${attempt}\n`,
    );
    assert.ok(await one);
  });

  it('finds several that changed, and new ones, and deploys them', async () => {
    await deployTree();
    const old = new Date(Date.now() - 60_000);
    for (const path of tree) await utimes(join(remote, path), old, old);
    await delay(2_500); // from then on they are known by their times
    await deployer.changed(tree);
    const changed = [tree[7] ?? '', tree[150] ?? '', 'new folder/new.py'];
    const one = takesOne(
      async (attempt) => {
        for (const path of changed) await put(path, `${path}, changed ${attempt}\n`);
        const { files } = await deployer.deployChanged([...tree, 'new folder/new.py']);
        assert.deepEqual(files.map(({ path }) => path).sort(), [...changed].sort());
      },
      async (attempt) => (await there('new folder/new.py')) === `new folder/new.py, changed ${attempt}\n`,
    );
    assert.ok(await one);
  });
});
