import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import { type ConnectOptions, Orchestrator } from '../../src/orchestrator.ts';
import { usePod } from './support/pod.ts';

describe('the orchestrator on a real sshd', function () {
  this.timeout(30_000);
  const t = usePod();
  let count = 0;
  let local: string;
  let remote: string;
  let orchestrator: Orchestrator;

  const options = (): ConnectOptions => ({
    host: t.practice.host,
    port: t.practice.port,
    user: t.practice.user,
    identityFile: t.practice.identityFile,
    remoteRoot: remote,
    projectRoot: local,
    home: join(t.tmp, 'home'),
  });

  beforeEach(async () => {
    local = join(t.tmp, 'project');
    remote = join(t.practice.workspace, `project ${count++}`);
    await mkdir(join(local, 'src'), { recursive: true });
    await mkdir(remote);
    await writeFile(join(local, 'runpod.json'), JSON.stringify({ results: ['out/**'] }));
    await writeFile(join(local, 'src/a.py'), 'a = 1\n');
    orchestrator = await Orchestrator.connect(options());
  });
  afterEach(() => orchestrator.close());

  describe('a folder that is downloaded', () => {
    it('arrives whole: names with newlines, and what links lead to', async () => {
      await mkdir(join(remote, 'data/v1/deep\nfolder'), { recursive: true });
      await writeFile(join(remote, 'data/v1/deep\nfolder/two\nlines.txt'), 'newline');
      await writeFile(join(remote, 'outside.txt'), 'outside');
      await symlink('v1', join(remote, 'data/latest'));
      await symlink('../outside.txt', join(remote, 'data/linked.txt'));
      await symlink('nowhere', join(remote, 'data/dangling'));
      await symlink('.', join(remote, 'data/circle'));
      await symlink('itself', join(remote, 'data/itself'));
      const { files } = await orchestrator.downloadDirectory('data', 'copy');
      assert.deepEqual(
        files.map(({ path }) => path),
        ['latest/deep\nfolder/two\nlines.txt', 'linked.txt', 'v1/deep\nfolder/two\nlines.txt'],
      );
      assert.equal(await readFile(join(local, 'copy/linked.txt'), 'utf8'), 'outside');
      assert.equal(await readFile(join(local, 'copy/latest/deep\nfolder/two\nlines.txt'), 'utf8'), 'newline');
    });

    it('may hold nothing but broken links, or nothing', async () => {
      await mkdir(join(remote, 'links'));
      await symlink('.', join(remote, 'links/circle'));
      await symlink('itself', join(remote, 'links/itself'));
      assert.deepEqual((await orchestrator.downloadDirectory('links', 'copy')).files, []);
    });

    it('must be there, and be a folder', async () => {
      await writeFile(join(remote, 'file'), 'x');
      for (const [path, says] of [
        ['none', /is not on the pod/],
        ['file', /is not a folder/],
      ] as const)
        await assert.rejects(orchestrator.downloadDirectory(path, 'copy'), (error) => {
          assert.ok(isUserError(error, 'remote-missing'));
          assert.match(error.message, says);
          return true;
        });
    });
  });

  it('answers options that cannot be before it connects, and takes a workspace elsewhere', async () => {
    await assert.rejects(Orchestrator.connect({ ...options(), port: 70_000 }), (error) => isUserError(error, 'bad-argument'));
    const { remoteRoot: _, ...rest } = options();
    const elsewhere = await Orchestrator.connect({ ...rest, workspace: t.practice.workspace });
    assert.equal(elsewhere.remoteRoot, join(t.practice.workspace, 'project'));
    await elsewhere.close();
  });

  it('hands on characters whole, and what is left of one at the end', async () => {
    const texts: string[] = [];
    await orchestrator.executeCommand(`printf '\\303'; sleep 0.1; printf '\\274 \\360\\237'`, { onStdout: (text) => texts.push(text) });
    assert.equal(texts.join(''), 'ü �');
  });

  it('follows from the middle of a log with the lines and findings of the whole', async () => {
    const program = `print('epoch 1 loss 0.5')\nprint('x' * 60)\nprint('epoch 2 loss 0.25')\nimport no_such_module\n`;
    await writeFile(join(local, 'src/a.py'), program);
    await orchestrator.deployFixes(['src/a.py']);
    const whole = await orchestrator.runTraining({ command: 'python3 src/a.py' });
    const told: string[] = [];
    let text = '';
    const part = await orchestrator.training.watch(whole.run.manifest.id, {
      from: 40,
      onEvent: (event) => {
        if (event.kind === 'output') text += event.text;
        else
          told.push(
            event.kind === 'finding'
              ? `finding ${event.located.finding.line}`
              : event.kind === 'interrupted'
                ? ''
                : `${event.kind} ${event.line}`,
          );
      },
    });
    assert.ok(text.startsWith('x'.repeat(37) + '\n'));
    assert.deepEqual([part.errors, part.metrics, part.bytes], [whole.errors, whole.metrics, whole.bytes]);
    assert.equal(told[0], 'line 2');
    assert.ok(told.includes(`finding ${whole.errors[0]?.line}`));
    const late = await orchestrator.training.watch(whole.run.manifest.id, { from: whole.bytes });
    assert.deepEqual([late.errors, late.bytes], [whole.errors, whole.bytes]);
  });

  describe('a deploy after', () => {
    const edit = (text: string) => writeFile(join(local, 'src/a.py'), text);
    const there = () => readFile(join(remote, 'src/a.py'), 'utf8');

    for (const [what, upload] of [
      ['an upload of the file', () => orchestrator.uploadFile('src/a.py')],
      ['an upload of its folder', () => orchestrator.uploadDirectory('src')],
      [
        'an upload of another file to its place',
        async () => {
          await writeFile(join(local, 'other.py'), 'other = 1\n');
          await orchestrator.uploadFile('other.py', 'src/a.py');
        },
      ],
    ] as const) {
      it(`${what} does not take our own bytes for a change on the pod`, async () => {
        await orchestrator.deployFixes(['src/a.py']);
        await edit('a = 2\n');
        await upload();
        await edit('a = 3\n');
        await orchestrator.deployFixes(['src/a.py']);
        assert.equal(await there(), 'a = 3\n');
      });
    }

    it('the pod’s copy was fetched to its place replaces what was fetched', async () => {
      await orchestrator.deployFixes(['src/a.py']);
      await writeFile(join(remote, 'src/a.py'), 'theirs = 1\n');
      await orchestrator.downloadFile('src/a.py', 'src/a.py');
      await edit('theirs = 1\nmine = 1\n');
      await orchestrator.deployFixes(['src/a.py']);
      assert.equal(await there(), 'theirs = 1\nmine = 1\n');
      assert.deepEqual(Object.keys(await orchestrator.files.deployedSources()), ['src/a.py']);
    });

    it('results were fetched into a new folder sends none of it; a fetch that fails makes no folder', async () => {
      await assert.rejects(orchestrator.downloadResults('any', 'home/../results', { signal: AbortSignal.abort() }));
      await mkdir(join(remote, 'out'));
      assert.ok(!existsSync(join(local, 'results')));
      await writeFile(join(remote, 'out/scores.txt'), 'first run');
      await orchestrator.downloadResults('any', 'results');
      assert.equal(await readFile(join(local, 'results/out/scores.txt'), 'utf8'), 'first run');
      const { files } = await orchestrator.files.deployChanged();
      assert.deepEqual(
        files.filter(({ path }) => path.startsWith('results')),
        [],
      );
    });

    it('results were fetched into the project sends none of them back over newer ones', async () => {
      await mkdir(join(remote, 'out'));
      await writeFile(join(remote, 'out/scores.txt'), 'first run');
      await orchestrator.downloadResults('any', '.');
      await writeFile(join(remote, 'out/scores.txt'), 'second run');
      const { files } = await orchestrator.files.deployChanged();
      assert.ok(files.every(({ path }) => path !== 'out/scores.txt'));
      assert.equal(await readFile(join(remote, 'out/scores.txt'), 'utf8'), 'second run');
    });
  });
});
