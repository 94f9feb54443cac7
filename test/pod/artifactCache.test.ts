import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import type { SshPod } from '../../src/pod/connect.ts';
import type { PutFile, PutOptions } from '../../src/pod/pod.ts';
import { mounted } from './support/mounted.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { pathOf, which } from './support/fewTools.ts';
import { usePod, withPod } from './support/pod.ts';
import { rpo } from './support/rpo.ts';

const sha = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const large = 9_000_000;
const medium = 2_000_000;

describe('large files that the pod has under another name', function () {
  this.timeout(60_000);
  const t = usePod();
  let proxy: FaultProxy;
  let pod: SshPod;
  let places: ReadonlyMap<string, readonly string[]>;
  before(async () => (proxy = await FaultProxy.start(t.practice.port)));
  after(() => proxy.stop());
  beforeEach(async () => {
    places = new Map();
    pod = t.connect({ port: proxy.port, hostKeys: 'off' });
    await pod.connect();
    await rm(cacheFolder(), { recursive: true, force: true });
  });
  afterEach(() => pod.dispose());

  const at = (name: string) => join(t.practice.workspace, name);
  const cacheFolder = () => at('.runpod/cache');
  const cached = () => readdir(cacheFolder()).catch(() => []);
  const entryOf = (content: Buffer) => join(cacheFolder(), `${sha(content)}-${content.length}`);
  const cache = (folder = cacheFolder()): PutOptions['cache'] => ({
    folder,
    pathsOf: (sha256) => Promise.resolve(places.get(sha256) ?? []),
  });

  /** Puts one content and tells what went over the wire. */
  async function put(name: string, content: Buffer, options: PutOptions = {}): Promise<PutFile & { readonly sent: number }> {
    await writeFile(join(t.tmp, 'local'), content);
    const before = proxy.carried.up;
    const file = { source: { localPath: join(t.tmp, 'local') }, remotePath: at(name) };
    const [done] = await pod.putFiles([file], { cache: cache(), ...options });
    assert.ok(done);
    assert.ok((await readFile(at(name))).equals(content), 'what is there is what was to be put');
    assert.deepEqual((await readdir(join(at(name), '..'))).filter((one) => one.startsWith('.rpo-')).length, 0);
    return { ...done, sent: proxy.carried.up - before };
  }

  it('are taken from there, of their own bytes, and not sent', async () => {
    const content = randomBytes(large);
    const first = await put('a/encoder.pt', content);
    assert.ok(!first.reused && first.sent > large);
    assert.equal((await stat(at('a/encoder.pt'))).nlink, 2, 'the entry takes no room');
    let bytes: readonly number[] = [];
    const second = await put('b/encoder.pt', content, {
      onProgress: ({ bytesDone, bytesTotal }) => (bytes = [bytesDone, bytesTotal]),
    });
    assert.ok(second.reused && second.changed && second.sent < 100_000, `${second.sent} bytes went over`);
    assert.deepEqual(bytes, [large, large]);
    const facts = await stat(at('b/encoder.pt'));
    assert.equal(facts.mode & 0o777, 0o644);
    assert.ok(Date.now() - facts.mtimeMs < 60_000);
    const training = await open(at('b/encoder.pt'), 'r+');
    await training.write('overwritten in place');
    await training.close();
    assert.ok((await readFile(at('a/encoder.pt'))).equals(content), 'the other file does not share its bytes');
  });

  it('are linked when only the cache still has them, and an entry that was written over is dropped', async () => {
    const [old, fresh] = [randomBytes(large), randomBytes(large)];
    await put('model.ckpt', old);
    await put('model.ckpt', fresh);
    const { ino } = await stat(entryOf(old));
    assert.ok((await put('again.ckpt', old)).reused);
    const facts = await stat(at('again.ckpt'));
    assert.deepEqual([facts.ino, facts.nlink], [ino, 2]);
    // As torch.save does, into the file that is there: now the entry holds that, too.
    await writeFile(at('again.ckpt'), randomBytes(large));
    const third = await put('third.ckpt', old);
    assert.ok(!third.reused && third.sent > large);
    assert.ok((await readFile(entryOf(old))).equals(old), 'the right bytes have taken its place');
  });

  it('are put in sets as all others are: all or none, refused where another version is', async () => {
    const [content, other, medium1] = [randomBytes(large), randomBytes(large), randomBytes(medium)];
    await put('set/one.ckpt', content);
    await put('set/medium.bin', medium1);
    places = new Map([[sha(medium1), [at('set/medium.bin')]]]);
    const files = [
      { source: { content }, remotePath: at('set/two.ckpt'), expected: null },
      { source: { content }, remotePath: at('set/deep/three.ckpt'), mode: 0o755 },
      { source: { content: other }, remotePath: at('set/new.ckpt') },
      { source: { content: medium1 }, remotePath: at('set/deep/medium.bin') },
      { source: { content: Buffer.from('small') }, remotePath: at('set/small') },
    ];
    await writeFile(at('set/two.ckpt'), 'theirs');
    await assert.rejects(pod.putFiles(files, { cache: cache() }), (error) => isUserError(error, 'remote-changed'));
    assert.deepEqual((await readdir(at('set'))).sort(), ['medium.bin', 'one.ckpt', 'two.ckpt']);
    await rm(at('set/two.ckpt'));
    const before = proxy.carried.up;
    const done = await pod.putFiles(files, { cache: cache() });
    assert.deepEqual(
      done.map(({ reused }) => reused),
      [true, true, false, true, false],
    );
    assert.ok(proxy.carried.up - before < large + 500_000, `${proxy.carried.up - before} bytes went over`);
    for (const { source, remotePath } of files) assert.ok((await readFile(remotePath)).equals(source.content), remotePath);
    assert.equal((await stat(at('set/deep/three.ckpt'))).mode & 0o777, 0o755);
    const inodes = await Promise.all(['one.ckpt', 'two.ckpt', 'deep/three.ckpt'].map(async (name) => (await stat(at(`set/${name}`))).ino));
    assert.equal(new Set(inodes).size, 3);
    assert.ok((await pod.putFiles(files.slice(1), { cache: cache() })).every(({ changed, reused }) => !changed && !reused));
  });

  it('of medium size are asked for only where they were seen, and what was seen may be wrong by now', async () => {
    const content = randomBytes(medium);
    await writeFile(at('left-by-run.pt'), content);
    assert.ok((await put('unknown.pt', content)).sent > medium);
    await rm(cacheFolder(), { recursive: true });
    places = new Map([[sha(content), [at('gone.pt'), at('left-by-run.pt')]]]);
    const known = await put('known.pt', content);
    assert.ok(known.reused && known.sent < 100_000, `${known.sent} bytes went over`);
    assert.equal((await stat(at('left-by-run.pt'))).nlink, 1, 'a file of somebody else gets no second name');
    await rm(cacheFolder(), { recursive: true });
    await writeFile(at('left-by-run.pt'), randomBytes(medium));
    const wrong = await put('right.pt', content);
    assert.ok(!wrong.reused && wrong.sent > medium);
  });

  it('that are large and were seen elsewhere are not sent to their end', async () => {
    const content = randomBytes(3 * large);
    await writeFile(at('by-run.ckpt'), content);
    places = new Map([[sha(content), [at('by-run.ckpt')]]]);
    proxy.line.bytesPerS = 20_000_000;
    const done = await put('deployed.ckpt', content).finally(() => (proxy.line.bytesPerS = 0));
    assert.ok(done.reused && done.sent < 2 * large, `${done.sent} bytes went over`);
  });

  it('are put by two at once, and never share their bytes', async () => {
    const content = randomBytes(large);
    await put('gone.ckpt', content);
    await rm(at('gone.ckpt'));
    const others = [t.connect(), t.connect(), t.connect()];
    for (let round = 0; round < 4; round++) {
      const names = others.map((_, index) => at(`at-once/${round}-${index}.ckpt`));
      const done = await Promise.all(
        others.map((other, index) => other.putFiles([{ source: { content }, remotePath: names[index]! }], { cache: cache() })),
      );
      assert.ok(done.flat().every(({ reused }) => reused));
      const inodes = await Promise.all(names.map(async (name) => (await stat(name)).ino));
      assert.equal(new Set(inodes).size, names.length);
      for (const name of names) {
        assert.ok((await readFile(name)).equals(content));
        await rm(name);
      }
    }
    for (const other of others) other.dispose();
  });

  it('are kept within a part of the free room, and go when it is needed', async function () {
    const disk = at('small-disk');
    await mounted(this, disk, 'size=60m', async () => {
      const folder = join(disk, '.runpod/cache');
      const versions = Array.from({ length: 5 }, () => randomBytes(3_000_000));
      for (const version of versions) await put('small-disk/model.ckpt', version, { cache: cache(folder) });
      const hashes = (await readdir(folder)).map((name) => name.split('-')[0]);
      assert.deepEqual(hashes.sort(), versions.slice(1).map(sha).sort(), 'a fifth of 48 MB is room for three that are out of use');
      assert.ok((await put('small-disk/linked-from-elsewhere.bin', randomBytes(medium))).changed);
      assert.deepEqual(await cached(), [], 'nothing is kept where no link can be made');
      await rm(join(disk, 'linked-from-elsewhere.bin'));
      // Its room is what is missing.
      await put('small-disk/other.ckpt', randomBytes(48_000_000), { cache: cache(folder) });
      assert.deepEqual((await readdir(folder)).length, 2, 'only those that take no room are left');
      // A second name costs nothing, a copy needs what is not there.
      const free = execFileSync('df', ['--output=avail', '-B1', disk], { encoding: 'utf8' }).trim().split('\n')[1] ?? '';
      await writeFile(join(disk, 'filler'), Buffer.alloc(Number(free) - 1_000_000));
      places = new Map([[sha(versions[4]!), [join(disk, 'model.ckpt')]]]);
      const none = put('small-disk/none.ckpt', versions[4]!, { cache: cache(folder) });
      await assert.rejects(none, (error) => isUserError(error, 'remote-full'));
      await rm(join(disk, 'model.ckpt'));
      assert.ok((await put('small-disk/moved.ckpt', versions[4]!, { cache: cache(folder) })).reused);
      assert.deepEqual((await readdir(disk)).sort(), ['.runpod', 'filler', 'moved.ckpt', 'other.ckpt']);
    });
  });

  it('are put also where the cache cannot be made or is not what it says', async () => {
    const content = randomBytes(large);
    await writeFile(at('in-the-way'), '');
    assert.ok((await put('fine.bin', content, { cache: cache(at('in-the-way/cache')) })).changed);
    await mkdir(cacheFolder(), { recursive: true });
    await writeFile(entryOf(content), 'cut short');
    assert.ok(!(await put('short.bin', content)).reused);
    await rm(entryOf(content));
    await writeFile(at('elsewhere'), content);
    await symlink(at('elsewhere'), entryOf(content));
    assert.ok((await put('no-link.bin', content)).reused);
    assert.ok((await lstat(at('no-link.bin'))).isFile());
  });

  it('busybox alone will do', async () => {
    await withPod({}, async (few) => {
      few.pod.dispose();
      const busybox = which('busybox');
      const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
      const bin = join(few.practice.folder, 'few');
      await pathOf(bin, Object.fromEntries(applets.map((name) => [name, busybox])));
      await few.practice.restart({ environment: { PATH: bin } });
      const there = few.connect();
      const folder = join(few.practice.workspace, '.runpod/cache');
      const options = { cache: { folder, pathsOf: () => Promise.resolve([]) } };
      const contents = [randomBytes(large), randomBytes(large)];
      const file = (name: string, content: Buffer) => ({ source: { content }, remotePath: join(few.practice.workspace, name) });
      for (const content of contents) await there.putFiles([file('model.ckpt', content)], options);
      for (const [index, content] of contents.entries()) {
        const [again] = await there.putFiles([file(`again ${index}.ckpt`, content)], options);
        assert.ok(again?.reused);
        assert.ok((await readFile(join(few.practice.workspace, `again ${index}.ckpt`))).equals(content));
        assert.equal((await stat(join(few.practice.workspace, `again ${index}.ckpt`))).nlink, 2);
      }
      await writeFile(join(few.practice.workspace, 'again 0.ckpt'), randomBytes(large));
      const [third] = await there.putFiles([file('third.ckpt', contents[0]!)], options);
      assert.equal(third?.reused, false);
      assert.equal((await readdir(folder)).length, 2);
      there.dispose();
    });
  });
});

describe('the cache in the terminal', function () {
  this.timeout(60_000);
  const t = usePod();

  it('is told, found again from what a run left, shown by clean and removed', async () => {
    const project = join(t.tmp, 'cached');
    const options = { cwd: project, home: join(t.tmp, 'home') };
    await mkdir(project);
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ train: { command: 'true' }, results: ['out/**'] }));
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    const onPod = (path: string) => join(workspace, 'cached', path);
    await mkdir(onPod('out'), { recursive: true });
    const encoder = randomBytes(medium);
    await writeFile(onPod('out/encoder.pt'), encoder);
    assert.equal((await rpo(['download', 'out', 'results'], options)).exitCode, 0);
    await mkdir(join(project, 'models'));
    await writeFile(join(project, 'models/encoder.pt'), encoder);
    const deployed = await rpo(['deploy', 'models/encoder.pt'], options);
    assert.match(deployed.stdout, /models\/encoder\.pt {2}2\.0 MB not sent: it was there under another name/);
    assert.ok((await readFile(onPod('models/encoder.pt'))).equals(encoder));
    const [answer] = (await rpo(['upload', 'models/encoder.pt', 'second/', '--json'], options)).lines;
    assert.deepEqual(
      (answer?.['files'] as { reused?: boolean }[]).map(({ reused }) => reused),
      [true],
    );
    assert.match((await rpo(['clean'], options)).stdout, /nothing on p beyond/, 'what is in use takes no room of its own');

    for (const path of ['models', 'second', 'out']) await rm(onPod(path), { recursive: true });
    const copy = await rpo(['download', '.', 'all'], options);
    assert.doesNotMatch(copy.stdout, /cache/, 'it is no file of the project');
    assert.match((await rpo(['clean'], options)).stdout, /\.runpod\/cache +2\.0 MB\n1 item, 2\.0 MB could go/);
    assert.match((await rpo(['clean', '--yes'], options)).stdout, /Deleted from p: 1 item/);
    assert.deepEqual(await readdir(onPod('.runpod')), []);
  });

  it('is left alone by the self-test', async () => {
    const project = join(t.tmp, 'tested');
    const options = { cwd: project, home: join(t.tmp, 'home') };
    await mkdir(project);
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ train: { command: 'true' } }));
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    assert.equal((await rpo(['selftest'], options)).exitCode, 0);
    assert.deepEqual(await readdir(join(workspace, 'tested/.runpod')), []);
  });
});
