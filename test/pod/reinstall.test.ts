import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { verify } from '../../src/doctor/verify.ts';
import { Orchestrator } from '../../src/orchestrator.ts';
import { loadProject } from '../../src/project/project.ts';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

/** A package as pip takes it from a file, so that no test asks the network. */
function wheel(name: string): Uint8Array {
  const info = `${name}-1.0.dist-info`;
  return zipSync({
    [`${name}.py`]: strToU8('here = True\n'),
    [`${info}/METADATA`]: strToU8(`Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`),
    [`${info}/WHEEL`]: strToU8('Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    [`${info}/RECORD`]: strToU8(`${name}.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`),
  });
}

/** A build backend of the project's own: pip then builds without fetching setuptools. */
const backend = `import os, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("mine.pth", os.path.abspath("src"))
        wheel.writestr("mine-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n")
        wheel.writestr("mine-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mine-1.0.dist-info/RECORD", "")
    return name
build_wheel = build_editable
`;

describe('installing what a project needs', () => {
  const t = usePod();
  let project: string;
  let options: RpoOptions;

  beforeEach(async () => {
    project = join(t.tmp, 'installed');
    options = { cwd: project, home: join(t.tmp, 'home') };
    await mkdir(join(project, 'src/mine'), { recursive: true });
    await mkdir(join(project, 'wheels'));
    await writeFile(join(project, 'wheels/yaml-1.0-py3-none-any.whl'), wheel('yaml'));
    await writeFile(join(project, 'src/mine/__init__.py'), 'import yaml\n');
    await writeFile(join(project, 'requirements.txt'), './wheels/yaml-1.0-py3-none-any.whl\n');
    await writeFile(join(project, 'pyproject.toml'), '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n');
    await writeFile(join(project, 'backend.py'), backend);
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({ environment: { activate: 'env/bin/activate' }, train: { device: 'cpu' }, checks: { packages: ['yaml'] } }),
    );
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    await t.pod.exec(`rm -rf ${workspace}/installed && mkdir -p ${workspace}/installed && python3 -m venv ${workspace}/installed/env`);
  });

  it('takes one step: requirements.txt, and the project so that what is deployed later counts', async () => {
    assert.equal((await rpo(['deploy', '--changed', '--force'], options)).exitCode, 0);
    const done = await rpo(['reinstall'], options);
    assert.equal(done.exitCode, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /Successfully installed .*mine/);
    assert.match(done.stdout, /Installed on p with `python -m pip install -r requirements\.txt` and `python -m pip install -e \.`/);
    const imported = await rpo(['exec', 'python -c "import mine; print(mine.__file__)"'], options);
    assert.match(imported.stdout, /installed\/src\/mine\/__init__\.py/);
  });

  it('is what the doctor offers when packages are missing, and mends it', async () => {
    const { workspace } = t.practice;
    const report = await verify(t.pod, await loadProject(project), { workspace });
    const check = report.checks.find(({ id }) => id === 'requirements');
    assert.deepEqual(check?.fix, { kind: 'install', title: 'Install what requirements.txt names', what: 'requirements' });
    assert.match(report.checks.find(({ id }) => id === 'tools')?.seen ?? '', /SFTP answers too/);
    await rpo(['deploy', '--changed', '--force'], options);
    const repaired = await rpo(['repair', 'requirements'], options);
    assert.match(repaired.stdout, /✓ Install what requirements\.txt names/, repaired.stderr);
    assert.match(repaired.stdout, /✓ Package yaml/);
  });

  it('that fails says what pip said', async () => {
    await writeFile(join(project, 'requirements.txt'), './wheels/none.whl\n');
    await rpo(['deploy', '--changed', '--force'], options);
    const failed = await rpo(['reinstall', 'requirements'], options);
    assert.equal(failed.exitCode, 1);
    assert.match(failed.stderr, /`python -m pip install -r requirements\.txt` ended with exit code 1 on the pod: .*none\.whl/s);
  });
});

describe('a stage that is one command', () => {
  const t = usePod();

  it('pre-trains by name, and what it leaves comes home', async () => {
    const project = join(t.tmp, 'pretrained');
    await mkdir(project);
    const command = 'mkdir -p artifacts && echo {device} >artifacts/encoder.pt';
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({
        train: { command: 'true {model}', models: { a: {} } },
        stages: [
          { name: 'pretrain', command, results: ['artifacts/encoder.pt'] },
          { name: 'all', models: ['a'] },
        ],
      }),
    );
    const { host, port, user, identityFile, workspace } = t.practice;
    const options = { cwd: project, home: join(t.tmp, 'home') };
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    const trained = await rpo(['train', '--stage', 'pretrain', '--device', 'cpu', '--fetch', 'home'], options);
    assert.equal(trained.exitCode, 0, trained.stderr);
    assert.match(trained.stderr, /3 files of the run in/);
    assert.match((await rpo(['results', 'pretrain', 'again'], options)).stdout, /artifacts\/encoder\.pt/);
    assert.match((await rpo(['train', '--stage', 'all'], options)).stderr, /The stage "all" trains models: a\./);
    assert.match((await rpo(['train', '--stage', 'pretrian'], options)).stderr, /There is no stage "pretrian".*pretrain/);
    assert.match((await rpo(['results', 'all'], options)).stderr, /does not say what the stage "all" leaves/);

    const pod = await Orchestrator.connect({ host, port, user, identityFile, projectRoot: project, workspace, home: join(t.tmp, 'home') });
    assert.equal((await pod.runPretraining({ device: 'cpu' })).exitCode, 0);
    const { files } = await pod.downloadPretrainedEncoder('third');
    assert.deepEqual(
      files.map(({ path }) => path),
      ['artifacts/encoder.pt'],
    );
    await pod.close();
  });
});
