import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Orchestrator } from '../../src/orchestrator.ts';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions } from './support/rpo.ts';

describe('a terminal on the pod', () => {
  const t = usePod();
  let project: string;
  let options: RpoOptions;

  beforeEach(async () => {
    project = join(t.tmp, 'shelled');
    options = { cwd: project, home: join(t.tmp, 'home') };
    await mkdir(project);
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ environment: { activate: 'on.sh', variables: { COLOUR: 'green' } } }));
    await writeFile(join(project, 'on.sh'), 'export ACTIVE=yes\n');
    const { host, port, user, identityFile, workspace } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace], options);
  });

  it("is in the project's folder and environment, has a size that changes, and ends with its own exit code", async () => {
    await rpo(['deploy', 'on.sh', '--force'], options);
    const pod = await Orchestrator.open({ projectRoot: project, pod: 'p', home: options.home });
    let output = '';
    const shell = await pod.environment.openShell({ columns: 91, rows: 33, onOutput: (chunk) => (output += chunk.toString()) });
    const says = async (what: RegExp) => {
      for (const until = Date.now() + 20_000; !what.test(output); await new Promise((resolve) => setTimeout(resolve, 20)))
        assert.ok(Date.now() < until, `${String(what)} was not seen in: ${output}`);
    };
    // The terminal shows what is typed, so what is looked for is only in the answer.
    shell.write('echo "<$ACTIVE-$COLOUR>"; pwd; stty size\r');
    await says(/<yes-green>\r\n.*\/shelled\r\n33 91/);
    shell.resize(120, 40);
    shell.write('stty size\r');
    await says(/40 120/);
    shell.write('exit 7\r');
    assert.equal(await shell.ended, 7);
    const other = await pod.environment.openShell({ columns: 80, rows: 24, onOutput: () => {} });
    other.close();
    // With what exit code a shell that is hung up on ends is its own business.
    await other.ended;
    await pod.close();
  });

  it('opens where the environment is not there yet, and says so', async () => {
    await t.pod.exec(`rm -rf ${t.practice.workspace}/shelled`);
    const shell = `exec python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$@"`;
    const shown = await rpo(['ssh'], { ...options, shell, stdin: 'echo "<$((40+2))>"; exit 3\n' });
    assert.match(shown.stdout, /The activate script .*on\.sh is not on the pod/);
    assert.match(shown.stdout, /<42>/);
    assert.equal(shown.exitCode, 3);
  });

  it('wants a terminal on this side too', async () => {
    assert.match((await rpo(['ssh'], options)).stderr, /A shell wants a terminal.*rpo exec/);
  });
});
