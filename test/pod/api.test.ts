import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { usePod } from './support/pod.ts';

const api = join(import.meta.dirname, '../../dist/api.js');

/** Runs a script of a user of the library; it must end by itself. */
function runScript(
  file: string,
  options: object,
): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string; readonly milliseconds: number }> {
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const child = spawn(process.execPath, [file, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr, milliseconds: Date.now() - startedAt }));
  });
}

const loop = `
const options = JSON.parse(process.argv[2]);
const pod = await Orchestrator.connect(options);
const out = {};
let streamed = '';
out.exec = await pod.executeCommand('echo hello; echo oops >&2; exit 3', { onStdout: (text) => (streamed += text) });
out.streamed = streamed;
out.deployed = (await pod.deployFixes(['src/train.py'])).files.map((file) => file.path);
out.uploaded = (await pod.uploadFile('notes.txt', 'notes/there.txt')).bytes;
const run = await pod.runTraining({});
out.training = { exitCode: run.exitCode, errors: run.errors.map((error) => ({ type: error.type, line: error.frame?.line })), metrics: run.metrics.map((line) => line.metrics) };
out.again = (await pod.monitorTraining(run.run.manifest.id)).exitCode;
out.downloaded = (await pod.downloadFile('notes/there.txt', 'back.txt')).bytes;
out.results = (await pod.downloadDirectory('src', 'copy')).files.map((file) => file.path);
out.verified = typeof (await pod.verifyEnvironment()).ok;
try { await pod.downloadFile('none', 'none'); } catch (error) { out.error = [error instanceof UserError, error.reason]; }
await pod.close();
const monitor = new TrainingMonitor();
monitor.processLine('RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB');
out.monitor = [monitor.hasErrors(), monitor.getErrors('error').map((error) => error.type)];
console.log(JSON.stringify(out));
`;

describe('the headless library, dist/api.js', () => {
  const t = usePod();

  beforeEach(async () => {
    await mkdir(join(t.tmp, 'project/src'), { recursive: true });
    await writeFile(join(t.tmp, 'project/runpod.json'), JSON.stringify({ train: { command: 'python3 src/train.py' } }));
    await writeFile(join(t.tmp, 'project/src/train.py'), 'print("epoch 1 loss 0.5")\nimport no_such_module\n');
    await writeFile(join(t.tmp, 'project/notes.txt'), 'twelve bytes');
  });

  const options = () => ({
    host: t.practice.host,
    port: t.practice.port,
    user: t.practice.user,
    identityFile: t.practice.identityFile,
    remoteRoot: join(t.practice.workspace, 'by api'),
    projectRoot: join(t.tmp, 'project'),
    home: join(t.tmp, 'home'),
    hostKeys: 'accept-new',
  });

  for (const [name, file, head] of [
    [
      'imported as an ES module',
      'use.mjs',
      `import { Orchestrator, TrainingMonitor, UserError } from ${JSON.stringify(pathToFileURL(api).href)};${loop}`,
    ],
    [
      'required',
      'use.cjs',
      `const { Orchestrator, TrainingMonitor, UserError } = require(${JSON.stringify(api)});(async () => {${loop}})();`,
    ],
  ] as const) {
    it(`goes around the loop, ${name}, and lets the process end`, async () => {
      const script = join(t.tmp, file);
      await writeFile(script, head);
      const { exitCode, stdout, stderr } = await runScript(script, options());
      assert.equal(stderr, '');
      assert.equal(exitCode, 0);
      assert.deepEqual(JSON.parse(stdout), {
        exec: { exitCode: 3, stdout: 'hello\n', stderr: 'oops\n' },
        streamed: 'hello\n',
        deployed: ['src/train.py'],
        uploaded: 12,
        training: { exitCode: 1, errors: [{ type: 'import-error', line: 2 }], metrics: [{ loss: 0.5 }] },
        again: 1,
        downloaded: 12,
        results: ['train.py'],
        verified: 'boolean',
        error: [true, 'remote-missing'],
        monitor: [true, ['cuda-oom']],
      });
    });
  }

  it('rejects with a UserError when the machine cannot be reached, and lets the process end', async () => {
    const script = join(t.tmp, 'fails.mjs');
    await writeFile(
      script,
      `import { Orchestrator } from ${JSON.stringify(pathToFileURL(api).href)};
try { await Orchestrator.connect(JSON.parse(process.argv[2])); } catch (error) { console.log(error.name, error.reason); }`,
    );
    const { exitCode, stdout, milliseconds } = await runScript(script, { ...options(), port: 1 });
    assert.equal(stdout, 'UserError unreachable\n');
    assert.equal(exitCode, 0);
    assert.ok(milliseconds < 10_000);
  });
});
