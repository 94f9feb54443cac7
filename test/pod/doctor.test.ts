import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../../src/doctor/check.ts';
import { quote } from '../../src/core/shell.ts';
import { verify } from '../../src/doctor/verify.ts';
import { loadProject } from '../../src/project/project.ts';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

/**
 * Not NVIDIA's program: a stand-in that prints what NVIDIA documents (nvidia-smi(1), and the header of a driver 535), since
 * the machine that tests run on has no GPU.
 */
const fakeNvidiaSmi = (gpus: readonly string[], processes = "echo '4242, python, 40110 MiB'") => `#!/bin/sh
case "$1" in
--query-gpu=index*) echo '0, NVIDIA A40, 97, 40123, 46068, 71' ;;
--query-compute-apps=*) ${processes} ;;
--query-gpu=*)
  ${gpus.length > 0 ? `printf '%s\\n' ${gpus.map((gpu) => `'${gpu}'`).join(' ')}` : `echo 'No devices were found'; exit 6`} ;;
*)
  cat <<'END'
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI 535.104.05             Driver Version: 535.104.05   CUDA Version: 12.2     |
|-----------------------------------------+----------------------+----------------------+
END
  ;;
esac
`;
/** A module in the place of torch, that says what a CUDA build says of itself where the driver is too old for it. */
const fakeTorch = `__version__ = "2.6.0+cu124"
class version:
    cuda = "12.4"
class cuda:
    is_available = staticmethod(lambda: False)
`;

describe('verify against a pod', () => {
  const t = usePod();
  let project: string;
  const fakeFile = () => join(t.practice.folder, 'bin/nvidia-smi');

  async function look(config: object): Promise<{ readonly checks: Readonly<Record<string, Check>>; readonly ok: boolean }> {
    await writeFile(join(project, 'runpod.json'), JSON.stringify(config));
    const report = await verify(t.pod, await loadProject(project), { workspace: t.practice.workspace });
    return { ok: report.ok, checks: Object.fromEntries(report.checks.map((check) => [check.id, check])) };
  }
  const remote = (path: string) => join(t.practice.workspace, 'doctored', path);

  beforeEach(async () => {
    project = join(t.tmp, 'doctored');
    await mkdir(join(project, 'src'), { recursive: true });
  });
  afterEach(async () => {
    await rm(remote(''), { recursive: true, force: true });
    await rm(fakeFile(), { force: true });
  });

  it('finds a bare pod fit, and leaves nothing there', async () => {
    const { ok, checks } = await look({ train: { device: 'cpu' }, results: ['artifacts/{model}.npy'] });
    assert.ok(ok, JSON.stringify(checks));
    assert.equal(checks['root']?.status, 'warning');
    assert.deepEqual(checks['root']?.fix, { kind: 'deploy', title: 'Deploy Changed Files', files: [] });
    assert.equal(checks['output:artifacts']?.status, 'passed');
    assert.match(checks['memory']?.seen ?? '', /GB/);
    assert.match(checks['python']?.seen ?? '', /^3\.\d+\.\d+, /);
    assert.equal(checks['gpu']?.seen, 'none: no nvidia-smi on the pod');
    assert.equal((await t.pod.exec(`ls ${remote('')}`)).exitCode, 2, 'the folder was not made');
  });

  it('sees the imports that a deployed project lacks, at their lines', async () => {
    const source =
      'import os, json\nimport src.helper\nimport not_to_be_had\ntry:\n    import optional_thing\nexcept ImportError:\n    pass\n';
    await writeFile(join(project, 'src/train.py'), source);
    await writeFile(join(project, 'src/helper.py'), '');
    await mkdir(remote('src'), { recursive: true });
    await writeFile(remote('src/train.py'), source);
    const { ok, checks } = await look({ environment: { variables: { PYTHONPATH: 'src:gone' } } });
    assert.equal(ok, false);
    assert.equal(checks['import:not_to_be_had']?.status, 'failed');
    assert.match(checks['import:not_to_be_had']?.seen ?? '', /src\/train\.py:3 imports it/);
    assert.equal(checks['import:optional_thing']?.status, 'warning');
    assert.deepEqual(
      Object.keys(checks).filter((id) => id.startsWith('import:')),
      ['import:not_to_be_had', 'import:optional_thing'],
    );
    assert.match(checks['pythonpath']?.seen ?? '', /^gone is not there$/);
  });

  it('sees results that cannot be written', async () => {
    await mkdir(remote(''), { recursive: true });
    await writeFile(remote('artifacts'), 'a file where a folder should be');
    const { checks } = await look({ results: ['artifacts/x/{model}.npy'] });
    assert.equal(checks['output:artifacts']?.status, 'failed');
  });

  it('sees a pod that came back without GPUs', async () => {
    await writeFile(fakeFile(), fakeNvidiaSmi([]), { mode: 0o755 });
    const { checks } = await look({});
    assert.equal(checks['gpu']?.seen, "none, although NVIDIA's tools are there (No devices were found)");
  });

  it('sees a driver that is older than the CUDA of torch', async () => {
    await writeFile(fakeFile(), fakeNvidiaSmi(['NVIDIA A40, 46068 MiB, 535.104.05', 'NVIDIA A40, 46068 MiB, 535.104.05']), { mode: 0o755 });
    await mkdir(remote('fakes'), { recursive: true });
    await writeFile(remote('fakes/torch.py'), fakeTorch);
    const { ok, checks } = await look({ environment: { variables: { PYTHONPATH: 'fakes' } } });
    assert.equal(ok, false);
    assert.equal(checks['gpu']?.seen, '2 GPUs: NVIDIA A40, 46068 MiB, driver 535.104.05, CUDA up to 12.2');
    assert.match(checks['torch']?.seen ?? '', /built for CUDA 12\.4, and the driver is older: it knows CUDA up to 12\.2/);
  });

  it('repairs what is one step: the environment, a missing file, a folder', async () => {
    const home = join(t.tmp, 'home');
    const { host, port, user, identityFile, workspace } = t.practice;
    const line = `ssh ${user}@${host} -p ${port} -i ${identityFile}`;
    await writeFile(join(project, 'src/train.py'), 'import json\n');
    await writeFile(
      join(project, 'runpod.json'),
      JSON.stringify({
        environment: { activate: 'env/bin/activate' },
        train: { device: 'cpu' },
        checks: { files: ['src/train.py', 'artifacts/'] },
      }),
    );
    const options = { cwd: project, home };
    await rpo(['pods', 'add', line, '--name', 'p', '--workspace', workspace], options);
    const before = await rpo(['verify'], options);
    assert.equal(before.exitCode, 1);
    assert.match(before.stdout, /✗ Environment .*\n.*\n +In one step: Create .*env/);
    const repaired = await rpo(['repair'], options);
    assert.equal(repaired.exitCode, 0, repaired.stdout + repaired.stderr);
    assert.match(repaired.stdout, /✓ Deploy src\/train\.py/);
    const after = await rpo(['verify', '--json'], options);
    assert.equal(after.exitCode, 0, after.stdout);
    const refused = await rpo(['repair', 'gpu'], options);
    assert.equal(refused.exitCode, 2);
  });

  describe('processes on the GPU', () => {
    let options: RpoOptions;
    const onGpu = (processes: string) =>
      writeFile(fakeFile(), fakeNvidiaSmi(['NVIDIA A40, 46068 MiB, 535.104.05'], processes), { mode: 0o755 });
    /** Starts something that runs on, and puts it on the GPU. */
    const start = async (command: string, program: string) => {
      const { stdout } = await t.pod.exec(`setsid sh -c ${quote(command)} </dev/null >/dev/null 2>&1 & echo $!`);
      await onGpu(`echo '${stdout.trim()}, ${program}, 40110 MiB'`);
      return stdout.trim();
    };
    const isAlive = async (pid: string) => (await t.pod.exec(`kill -0 ${pid} && ! grep -q '^State:.Z' /proc/${pid}/status`)).exitCode === 0;

    beforeEach(async () => {
      await writeFile(join(project, 'runpod.json'), '{}');
      options = { cwd: project, home: join(t.tmp, 'home') };
      const { host, port, user, identityFile, workspace } = t.practice;
      await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
    });

    it('are told, and one that is of no run is ended, gently where that is enough', async () => {
      const pid = await start('exec sleep 600', '/usr/bin/sleep');
      const shown = await rpo(['gpu'], options);
      assert.match(shown.stdout, new RegExp(`GPU 0 NVIDIA A40: 97 % used.*\n +${pid} +/usr/bin/sleep, 40110 MiB\n`));
      const unasked = await rpo(['gpu', 'kill', pid], options);
      assert.equal(unasked.exitCode, 2);
      assert.match(unasked.stderr, /End process .* \(\/usr\/bin\/sleep, 40110 MiB\) on p\?.*--yes/s);
      assert.ok(await isAlive(pid));
      const ended = await rpo(['gpu', 'kill', pid, '--yes'], options);
      assert.match(ended.stdout, /ended by SIGTERM/, ended.stderr);
      assert.equal(await isAlive(pid), false);
    });

    it('that will not end are killed', async () => {
      const pid = await start("trap '' TERM; while :; do sleep 0.2; done", 'sh');
      const ended = await rpo(['gpu', 'kill', pid, '--yes', '--wait', '1'], options);
      assert.match(ended.stdout, /ended by SIGKILL/, ended.stderr);
      assert.equal(await isAlive(pid), false);
    });

    it('of a run, of another container, and those that are not on the GPU are left alone', async () => {
      const pid = await start('exec sleep 600', '/opt/conda/bin/python');
      assert.match((await rpo(['gpu'], options)).stdout, /not of this container/);
      const foreign = await rpo(['gpu', 'kill', pid, '--yes'], options);
      assert.match(foreign.stderr, /is none of this container/);
      assert.match((await rpo(['gpu', 'kill', '2', '--yes'], options)).stderr, /reports no process 2 .*It reports \d+ \(/s);
      assert.ok(await isAlive(pid));
      const { lines } = await rpo(['train', '--command', 'exec sleep 600', '--detach', '--json'], options);
      const run = String(lines.at(-1)?.['run']);
      await onGpu(`for p in $(pgrep -x sleep); do echo "$p, sleep, 1 MiB"; done`);
      const own = /(\d+) {2}sleep, 1 MiB, run /.exec((await rpo(['gpu'], options)).stdout)?.[1] ?? '';
      const refused = await rpo(['gpu', 'kill', own, '--yes'], options);
      assert.match(refused.stderr, new RegExp(`belongs to the run ${run}`));
      await t.pod.exec(`kill ${pid}`);
      await rpo(['stop', run, '--interrupt-seconds', '0'], options);
    });

    it('cannot be told where nvidia-smi fails: its words and its exit code are', async () => {
      await writeFile(fakeFile(), "#!/bin/sh\necho 'Failed to initialize NVML: Driver/library version mismatch'\nexit 18\n", {
        mode: 0o755,
      });
      const { stdout, exitCode } = await rpo(['gpu'], options);
      assert.match(stdout, /p: nvidia-smi failed with exit code 18: Failed to initialize NVML.*The driver of the machine is broken/);
      assert.equal(exitCode, 1);
    });
  });
});
