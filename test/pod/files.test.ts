import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import type { HashedFile } from '../../src/pod/pod.ts';
import { describeBothWays, usePod } from './support/pod.ts';

const sha = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

/** Names that have broken file tools before. */
const awkward = [
  'a b',
  "it's",
  '"quoted"',
  '-rf',
  '$HOME `id` ;&|',
  'line\nbreak',
  'tab\there',
  'paragraph\u20291 -',
  'back\\slash',
  'Ünïcödé 漢字 🚀',
  '*?[x]',
  '.hidden',
  '%s%n',
  '~',
  '#x',
  'trailing ',
];

describeBothWays('putFiles', function (podOptions) {
  this.timeout(30_000);
  const t = usePod({}, podOptions);
  const at = (name: string) => join(t.practice.workspace, name);

  it('writes a new file with mode 644, making its folders', async () => {
    const [put] = await t.pod.putFiles([{ source: { content: Buffer.from('hello') }, remotePath: at('new/deep/train.py') }]);
    assert.deepEqual(put, {
      remotePath: at('new/deep/train.py'),
      sha256: sha('hello'),
      bytes: 5,
      changed: true,
      replacedStranger: false,
      reused: false,
    });
    assert.equal(await readFile(at('new/deep/train.py'), 'utf8'), 'hello');
    assert.equal((await stat(at('new/deep/train.py'))).mode & 0o7777, 0o644);
    assert.deepEqual(await readdir(at('new/deep')), ['train.py']);
  });

  it('does not rewrite an identical copy', async () => {
    const file = { source: { content: Buffer.from('same') }, remotePath: at('same.txt') };
    await t.pod.putFiles([file]);
    const before = await stat(at('same.txt'));
    const [put] = await t.pod.putFiles([file]);
    const after = await stat(at('same.txt'));
    assert.equal(put?.changed, false);
    assert.deepEqual([after.ino, after.mtimeMs], [before.ino, before.mtimeMs]);
  });

  it('puts a set with awkward names', async () => {
    const files = awkward.map((name, index) => ({
      source: { content: Buffer.from(`${index}:${name}`) },
      remotePath: at(`awkward ' " $x/${name}/${name}`),
    }));
    const put = await t.pod.putFiles(files);
    assert.ok(put.every(({ changed }) => changed));
    for (const [index, name] of awkward.entries())
      assert.equal(await readFile(at(`awkward ' " $x/${name}/${name}`), 'utf8'), `${index}:${name}`);
    const again = await t.pod.putFiles(files);
    assert.ok(again.every(({ changed }) => !changed));
    const one = await t.pod.putFiles([{ source: { content: Buffer.from('single') }, remotePath: at(`one\n'${awkward[5]}`) }]);
    assert.equal(one[0]?.changed, true);
    const listed = await t.pod.listFiles(at(`awkward ' " $x`));
    assert.deepEqual(listed.map(({ path }) => path).sort(), awkward.map((name) => `${name}/${name}`).sort());
    const seen = new Map<string, HashedFile>();
    const memory = { get: (path: string) => seen.get(path), set: (path: string, hashed: HashedFile) => void seen.set(path, hashed) };
    const plain = files.filter(({ remotePath }) => !/[\n\r\\\u2029]/.test(remotePath));
    const compared = await t.pod.hashFiles([...plain.map(({ remotePath }) => remotePath), at('none'), at('.')], { memory });
    assert.deepEqual([...compared.values()], [...plain.map(({ source }) => sha(source.content)), null, null]);
    const hashes = await t.pod.hashFiles(
      files.map(({ remotePath }) => remotePath),
      { memory },
    );
    assert.deepEqual(
      [...hashes.values()],
      files.map(({ source }) => sha(source.content)),
    );
    const got = await t.pod.getFiles(
      at(`awkward ' " $x`),
      listed.map(({ path }) => path),
      join(t.tmp, 'got'),
    );
    assert.equal(got.length, awkward.length);
    for (const [index, name] of awkward.entries()) assert.equal(await readFile(join(t.tmp, 'got', name, name), 'utf8'), `${index}:${name}`);
  });

  it('refuses to overwrite what is not expected, and touches nothing', async () => {
    await t.pod.putFiles([{ source: { content: Buffer.from('theirs') }, remotePath: at('x/changed.py') }]);
    const files = [
      { source: { content: Buffer.from('mine') }, remotePath: at('x/changed.py'), expected: sha('old') },
      { source: { content: Buffer.from('other') }, remotePath: at('x/fresh/other.py'), expected: null },
    ];
    await assert.rejects(t.pod.putFiles(files), (error) => {
      assert.ok(isUserError(error, 'remote-changed'));
      assert.deepEqual(error.details.files, [at('x/changed.py')]);
      return true;
    });
    assert.equal(await readFile(at('x/changed.py'), 'utf8'), 'theirs');
    assert.deepEqual(await readdir(at('x')), ['changed.py']);
    await t.pod.putFiles(files.map((file) => ({ ...file, expected: [file.expected, sha('theirs'), null] })));
    assert.equal(await readFile(at('x/fresh/other.py'), 'utf8'), 'other');
  });

  it('carries a file of several megabytes and one of no bytes', async () => {
    const big = randomBytes(5_000_000);
    await writeFile(join(t.tmp, 'big'), big);
    await t.pod.putFiles([
      { source: { localPath: join(t.tmp, 'big') }, remotePath: at('sizes/big') },
      { source: { content: Buffer.alloc(0) }, remotePath: at('sizes/empty'), mode: 0o755 },
    ]);
    assert.ok((await readFile(at('sizes/big'))).equals(big));
    assert.equal((await stat(at('sizes/empty'))).mode & 0o777, 0o755);
    const got = await t.pod.getFile(at('sizes/big'), join(t.tmp, 'back/big'));
    assert.equal(got.sha256, sha(big));
    assert.ok((await readFile(join(t.tmp, 'back/big'))).equals(big));
  });

  it('handles two thousand files in one set', async () => {
    const files = Array.from({ length: 2000 }, (_, index) => ({
      source: { content: Buffer.from(`file ${index}`) },
      remotePath: at(`many/d${index % 37}/f${index}`),
    }));
    await t.pod.putFiles(files);
    const listed = await t.pod.listFiles(at('many'));
    assert.equal(listed.length, 2000);
    const got = await t.pod.getFiles(
      at('many'),
      listed.map(({ path }) => path),
      join(t.tmp, 'many'),
    );
    assert.equal(got.length, 2000);
    assert.equal(await readFile(join(t.tmp, 'many/d0/f1961'.replace('f1961', 'f0')), 'utf8'), 'file 0');
  });

  it('leaves Python nothing compiled from the old source, also when size and second are the same', async () => {
    const python = async (code: string) => (await t.pod.exec(`cd ${at('py')} && python3 -c '${code}'`)).stdout.trim();
    const put = (text: string) => t.pod.putFiles([{ source: { content: Buffer.from(text) }, remotePath: at('py/model.py') }]);
    await put('answer = 1\n');
    await utimes(at('py/model.py'), 1_700_000_000, 1_700_000_000);
    assert.equal(await python('import model; print(model.answer)'), '1');
    await writeFile(at('py/__pycache__/model_2.cpython-1.pyc'), 'of another module');
    await put('answer = 2\n');
    await utimes(at('py/model.py'), 1_700_000_000, 1_700_000_000);
    assert.equal(await python('import model; print(model.answer)'), '2');
    assert.equal(await readFile(at('py/__pycache__/model_2.cpython-1.pyc'), 'utf8'), 'of another module');
  });

  it('puts none of a set when one rename fails', async () => {
    await t.pod.putFiles([1, 2, 3].map((n) => ({ source: { content: Buffer.from(`old ${n}`) }, remotePath: at(`set/d${n}/f`) })));
    const shim = join(t.practice.folder, 'bin', 'mv');
    await writeFile(
      shim,
      `#!/bin/sh\ncase $PWD in */set/d2/.rpo-*) case $PWD in *.old) ;; *) echo "mv: no" >&2; exit 1;; esac;; esac\nexec /bin/mv "$@"\n`,
    );
    await chmod(shim, 0o755);
    try {
      await assert.rejects(
        t.pod.putFiles([1, 2, 3, 4].map((n) => ({ source: { content: Buffer.from(`new ${n}`) }, remotePath: at(`set/d${n}/f`) }))),
        (error) => isUserError(error, 'remote-failed'),
      );
    } finally {
      await chmod(shim, 0o644);
    }
    for (const n of [1, 2, 3]) assert.equal(await readFile(at(`set/d${n}/f`), 'utf8'), `old ${n}`);
    assert.deepEqual((await readdir(at('set'))).sort(), ['d1', 'd2', 'd3']);
    assert.deepEqual(await readdir(at('set/d1')), ['f']);
  });

  it('replaces a symbolic link, not what it points to; follows a linked folder', async () => {
    await mkdir(at('links/real'), { recursive: true });
    await writeFile(at('links/real/target'), 'precious');
    await symlink(at('links/real/target'), at('links/file'));
    await symlink(at('links/real'), at('links/folder'));
    await t.pod.putFiles([
      { source: { content: Buffer.from('new') }, remotePath: at('links/file') },
      { source: { content: Buffer.from('via') }, remotePath: at('links/folder/via') },
    ]);
    assert.equal(await readFile(at('links/real/target'), 'utf8'), 'precious');
    assert.equal(await readFile(at('links/file'), 'utf8'), 'new');
    assert.equal(await readFile(at('links/real/via'), 'utf8'), 'via');
  });
});
