import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { usePod } from './support/pod.ts';
import { rpo, type RpoOptions, type RpoResult } from './support/rpo.ts';

const trainScript = `import sys, time
from shape import size
print("epoch 1 loss 0.5", flush=True)
if len(sys.argv) > 1 and sys.argv[1] == "slow":
    time.sleep(60)
print("epoch 2 loss 0.25 \\033]0;title\\007", flush=True)
rows = [1, 2, 3]
assert size(rows) == 3, f"expected 3 rows, got {size(rows)}"
`;

/** A project that trains in a blink. */
async function makeProject(folder: string): Promise<void> {
  await mkdir(join(folder, 'src'), { recursive: true });
  await writeFile(join(folder, 'src/train.py'), trainScript);
  await writeFile(join(folder, 'src/shape.py'), 'def size(rows):\n    return len(rows) + 1\n');
  await writeFile(
    join(folder, 'runpod.json'),
    JSON.stringify({
      train: { command: 'python3 src/train.py {model}', models: { tiny: {}, slow: {} } },
      presets: { all: ['src/**/*.py'] },
      results: ['out/{model}.txt'],
    }),
  );
}

describe('rpo against a pod', () => {
  const t = usePod();
  let project: string;
  let options: RpoOptions;

  const run = (...args: string[]): Promise<RpoResult> => rpo(args, options);
  /** It worked, and stderr shows no fault of ours. */
  const works = async (...args: string[]): Promise<RpoResult> => {
    const result = await run(...args);
    assert.equal(result.exitCode, 0, `rpo ${args.join(' ')}\n${result.stdout}\n${result.stderr}`);
    return result;
  };

  beforeEach(async () => {
    project = join(t.tmp, 'my project');
    await makeProject(project);
    options = { cwd: project, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile, workspace } = t.practice;
    await works('pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p', '--workspace', workspace);
  });

  it('goes once around the loop', async () => {
    assert.match((await works('deploy', '--changed')).stdout, /3 files, .* deployed to p in \d+ ms/);

    const failed = await run('train', 'tiny', '--json', '--device', 'cpu');
    assert.equal(failed.exitCode, 2, 'no place for the device in the command');
    const first = await run('train', 'tiny');
    assert.equal(first.exitCode, 1);
    assert.match(first.stdout, /epoch 2 loss 0\.25 \n/, 'control sequences are gone');
    assert.match(first.stdout, /error python-exception: AssertionError: expected 3 rows, got 4/);
    assert.match(first.stdout, /at src\/train\.py:8\n.*> 8 \| assert size/s);

    await writeFile(join(project, 'src/shape.py'), 'def size(rows):\n    return len(rows)\n');
    assert.match((await works('deploy', '--changed')).stdout, /1 file, .* deployed to p/);
    assert.match((await works('train', 'tiny')).stdout, /succeeded with exit code 0/);

    const runs = (await works('runs', '--json')).lines.at(-1) as { runs: { id: string; status: string }[] };
    assert.deepEqual(
      runs.runs.map(({ status }) => status),
      ['succeeded', 'failed'],
    );
    const id = runs.runs[1]?.id ?? '';
    const followed = await run('follow', id, '--json');
    assert.equal(followed.exitCode, 1);
    const finding = followed.lines.find((line) => line['kind'] === 'finding') as Record<string, unknown>;
    assert.equal((finding['place'] as { file: string }).file, join(project, 'src/train.py'));
    assert.equal((finding['frame'] as { line: number }).line, 8);
    assert.ok(followed.lines.some((line) => line['kind'] === 'metrics' && (line['metrics'] as Record<string, number>)['loss'] === 0.25));
    const offered = /^\[1\] Deploy .*$/m;
    assert.match(first.stdout, offered);
    assert.equal(offered.exec((await works('fix', id)).stdout)?.[0], offered.exec(first.stdout)?.[0], 'one numbering');

    await works('exec', 'mkdir -p out && echo 42 > out/tiny.txt');
    assert.match((await works('results', 'tiny')).stdout, /out\/tiny\.txt/);
    assert.equal(await readFile(join(project, 'results/out/tiny.txt'), 'utf8'), '42\n');
    await works('logs');
  });

  it('changes a setting once for a run, also when it does not know what the run was started with', async () => {
    const file = join(project, 'src/nan.py');
    await writeFile(file, 'learning_rate = 0.1\nprint("epoch 1 loss nan")\nraise SystemExit(1)\n');
    // Not deployed: the run's record of its sources does not have it.
    await works('upload', 'src/nan.py');
    const failed = await run('train', '--command', 'python3 src/nan.py');
    assert.match(failed.stdout, /^\[1\] Change learning_rate from 0\.1 to 0\.0\d+ in src\/nan\.py, line 1$/m);
    assert.match((await works('fix', '1')).stdout, /Now `rpo deploy src\/nan\.py`, then start it again\./);
    const once = await readFile(file, 'utf8');
    assert.match((await works('fix')).stdout, /^\[1\] Done: learning_rate in src\/nan\.py was changed from 0\.1 to /m);
    const again = await run('fix', '1');
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /learning_rate in src\/nan\.py was changed from 0\.1 to .* because of run .* already/);
    assert.equal(await readFile(file, 'utf8'), once);
    await writeFile(file, once.replace(/0\.0\d+/, '0.1'));
    await works('fix', '1');
    assert.equal(await readFile(file, 'utf8'), once, 'taken back by hand, it may be done again');
  });

  it('gives the exit code and both streams of a command', async () => {
    await works('deploy', '--preset', 'all');
    const result = await run('exec', 'echo out; echo err >&2; exit 7');
    assert.deepEqual([result.exitCode, result.stdout, result.stderr], [7, 'out\n', 'err\n']);
    const json = (await run('exec', '--json', 'printf "\\033[2Jx"; exit 3')).lines.at(-1);
    assert.equal(json?.['exitCode'], 3);
    assert.equal(json?.['stdout'], '\u001b[2Jx');
    assert.equal((await works('exec', 'pwd')).stdout.trim(), join(t.practice.workspace, 'my project'));
    const late = await run('exec', '--timeout', '0.5', 'sleep 30');
    assert.equal(late.exitCode, 1);
    assert.match(late.stderr, /^error: The command had not ended after 500 milliseconds and was ended on the pod\./);
  });

  it('puts an uploaded file into a folder, as cp does, and a downloaded one', async () => {
    await writeFile(join(t.tmp, 'data.csv'), 'a,b\n');
    await works('upload', '../data.csv', 'new folder/');
    await works('upload', '../data.csv', 'plain');
    await works('exec', 'mkdir there');
    await works('upload', '../data.csv', 'there');
    assert.equal(
      (await works('exec', 'find . -name data.csv -o -name plain | sort')).stdout,
      './new folder/data.csv\n./plain\n./there/data.csv\n',
    );
    await works('download', 'plain', 'back/');
    assert.equal(await readFile(join(project, 'back/plain'), 'utf8'), 'a,b\n');
  });

  it('stops watching on Ctrl+C, and the run goes on until it is stopped', async () => {
    await works('deploy', '--preset', 'all');
    let asked = false;
    const result = await rpo(['train', 'slow'], {
      ...options,
      onStdout: (all, kill) => {
        if (asked || !all.includes('epoch 1')) return;
        asked = true;
        kill('SIGINT');
      },
    });
    assert.equal(result.exitCode, 130);
    assert.match(result.stdout, /keeps going: `rpo follow \S+` shows it again/);
    assert.match((await works('runs')).stdout, /running/);
    assert.match((await works('stop')).stdout, /was stopped with SIGINT/);
    const detached = (await works('train', 'slow', '--detach', '--json')).lines.at(-1);
    assert.equal(detached?.['watching'], 'detached');
    await works('stop', String(detached?.['run']), '--interrupt-seconds', '5');
  });

  it('ends quietly when nobody reads any more', async () => {
    await works('deploy', '--preset', 'all');
    await writeFile(join(project, 'long.log'), 'epoch 1 loss 0.5\n'.repeat(200_000));
    for (const args of [
      ['exec', 'seq 1 100000; sleep 60'],
      ['train', '--command', 'seq 1 100000; sleep 60'],
      ['monitor', 'long.log', '--json'],
    ]) {
      const { stdout, stderr } = await rpo(args, { ...options, shell: '{ "$@"; echo "exit code $?" >&2; } | head -n 1' });
      assert.equal(stdout.split('\n').length, 2, args.join(' '));
      assert.equal(stderr.replace(/^Run .*\n/, ''), 'exit code 0\n', args.join(' '));
    }
    await works('stop');
  });

  it('says that its output cannot be written', async () => {
    const full = await rpo(['pods'], { ...options, shell: '"$@" > /dev/full' });
    assert.deepEqual([full.stderr, full.exitCode], ['error: The output cannot be written (ENOSPC).\n', 1]);
  });

  it('stops as cleanly when it is terminated, and tells the shell by which signal', async () => {
    const terminated = async (signal: NodeJS.Signals) => {
      let asked = false;
      const started = 'sleep 60 & echo $! > sleeper; echo begun; wait';
      return rpo(['exec', started], {
        ...options,
        onStdout: (all, kill) => {
          if (asked || !all.includes('begun')) return;
          asked = true;
          kill(signal);
        },
      });
    };
    await works('deploy', '--preset', 'all');
    for (const [signal, exitCode] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const) {
      assert.equal((await terminated(signal)).exitCode, exitCode, signal);
      // A zombie is gone, too: nobody may have reaped it.
      const look = "grep -q '^State:.[^Z]' /proc/$(cat sleeper)/status 2>/dev/null && echo alive || echo gone";
      assert.equal((await works('exec', look)).stdout, 'gone\n', signal);
    }
  });

  it('keeps pods: list, select, remove', async () => {
    assert.match((await works('pods')).stdout, /^\* {2}p {2}/m);
    await works('pods', 'add', 'ssh', 'root@1.2.3.4', '-p', '99', '--name', 'other');
    await works('pods', 'select', 'other');
    assert.match((await works('pods')).stdout, /^\* {2}other {2}root@1\.2\.3\.4:99/m);
    await works('pods', 'remove', 'other');
    const { lines } = await works('pods', '--json');
    assert.deepEqual(
      (lines.at(-1) as { pods: { name: string }[] }).pods.map(({ name }) => name),
      ['p'],
    );
  });

  it('trusts a changed host key only when told to', async () => {
    await works('deploy', '--preset', 'all');
    await t.practice.restart({ newHostKey: true });
    const refused = await run('exec', 'true', '--json');
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /^error: The host key of .*SHA256:.*SHA256:.*rpo pods trust p/);
    assert.match((await works('pods', 'trust', 'p')).stdout, /SHA256:/);
    await works('exec', 'true');
  });

  describe('bad input: a sentence, an exit code, no stack', () => {
    /** @returns the error's sentence */
    async function refuses(args: readonly string[], reason: string, changed: Partial<RpoOptions> = {}): Promise<string> {
      const result = await rpo([...args, '--json'], { ...options, ...changed });
      const error = result.lines.at(-1);
      assert.equal(error?.['kind'], 'error', result.stdout + result.stderr);
      assert.equal(error?.['reason'], reason, result.stderr);
      assert.notEqual(result.exitCode, 0);
      assert.doesNotMatch(result.stderr, /\n\s+at |fault of rpo/);
      assert.equal(result.stderr, `error: ${String(error?.['message'])}\n`);
      return result.stderr;
    }

    const add = async (line: string) =>
      works('pods', 'add', line, '--name', 'bad', '--select', '--replace', '--workspace', t.practice.workspace);
    const address = () => `ssh ${t.practice.user}@${t.practice.host} -p ${t.practice.port}`;

    it('nothing configured', async () => {
      assert.match(await refuses(['verify'], 'not-configured', { home: join(t.tmp, 'empty') }), /rpo pods add/);
    });

    it('an unknown pod', async () => {
      assert.match(await refuses(['--pod', 'q', 'verify'], 'bad-argument'), /"q"/);
    });

    it('a broken runpod.json', async () => {
      await writeFile(join(project, 'runpod.json'), '{ "train": { "seed": "x" } }');
      assert.match(await refuses(['runs'], 'bad-config'), /runpod\.json:1:\d+/);
    });

    it('an unreachable host, a wrong port, something that is not sshd', async () => {
      const key = `-i ${t.practice.identityFile}`;
      await add(`ssh root@127.0.0.1 -p 1 ${key}`);
      await refuses(['runs'], 'unreachable');
      await add(`ssh root@nowhere.invalid -p 22 ${key}`);
      await refuses(['runs'], 'unreachable');
      const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        await add(`ssh root@127.0.0.1 -p ${(server.address() as { port: number }).port} ${key}`);
        await refuses(['runs'], 'unreachable');
      } finally {
        server.close();
      }
    });

    it('a key that is missing, readable by others, or refused', async () => {
      await add(`${address()} -i ${join(t.tmp, 'none')}`);
      assert.match(await refuses(['runs'], 'key-missing'), /none/);
      const key = join(t.tmp, 'key');
      await copyFile(t.practice.identityFile, key);
      await chmod(key, 0o644);
      await add(`${address()} -i ${key}`);
      assert.match(await refuses(['runs'], 'key-permissions'), /chmod 600/);
      await t.practice.restart({ acceptKeys: false });
      try {
        await chmod(key, 0o600);
        await refuses(['runs'], 'auth-failed');
      } finally {
        await t.practice.restart({ acceptKeys: true });
      }
    });

    it('the interactive-only proxy', async () => {
      assert.match(await refuses(['pods', 'add', 'ssh abc-1@ssh.runpod.io -i ~/.ssh/id'], 'interactive-only'), /exposed TCP ports/);
    });

    it('local files that are missing or outside the project', async () => {
      assert.match(await refuses(['deploy', 'src/none.py'], 'local-missing'), /src\/none\.py/);
      await writeFile(join(t.tmp, 'outside.py'), '');
      assert.match(await refuses(['deploy', '../outside.py'], 'outside-project'), /rpo upload/);
      assert.match(await refuses(['deploy'], 'bad-argument'), /--preset/);
      assert.match(await refuses(['deploy', '--preset', 'nope'], 'bad-argument'), /nope/);
      assert.match(await refuses(['monitor', 'none.log'], 'local-missing'), /none\.log/);
    });

    it('a file that changed on the pod meanwhile', async () => {
      await works('deploy', 'src/shape.py');
      await works('exec', 'echo "# theirs" >> src/shape.py');
      await writeFile(join(project, 'src/shape.py'), '# mine\n');
      assert.match(await refuses(['deploy', 'src/shape.py'], 'remote-changed'), /--force/);
      await works('deploy', 'src/shape.py', '--force');
    });

    it('runs, models and fixes that are not there', async () => {
      await works('deploy', '--preset', 'all');
      await refuses(['follow', '20260101-000000-x-0000'], 'run-unknown');
      await refuses(['follow', '../../etc'], 'run-unknown');
      assert.match(await refuses(['train', 'tinny'], 'bad-argument'), /tiny/);
      assert.match(await refuses(['results', 'tinny'], 'bad-argument'), /tiny/);
    });

    it('a command line that makes no sense', async () => {
      const usage = await rpo(['--json', 'trian'], options);
      assert.equal(usage.exitCode, 2);
      assert.match(usage.stderr, /^error: .*train/);
      assert.equal(usage.lines[0]?.['kind'], 'error');
    });
  });
});
