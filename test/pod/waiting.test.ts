import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, homeWith, type ToolAnswer } from './support/agent.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { usePod } from './support/pod.ts';

/** Five failures one after the other, each with as much to tell as there can be. */
const failing = `import sys, traceback
def one(kind, n):
    # ${'a'.repeat(150)}
    raise kind("problem number %d " % n + "word " * 180)  # ${'b'.repeat(150)}
    # ${'c'.repeat(150)}
for n, kind in enumerate((ValueError, KeyError, TypeError, IndexError, OSError)):
    try:
        one(kind, n)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
sys.exit(1)
`;

interface Event {
  readonly kind: string;
  readonly message?: string;
  readonly finding?: { readonly message: string };
}

describe('waiting for events of a run', () => {
  const t = usePod();
  let project: string;
  let home: string;
  let agent: Agent;
  let proxy: FaultProxy;

  beforeEach(async () => {
    project = join(t.tmp, 'project');
    await mkdir(project, { recursive: true });
    await writeFile(join(project, 'runpod.json'), '{}');
    home = await homeWith(t);
    proxy = await FaultProxy.start(t.practice.port);
    const pods = await readFile(join(home, 'pods.json'), 'utf8');
    await writeFile(join(home, 'pods.json'), pods.replace(String(t.practice.port), String(proxy.port)));
    agent = await Agent.start(project, home);
  });
  afterEach(async () => {
    await agent.close();
    await proxy.stop();
  });

  const start = async (command: string) => String((await agent.call('start_training', { command })).structured['run']);
  const eventsOf = ({ structured }: ToolAnswer) => structured['events'] as readonly Event[];
  const timed = async (args: Readonly<Record<string, unknown>>) => {
    const startedAt = Date.now();
    const answer = await agent.call('wait_for_event', args);
    return { answer, seconds: (Date.now() - startedAt) / 1000 };
  };

  it('tells that it hangs, however short each wait is, and once as long as nothing changes', async () => {
    const run = await start('echo begun; sleep 100');
    const told: string[] = [];
    let cursor: unknown;
    for (const until = Date.now() + 60_000; told.length === 0 && Date.now() < until;) {
      const { structured, ...answer } = await agent.call('wait_for_event', {
        ...(cursor === undefined ? { run } : { cursor }),
        timeoutSeconds: 1,
        hangSeconds: 4,
      });
      told.push(...eventsOf({ structured, ...answer }).map(({ kind, message }) => `${kind} ${message}`));
      ({ cursor } = structured);
    }
    assert.match(told.join(), /^hang no output for \d/);
    assert.deepEqual(eventsOf(await agent.call('wait_for_event', { cursor, timeoutSeconds: 0, hangSeconds: 4 })), []);
    // Who asks for the first time learns of it at once.
    const { answer } = await timed({ run, timeoutSeconds: 0, hangSeconds: 4 });
    assert.deepEqual(
      eventsOf(answer).map(({ kind }) => kind),
      ['hang'],
    );
    const status = await agent.call('run_status', { run });
    assert.ok(Number(status.structured['silentForSeconds']) >= 4);
  });

  it('answers in time from what is known when the pod freezes or goes away', async () => {
    const run = await start('echo "epoch 1/9 loss 1.0"; sleep 100');
    await agent.call('wait_for_event', { run, kinds: ['metrics'] });
    const frozen = timed({ run, kinds: ['finish'], timeoutSeconds: 3 });
    await sleep(1_000);
    proxy.line.blackHole = true;
    const { answer, seconds } = await frozen;
    assert.ok(!answer.isError, answer.text);
    assert.ok(seconds < 7, `${seconds} s`);
    assert.match(answer.text, /running \(epoch 1.*The pod cannot be reached \(no answer within 1\.5 s\).*Cursor: /s);
    assert.doesNotMatch(answer.text, /Nothing happened|It goes on\./);
    assert.match(String(answer.structured['lost']), /no answer/);
    const again = await timed({ cursor: answer.structured['cursor'], timeoutSeconds: 1 });
    assert.ok(again.seconds < 9, `${again.seconds} s`);
    assert.match(again.answer.text, /The pod cannot be reached/);

    proxy.line.blackHole = false;
    proxy.cut();
    const back = await timed({ cursor: answer.structured['cursor'], timeoutSeconds: 20, hangSeconds: 1 });
    assert.deepEqual([back.answer.structured['lost'], eventsOf(back.answer).map(({ kind }) => kind)], [null, ['hang']]);
    const gone = timed({ run, kinds: ['finish'], timeoutSeconds: 3 });
    await sleep(1_000);
    await proxy.stop();
    const last = await gone;
    assert.ok(last.seconds < 7, `${last.seconds} s`);
    assert.match(last.answer.text, /The pod cannot be reached/);
  });

  it('gets through a long log with little patience, and begins nothing anew', async () => {
    const line = 'step 1 | loss: 0.52311 | lr 1.0e-04 | 123.4 it/s | grad_norm 0.91';
    const run = await start(`yes '${line}' | head -n 800000; echo "RuntimeError: the end"; exit 3`);
    for (let status: unknown = 'running'; status === 'running';)
      status = ((await agent.call('list_runs')).structured['runs'] as { status: string }[])[0]?.status;
    // The end of it comes without the rest.
    const startedAt = Date.now();
    assert.match((await agent.call('read_log', { run, tail: 2 })).text, /800,001 lines/);
    assert.ok(Date.now() - startedAt < 4_000);
    const told: string[] = [];
    const unread: number[] = [];
    for (let i = 0, cursor: unknown; told.at(-1) !== 'finish' && i < 200; i++) {
      // A client that gives up, now and then.
      if (i === 1) await agent.call('wait_for_event', { run, timeoutSeconds: 20 }, AbortSignal.timeout(1_500)).catch(() => undefined);
      const { answer, seconds } = await timed({ ...(cursor === undefined ? { run } : { cursor }), timeoutSeconds: 0 });
      assert.ok(seconds < 10, `${seconds} s`);
      unread.push(Number(answer.structured['unreadBytes']));
      if (i === 0) assert.match(answer.text, /Its log is long: \d+ MB are still to be read.*Cursor: .*@0\.0/s);
      told.push(...eventsOf(answer).map(({ kind }) => kind));
      ({ cursor } = answer.structured);
    }
    assert.equal(told.at(-1), 'finish');
    assert.deepEqual(
      unread,
      [...unread].sort((a, b) => b - a),
    );
    assert.ok(unread.length > 2 && unread.at(-1) === 0, unread.join());
  });

  it('tells every event, however much there is to say of each', async () => {
    await writeFile(join(project, 'train.py'), failing);
    await agent.call('deploy', { files: ['train.py'] });
    const run = await start('python3 train.py');
    const told: string[] = [];
    for (let cursor: unknown; told.at(-1) !== 'finish';) {
      // Events of a kind that was not asked for are skipped, but never failures.
      const answer = await agent.call('wait_for_event', { ...(cursor === undefined ? { run } : { cursor }), kinds: ['metrics'] });
      assert.ok(!answer.isError, answer.text);
      assert.ok(answer.text.length + JSON.stringify(answer.structured).length < 8_000);
      for (const { kind, finding } of eventsOf(answer)) {
        const name = /problem number \d/.exec(finding?.message ?? '')?.[0] ?? kind;
        told.push(name);
        assert.ok(answer.text.includes(name));
      }
      assert.equal(answer.structured['shortened'], undefined);
      ({ cursor } = answer.structured);
    }
    assert.deepEqual(told, [0, 1, 2, 3, 4].map((n) => `problem number ${n}`).concat('finish'));
    const ranks: string[] = [];
    for (let from = 1; ranks.length < 5;) {
      const { structured, text } = await agent.call('findings', { run, limit: 50, from });
      const found = structured['findings'] as readonly { readonly message: string; readonly logLine: number }[];
      if (from === 1) {
        const around = await agent.call('read_log', { run, finding: 1, characters: 200 });
        assert.match(around.text, new RegExp(`^${found[0]?.logLine}: `, 'm'));
      }
      assert.ok(found.length > 0, text);
      ranks.push(...found.map(({ message }) => message));
      from += found.length;
    }
    assert.equal(new Set(ranks).size, 5);
  });

  it('says of output what was left out, also in words alone', async () => {
    const much = await agent.call('exec', { command: 'seq 1 5000; seq 1 50 >&2' });
    const { stdout, stderr, leftOut } = much.structured as { stdout: string; stderr: string; leftOut: number };
    assert.ok(stdout.endsWith('4999\n5000\n') && stderr.endsWith('49\n50\n'));
    assert.equal(stdout.length + stderr.length + leftOut, 23_893 + 141);
    assert.ok(
      much.text.includes(`${leftOut.toLocaleString('en-US')} characters before what follows were left out`),
      much.text.slice(0, 200),
    );
    const little = await agent.call('exec', { command: 'seq 1 5000', characters: 200 });
    assert.ok(little.text.length < 500 && little.text.endsWith('5000'));
    const more = await agent.call('exec', { command: 'seq 1 5000', characters: 32_000 });
    assert.equal(more.structured['leftOut'], 0);
    assert.match(more.text, /^1\n2\n/m);
  });
});
