import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import { quote } from '../../src/core/shell.ts';
import type { ExecOptions, Pod } from '../../src/pod/pod.ts';
import { newRunId, type RunManifest, statusWord } from '../../src/runs/run.ts';
import { Runs } from '../../src/runs/runs.ts';
import { describeBothWays, usePod } from './support/pod.ts';

describeBothWays('runs on a real sshd', function (podOptions) {
  this.timeout(60_000);
  const t = usePod({}, podOptions);
  const project = "moola's run";

  function runs(pod = t.pod): Runs {
    return new Runs(pod, join(t.practice.workspace, project));
  }
  function manifest(command: string): RunManifest {
    const now = new Date();
    return {
      id: newRunId('m', now, Math.random),
      model: 'm',
      command,
      cwd: '/',
      variables: [],
      seed: 1,
      device: 'cpu',
      startedAt: now.toISOString(),
      startedBy: 'test',
      sources: {},
    };
  }
  /** A program that prints numbered lines until `count`, with a pause every so often. */
  const counting = (count: number, pauseSeconds: number) =>
    `python -c "\nimport time\nfor i in range(${count}):\n    print('line', i, flush=True)\n    if i % 50 == 49: time.sleep(${pauseSeconds})"`;
  const expected = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}\n`).join('');

  it('give both streams in order, the exit code, and the set-up before the command', async () => {
    const { manifest: started } = await runs().start(manifest('echo $WHO; echo problem >&2; exit 3'), 'export WHO="it\'s me"');
    let text = '';
    const { run, offset } = await runs().follow(started.id, { onBytes: (chunk) => (text += chunk.toString()) });
    assert.equal(text, "it's me\nproblem\n");
    assert.equal(offset, text.length);
    assert.deepEqual(run.status, { kind: 'exited', exitCode: 3, stopped: false });
  });

  it('are followed from any byte', async () => {
    const { manifest: started } = await runs().start(manifest(counting(10, 0)), '');
    await runs().follow(started.id, { onBytes: () => undefined });
    for (const from of [0, 1, 35, 69, 70]) {
      let text = '';
      await runs().follow(started.id, { from, onBytes: (chunk) => (text += chunk.toString()) });
      assert.equal(text, expected(10).slice(from));
    }
  });

  it('go on when the connection dies, and following loses no line and doubles none', async () => {
    const { manifest: started } = await runs().start(manifest(counting(600, 0.25)), '');
    let text = '';
    let interruptions = 0;
    let killed = 0;
    const { run } = await runs().follow(started.id, {
      onBytes: (chunk) => {
        text += chunk.toString();
        if (killed < 3 && text.length > 1_000 * (killed + 1)) {
          killed++;
          void t.practice.killConnections();
        }
      },
      onInterrupted: () => interruptions++,
    });
    assert.equal(text, expected(600));
    assert.equal(killed, 3);
    assert.ok(interruptions > 0, 'the connection was really lost');
    assert.equal(statusWord(run.status), 'succeeded');
  });

  it('go on when whoever started them is gone, and any other client sees them', async () => {
    const first = t.connect();
    const { manifest: started } = await runs(first).start(manifest(counting(100, 0.2)), '');
    first.dispose();
    let text = '';
    const { run } = await runs().follow(started.id, { onBytes: (chunk) => (text += chunk.toString()) });
    assert.equal(text, expected(100));
    assert.equal(statusWord(run.status), 'succeeded');
    assert.ok((await runs().list()).some(({ manifest: { id } }) => id === started.id));
  });

  it('are stopped gently: Python gets its KeyboardInterrupt and may save, and nothing after it runs', async () => {
    const program = `import time\nprint('up', flush=True)\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('saved', flush=True)\n    raise SystemExit(7)\n`;
    const { manifest: started } = await runs().start(manifest(`python -c "${program}"; echo after`), '');
    let text = '';
    const followed = runs().follow(started.id, { onBytes: (chunk) => (text += chunk.toString()) });
    while (!text.includes('up')) await new Promise((resolve) => setTimeout(resolve, 20));
    const stopped = await runs().stop(started.id);
    assert.equal(stopped.lastSignal, 'INT');
    assert.deepEqual(stopped.run.status, { kind: 'exited', exitCode: 7, stopped: true });
    await followed;
    assert.equal(text, 'up\nsaved\n');
  });

  it('are killed with all their children when they do not listen', async () => {
    const deaf = `trap '' INT TERM; python -c "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; print('up', flush=True); time.sleep(60)"`;
    const { manifest: started, status } = await runs().start(manifest(deaf), '');
    const group = status.kind === 'running' ? status.pid : 0;
    // Zombies do not count: nobody may be there to reap them.
    const members = async () => (await t.pod.exec(`ps -e -o pgid=,stat= | awk '$1 == ${group} && $2 !~ /^Z/' | wc -l`)).stdout.trim();
    while (!(await runs().read(started.id, 0, 100)).includes('up')) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.notEqual(await members(), '0');
    const { lastSignal, run } = await runs().stop(started.id, { interruptSeconds: 0.4, terminateSeconds: 0.4 });
    assert.equal(lastSignal, 'KILL');
    assert.equal(statusWord(run.status), 'stopped');
    assert.equal(await members(), '0');
  });

  it('that were killed from outside have vanished, with their log still there', async () => {
    const started = await runs().start(manifest('echo up; sleep 60'), '');
    assert.equal(started.status.kind, 'running');
    const pid = started.status.kind === 'running' ? started.status.pid : 0;
    while (!(await runs().read(started.manifest.id, 0, 100)).includes('up')) await new Promise((resolve) => setTimeout(resolve, 50));
    await t.pod.exec(`kill -KILL -${pid}`);
    let text = '';
    const { run } = await runs().follow(started.manifest.id, { onBytes: (chunk) => (text += chunk.toString()) });
    assert.deepEqual([run.status.kind, text], ['vanished', 'up\n']);
  });

  it('are left running by whoever stops to watch', async () => {
    const { manifest: started } = await runs().start(manifest('sleep 60'), '');
    const controller = new AbortController();
    const followed = runs().follow(started.id, { signal: controller.signal, onBytes: () => undefined });
    setTimeout(() => controller.abort(), 300);
    await assert.rejects(followed, (error) => isUserError(error, 'cancelled'));
    assert.equal((await runs().get(started.id)).status.kind, 'running');
    await runs().stop(started.id);
  });

  it('answer an unknown id, and one that is a path, with a sentence', async () => {
    for (const id of ['20260101-000000-m-0000', '../../etc'])
      await assert.rejects(runs().get(id), (error) => isUserError(error, 'run-unknown'));
  });

  it('that cannot be started say why, and leave nothing behind', async () => {
    await writeFile(join(t.practice.workspace, 'file'), '');
    await assert.rejects(
      new Runs(t.pod, join(t.practice.workspace, 'file', 'below')).start(manifest('true'), ''),
      (error) => isUserError(error) && /Starting a run in .* failed/.test(error.message),
    );
    // A shell that may write no byte to a file stands for a full disk: both fail in the middle of the start.
    const full = {
      exec: (command: string, options?: ExecOptions) => t.pod.exec(`ulimit -f 0; trap '' XFSZ\n${command}`, options),
    };
    await assert.rejects(new Runs(full as Pod, join(t.practice.workspace, project)).start(manifest('true'), ''), (error) =>
      isUserError(error),
    );
    const { stdout } = await t.pod.exec(
      `cd ${quote(join(t.practice.workspace, project))}/.runpod/runs && for d in *; do [ -s "$d/pid" ] || echo "$d"; done`,
    );
    assert.equal(stdout, '');
  });
});
