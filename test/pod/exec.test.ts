import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserError } from '../../src/core/errors.ts';
import { isAlive } from '../../src/practice/processes.ts';
import { usePod, withPod } from './support/pod.ts';

/** Waits for something that has to come true soon; only a broken test waits long. */
async function until(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let waitedMs = 0; !(await check()); waitedMs += 20) {
    if (waitedMs > 10_000) assert.fail(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const [title, practiceOptions, podOptions] of [
  ['an ordinary sshd', {}, {}],
  ['no warm sessions', {}, { warmSessions: 0 }],
  ['one session a connection', { maxSessions: 1 }, {}],
] as const) {
  describe(`exec, ${title}`, function () {
    this.timeout(30_000);
    const t = usePod(practiceOptions, podOptions);

    it('gives exit code, stdout and stderr apart', async () => {
      assert.deepEqual(await t.pod.exec('echo out; echo err >&2; exit 3'), { exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
    });

    it('reports a signal as a shell does', async () => {
      assert.equal((await t.pod.exec('kill -9 $$')).exitCode, 137);
    });

    it('runs several lines, whatever they hold, with an empty stdin', async () => {
      const { stdout } = await t.pod.exec(`cat; x='a\nb'\nprintf '%s|' "$x" "it's" '\\n' "$(printf 'ü%s' '"')"\n# comment\n`);
      assert.equal(stdout, `a\nb|it's|\\n|ü"|`);
    });

    it('runs a script longer than a line may be', async () => {
      const { stdout } = await t.pod.exec(`x='${'y'.repeat(300_000)}'; printf %s "\${#x}"; cat`, { stdin: '+stdin' });
      assert.equal(stdout, '300000+stdin');
    });

    it('has all output when it says the command has ended, though exit came first', async () => {
      // The shell ends at once; what it started goes on writing.
      const { stdout } = await t.pod.exec(`(sleep 0.3; echo late) & echo early`);
      assert.equal(stdout, 'early\nlate\n');
    });

    it('decodes characters that were cut between two chunks', async () => {
      const { stdout } = await t.pod.exec(`printf '\\303'; sleep 0.1; printf '\\274\\360\\237'; sleep 0.1; printf '\\232\\200'`);
      assert.equal(stdout, 'ü🚀');
    });

    it('streams in order, and keeps nothing when told so', async () => {
      const lines: string[] = [];
      const { stdout } = await t.pod.exec('for i in 1 2 3; do echo $i; sleep 0.05; done', {
        onStdout: (chunk) => lines.push(String(chunk)),
        discardOutput: true,
      });
      assert.deepEqual([lines.join(''), stdout], ['1\n2\n3\n', '']);
    });

    it('sends stdin from a source that comes piece by piece, no faster than it is taken', async () => {
      let sent = 0;
      async function* source() {
        for (let index = 0; index < 40; index++) {
          sent += 1 << 20;
          yield Buffer.alloc(1 << 20, 97);
        }
      }
      let sentWhenAsked = 0;
      const { stdout } = await t.pod.exec('sleep 0.5; echo; wc -c', { stdin: source(), onStdout: () => (sentWhenAsked ||= sent) });
      assert.equal(stdout.trim(), String(40 << 20));
      assert.ok(sentWhenAsked < 20 << 20, `${sentWhenAsked} bytes were read ahead`);
    });

    it('does not wait for a stdin nobody reads', async () => {
      assert.equal((await t.pod.exec('exit 5', { stdin: Buffer.alloc(8 << 20) })).exitCode, 5);
    });

    it('ends a command whose stdin cannot be had', async () => {
      async function* source(): AsyncGenerator<Buffer> {
        throw new Error('no such thing');
      }
      await assert.rejects(t.pod.exec('cat', { stdin: source() }), /no such thing/);
    });

    it('outlives a listener that throws', async () => {
      const listener = () => {
        throw new Error('listener');
      };
      await assert.rejects(t.pod.exec('echo x; sleep 1000', { onStdout: listener }), /listener/);
      assert.equal((await t.pod.exec('echo still here')).stdout, 'still here\n');
    });

    it('runs many commands at once', async () => {
      const results = await Promise.all(Array.from({ length: 15 }, (_, index) => t.pod.exec(`sleep 0.2; echo ${index}`)));
      assert.deepEqual(
        results.map(({ stdout }) => Number(stdout)),
        results.map((_, index) => index),
      );
    });

    it('serves commands beside one that never ends', async () => {
      const controller = new AbortController();
      const endless = t.pod.exec('sleep 1000', { signal: controller.signal });
      endless.catch(() => {});
      assert.equal((await t.pod.exec('echo beside')).stdout, 'beside\n');
      controller.abort();
      await assert.rejects(endless, (error) => isUserError(error, 'cancelled'));
    });

    for (const [how, command] of [
      ['with children', `sh -c 'sleep 1000 & sleep 1000'`],
      ['that ignores TERM', `trap '' TERM; sh -c 'sleep 1000 & sleep 1000; sleep 1000'`],
      ['with children that hold no stream', `sleep 1000 >/dev/null 2>&1 </dev/null & sleep 1000`],
      ['that reads stdin', 'cat >/dev/null; sleep 1000'],
    ] as const) {
      it(`leaves no process of a command ${how} after time-out or cancel`, async () => {
        const pidOf = async (start: (onStdout: (chunk: Buffer) => void) => Promise<unknown>, reason: 'timeout' | 'cancelled') => {
          let group = 0;
          await assert.rejects(
            start((chunk) => (group ||= Number(String(chunk)))),
            (error) => isUserError(error, reason),
          );
          assert.ok(group > 0);
          await until(
            async () => (await t.pod.exec(`ps -A -o pgid=,stat= 2>/dev/null | awk '$1 == ${group} && $2 !~ /Z/'`)).stdout === '',
            'the end of the process group',
          );
        };
        await pidOf((onStdout) => t.pod.exec(`echo $$; ${command}`, { timeoutMs: 400, onStdout }), 'timeout');
        const controller = new AbortController();
        await pidOf(
          (onStdout) =>
            t.pod.exec(`echo $$; ${command}`, {
              signal: controller.signal,
              onStdout: (chunk) => {
                onStdout(chunk);
                controller.abort();
              },
            }),
          'cancelled',
        );
      });
    }

    it('does not start what was cancelled before', async () => {
      await assert.rejects(t.pod.exec('true', { signal: AbortSignal.abort() }), (error) => isUserError(error, 'cancelled'));
    });
  });
}

describe('a session on the pod', function () {
  this.timeout(30_000);

  it('is not confused by what a login script prints or does', async () => {
    await withPod({}, async ({ pod, practice }) => {
      await writeFile(join(practice.folder, 'home', '.bashrc'), 'echo "Welcome to the pod"; echo warning >&2\n');
      assert.equal((await pod.exec('echo mine')).stdout, 'mine\n');
      assert.equal((await pod.exec('echo mine')).stdout, 'mine\n');
    });
  });

  it('replaces a warm channel that died', async () => {
    await withPod({}, async ({ pod, practice }) => {
      await pod.connect();
      const { stdout } = await pod.exec('echo $$');
      await until(async () => (await practice.started()).filter((pid) => pid !== Number(stdout)).length >= 2, 'two parked channels');
      const parked = await practice.started();
      for (const pid of parked) process.kill(pid, 'SIGKILL');
      await until(() => !parked.some(isAlive), 'their end');
      // Their sshd has told of their end before it is through with one more session on the same connection.
      const shell = await pod.openShell({ setUp: '', columns: 80, rows: 24, onOutput: () => {} });
      shell.close();
      await shell.ended;
      for (let index = 0; index < 4; index++) assert.equal((await pod.exec('echo alive')).stdout, 'alive\n');
    });
  });
});
