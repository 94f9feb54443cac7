import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import { usePod } from './support/pod.ts';
import { rpo } from './support/rpo.ts';

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

  it('takes a large file', async () => {
    const content = randomBytes(9_000_000);
    await writeFile(join(t.tmp, 'large.bin'), content);
    await t.pod.putFiles([{ source: { localPath: join(t.tmp, 'large.bin') }, remotePath: at('large.bin') }]);
    assert.ok((await readFile(at('large.bin'))).equals(content));
    await rm(join(t.tmp, 'large.bin'));
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

  it('leaves nothing half written when it is cancelled, and lets nobody read what is on its way', async () => {
    await mkdir(at('c'));
    const content = randomBytes(24_000_000);
    const cancel = new AbortController();
    const modes: number[] = [];
    const put = t.pod.putFiles([{ source: { content }, remotePath: at('c/big.bin') }], {
      signal: cancel.signal,
      onProgress: ({ bytesDone }) => {
        if (bytesDone < 1_000_000 || cancel.signal.aborted) return;
        modes.push(...readdirSync(at('c')).map((name) => statSync(at(`c/${name}`)).mode & 0o777));
        cancel.abort();
      },
    });
    await assert.rejects(put, (error) => isUserError(error, 'cancelled') && /Nothing was replaced/.test(error.message));
    assert.deepEqual(modes, [0o600]);
    assert.deepEqual(await readdir(at('c')), []);
  });

  it('replaces neither a pipe nor a folder, and does not read from a pipe', async () => {
    await mkdir(at('s/folder'), { recursive: true });
    execFileSync('mkfifo', [at('s/pipe')]);
    await assert.rejects(
      t.pod.putFiles([file('s/pipe', 'x')]),
      (error) => isUserError(error, 'remote-failed') && /a pipe/.test(error.message),
    );
    await assert.rejects(
      t.pod.putFiles([file('s/folder', 'x')]),
      (error) => isUserError(error, 'remote-failed') && /folder/.test(error.message),
    );
    await assert.rejects(t.pod.getFile(at('s/pipe'), join(t.tmp, 'pipe')), (error) => isUserError(error, 'unsupported'));
    assert.ok((await stat(at('s/pipe'))).isFIFO());
  });

  it('serves `rpo upload` and `rpo download` of single files', async () => {
    await mkdir(at('data'));
    await writeFile(join(t.tmp, 'x.csv'), '1,2\n');
    const options = { cwd: t.tmp, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    const up = await rpo(['upload', 'x.csv', at('data')], options);
    assert.equal(up.exitCode, 0, up.stderr);
    assert.equal(await readFile(at('data/x.csv'), 'utf8'), '1,2\n');
    const down = await rpo(['download', at('data/x.csv'), 'back.csv'], options);
    assert.equal(down.exitCode, 0, down.stderr);
    const absent = await rpo(['download', at('data/none.csv'), 'none.csv'], options);
    assert.equal(absent.exitCode, 1);
    assert.match(absent.stderr, /it is not there/);
    const folder = await rpo(['download', at('data'), 'folder'], options);
    assert.match(folder.stderr, /is a folder; .* gives single files only/);
  });
});

describe('a machine that offers neither commands nor SFTP', function () {
  this.timeout(30_000);
  const t = usePod({ forceCommand: '/bin/false', sftp: false });

  it('says so to a file as to a command', async () => {
    const put = t.pod.putFiles([{ source: { content: Buffer.from('x') }, remotePath: join(t.practice.workspace, 'x') }]);
    await assert.rejects(put, (error) => isUserError(error, 'unsupported') && /runs no commands/.test(error.message));
  });
});
