import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

describe('trying things before GPU time is spent', () => {
  const t = usePod();
  let project: string;
  let options: RpoOptions;

  beforeEach(async () => {
    project = join(t.tmp, 'tried');
    await mkdir(join(project, 'src/tried'), { recursive: true });
    await writeFile(join(project, 'src/tried/__init__.py'), '');
    await writeFile(join(project, 'src/tried/model.py'), 'import json\n');
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({ environment: { variables: { PYTHONPATH: 'src' } }, presets: { all: ['src/**/*.py'] } }),
    );
    options = { cwd: project, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
  });

  it('the self-test passes, and leaves nothing on the pod', async () => {
    const deployed = await rpo(['deploy', '--preset', 'all', '--test-imports'], options);
    assert.equal(deployed.exitCode, 0, deployed.stdout + deployed.stderr);
    assert.match(deployed.stdout, /✓ 2 modules imported/);
    const tested = await rpo(['selftest'], options);
    assert.equal(tested.exitCode, 0, tested.stdout + tested.stderr);
    assert.match(tested.stdout, /✓ imports .* 2 modules of the project can be imported/);
    assert.deepEqual(
      (await readdir(join(t.practice.workspace, 'tried/.runpod')).catch(() => [])).filter((name) => name.startsWith('selftest')),
      [],
    );
  });

  it('an import that fails is told at its line, by both', async () => {
    await writeFile(join(project, 'src/tried/model.py'), 'import json\n\nfrom tried import nothing\n');
    const deployed = await rpo(['deploy', '--preset', 'all', '--test-imports', '--force'], options);
    assert.equal(deployed.exitCode, 1);
    assert.match(deployed.stdout, /✗ src\/tried\/model\.py:3: ImportError: cannot import name 'nothing'/);
    const tested = await rpo(['selftest'], options);
    assert.equal(tested.exitCode, 1);
    assert.match(tested.stdout, /✗ imports .*src\/tried\/model\.py:3: ImportError/);
    assert.match(tested.stdout, /✓ clean-up/);
  });

  it('a preset that matches nothing, and one that is not there, say so', async () => {
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ presets: { none: ['gone/**/*.py'] } }));
    const nothing = await rpo(['deploy', '--preset', 'none'], options);
    assert.equal(nothing.exitCode, 1);
    assert.match(nothing.stderr, /The preset "none" in runpod\.json names "gone\/\*\*\/\*\.py", which matches no file/);
    assert.match((await rpo(['deploy', '--preset', 'nine'], options)).stderr, /There is no preset "nine".*none/s);
  });

  it('that is interrupted leaves nothing on the pod either', async () => {
    const interrupted = await rpo(['selftest'], {
      ...options,
      // As soon as its folder is there.
      shell: `"$@" & p=$!; while kill -0 $p 2>/dev/null; do
        ls -d ${t.practice.workspace}/tried/.runpod/selftest-* >/dev/null 2>&1 && { echo seen; kill -INT $p; break; }
      done; wait $p`,
    });
    assert.match(interrupted.stdout, /seen/);
    assert.notEqual(interrupted.exitCode, 0);
    const left = await readdir(join(t.practice.workspace, 'tried/.runpod')).catch(() => []);
    assert.deepEqual(
      left.filter((name) => name.startsWith('selftest')),
      [],
    );
  });
});
