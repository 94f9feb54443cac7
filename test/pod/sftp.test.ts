import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import { usePod } from './support/pod.ts';

describe('a machine that runs no commands, only SFTP', function () {
  this.timeout(30_000);
  const t = usePod({ forceCommand: 'internal-sftp' });
  const at = (name: string) => join(t.practice.workspace, name);
  const file = (name: string, text: string) => ({ source: { content: Buffer.from(text) }, remotePath: at(name) });

  it('says so to a command', async () => {
    await assert.rejects(t.pod.exec('true'), (error) => isUserError(error, 'unsupported') && /runs no commands/.test(error.message));
  });

  it('takes files and gives them back, whole or not at all', async () => {
    const put = await t.pod.putFiles([file("a/it's\nnew.py", 'one'), { ...file('a/b/run.sh', 'two'), mode: 0o755 }]);
    assert.deepEqual(
      put.map(({ changed, bytes }) => [changed, bytes]),
      [
        [true, 3],
        [true, 3],
      ],
    );
    assert.equal(await readFile(at("a/it's\nnew.py"), 'utf8'), 'one');
    assert.equal((await stat(at('a/b/run.sh'))).mode & 0o777, 0o755);
    assert.deepEqual(
      (await t.pod.putFiles([file('a/b/run.sh', 'two')])).map(({ changed }) => changed),
      [false],
    );
    assert.deepEqual((await readdir(at('a'))).sort(), ['b', "it's\nnew.py"]);
    const got = await t.pod.getFile(at("a/it's\nnew.py"), join(t.tmp, 'back/new.py'));
    assert.deepEqual([got.bytes, await readFile(join(t.tmp, 'back/new.py'), 'utf8')], [3, 'one']);
  });

  it('refuses what is not expected, keeps strangers, and tells what is missing', async () => {
    await mkdir(at('p'));
    await writeFile(at('p/x.py'), 'theirs');
    await assert.rejects(t.pod.putFiles([{ ...file('p/x.py', 'mine'), expected: null }]), (error) => isUserError(error, 'remote-changed'));
    assert.equal(await readFile(at('p/x.py'), 'utf8'), 'theirs');
    const keepStrangers = { root: at('p'), folder: at('p/.runpod/replaced/1') };
    assert.equal((await t.pod.putFiles([file('p/x.py', 'mine')], { keepStrangers }))[0]?.replacedStranger, true);
    assert.deepEqual([await readFile(at('p/x.py'), 'utf8'), await readFile(at('p/.runpod/replaced/1/x.py'), 'utf8')], ['mine', 'theirs']);
    await assert.rejects(t.pod.getFile(at('none'), join(t.tmp, 'new/none')), (error) => isUserError(error, 'remote-missing'));
    assert.deepEqual(await readdir(t.tmp), []);
  });
});
