import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

/** In a process of its own, because nothing but the command keeps that one alive: inside mocha everything waits. */
describe('a pod that is out of reach for some seconds', function () {
  this.timeout(90_000);
  const t = usePod();
  let options: RpoOptions;

  beforeEach(async () => {
    const project = join(t.tmp, 'project');
    await mkdir(project);
    await writeFile(join(project, 'runpod.json'), '{}');
    options = { cwd: project, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    const added = await rpo(
      ['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace],
      options,
    );
    assert.equal(added.exitCode, 0, added.stderr);
  });

  /** Down when the command has shown a word, up again after a while. */
  function outage(word: string): { readonly onStdout: RpoOptions['onStdout']; readonly over: () => Promise<void> } {
    let done: Promise<void> | undefined;
    const run = async () => {
      await t.practice.goDown();
      await delay(3_000);
      await t.practice.restart();
    };
    return {
      onStdout: (all) => {
        if (all.includes(word)) done ??= run();
      },
      over: async () => assert.ok(await done?.then(() => true), 'the pod was really down'),
    };
  }

  it('is waited for by who follows a run, which loses no line and ends with the run', async () => {
    const down = outage('line 2\n');
    const program = 'python3 -c "import time\nfor i in range(40):\n    print(\'line\', i, flush=True); time.sleep(0.15)"; exit 3';
    const { exitCode, stdout, stderr } = await rpo(['train', '--command', program], { ...options, onStdout: down.onStdout });
    await down.over();
    assert.equal(exitCode, 3, stderr);
    assert.deepEqual(
      [...stdout.matchAll(/^line (\d+)$/gm)].map((match) => Number(match[1])),
      Array.from({ length: 40 }, (_, i) => i),
    );
  });

  it('ends a command that was under way with a sentence and no success', async () => {
    const down = outage('up');
    const { exitCode, stderr } = await rpo(['exec', 'echo up; sleep 60'], { ...options, onStdout: down.onStdout });
    await down.over();
    assert.equal(exitCode, 1);
    assert.match(stderr, /error: The connection to p was lost/);
  });
});
