import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { agentOperations, toolName } from '../../src/operations/table.ts';
import { Agent, homeWith, type ToolAnswer } from './support/agent.ts';
import { startHttpServer } from './support/httpServer.ts';
import { usePod } from './support/pod.ts';
import { rpo } from './support/rpo.ts';

/** Tells an epoch every tenth of a second, breaks in the end; what a checkpoint lets it skip it skips. */
const script = `import os, sys, time
epochs = int(sys.argv[1])
for epoch in range(1, epochs + 1):
    print(f"epoch {epoch}/{epochs} loss {1 / epoch:.4f}", flush=True)
    time.sleep(0.1)
print("WANDB_API_KEY=0123456789abcdef", flush=True)
rows = [1, 2, 3]
assert len(rows) == 4, f"expected 4 rows, got {len(rows)}"
`;

describe('rpo mcp', () => {
  const t = usePod();
  let project: string;
  let home: string;
  let agent: Agent;

  beforeEach(async () => {
    project = join(t.tmp, 'project');
    await mkdir(project, { recursive: true });
    await writeFile(join(project, 'train.py'), script);
    await configure({});
    home = await homeWith(t);
    agent = await Agent.start(project, home);
  });
  afterEach(async () => agent.close());

  async function configure(more: Readonly<Record<string, unknown>>): Promise<void> {
    await writeFile(join(project, 'runpod.json'), JSON.stringify({ train: { command: 'python3 train.py 8' }, ...more }));
  }

  const works = async (name: string, args: Record<string, unknown> = {}): Promise<ToolAnswer> => {
    const answer = await agent.call(name, args);
    assert.ok(!answer.isError, answer.text);
    const size = answer.text.length + JSON.stringify(answer.structured).length;
    assert.ok(size < 8_000 || args['characters'] !== undefined, `${name}: ${size} characters`);
    return answer;
  };
  const refused = async (name: string, args: Record<string, unknown>, expected: RegExp): Promise<string> => {
    const answer = await agent.call(name, args);
    assert.ok(answer.isError, answer.text);
    assert.match(answer.text, expected);
    return answer.text;
  };
  const start = async (args: Record<string, unknown> = {}) => String((await works('start_training', args)).structured['run']);

  it('loses no event when the server is killed in mid-wait, and tells none twice', async () => {
    await works('deploy', { files: ['train.py'] });
    const run = await start({ command: 'python3 train.py 25' });
    const seen: string[] = [];
    const take = ({ structured }: ToolAnswer) => {
      for (const event of structured['events'] as { kind: string; metrics?: { epoch: number }; finding?: { type: string } }[])
        seen.push(event.metrics ? `epoch ${event.metrics.epoch}` : (event.finding?.type ?? event.kind));
      return structured;
    };
    const kinds = ['metrics', 'finding', 'finish'];
    let { cursor } = take(await works('wait_for_event', { run, kinds }));
    const lost = agent.call('wait_for_event', { cursor, kinds: ['finish'] }).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 400));
    process.kill(agent.transport.pid ?? 0, 'SIGKILL');
    await lost;
    await agent.close();
    agent = await Agent.start(project, home);
    for (let status: unknown = 'running'; status === 'running' || seen.at(-1) !== 'finish';) {
      const structured = take(await works('wait_for_event', { cursor, kinds }));
      ({ cursor, status } = structured);
    }
    assert.deepEqual(seen, [...Array.from({ length: 25 }, (_, i) => `epoch ${i + 1}`), 'python-exception', 'finish']);
    // Another reader, from the first byte, gets the same.
    const whole: string[] = [];
    for (let at: unknown; whole.at(-1) !== 'finish';) {
      const { structured } = await works('wait_for_event', at === undefined ? { run, kinds } : { cursor: at, kinds });
      at = structured['cursor'];
      for (const { kind } of structured['events'] as { kind: string }[]) whole.push(kind);
    }
    assert.equal(whole.length, seen.length);
  });

  it('gives bounded parts of a log, without secrets', async () => {
    await works('deploy', { files: ['train.py'] });
    const run = await start();
    await agent.waitForEnd(run);
    const end = await works('read_log', { run });
    assert.match(end.text, /\d+: AssertionError: expected 4 rows, got 3/);
    assert.match(end.text, /WANDB_API_KEY=\*\*\*/);
    assert.doesNotMatch(JSON.stringify(end), /0123456789abcdef/);
    assert.match((await works('read_log', { run, from: 2, to: 3 })).text, /2: epoch 2\/8 .*\n3: epoch 3\/8/);
    assert.match((await works('read_log', { run, search: 'EPOCH 7' })).text, /1 match:\n7: epoch 7/);
    await works('exec', { command: 'seq 1 200000' });
    const much = await works('exec', { command: 'seq 1 200000', characters: 20_000 });
    assert.ok(String(much.structured['stdout']).length > 15_000);
    assert.match(much.text, /200000/);
  });

  it('tells which runs go on with the old file, waits without freezing anybody, stops', async () => {
    await works('deploy', { files: ['train.py'] });
    const run = await start({ command: 'python3 train.py 600' });
    await writeFile(join(project, 'train.py'), `${script}# better\n`);
    const controller = new AbortController();
    const waiting = agent.call('wait_for_event', { run, kinds: ['finish'] }, controller.signal);
    const deployed = await works('deploy', { files: ['train.py'] });
    assert.match(deployed.text, new RegExp(`Run ${run} still uses the older train.py`));
    assert.deepEqual((await works('run_status', { run })).structured['staleFiles'], ['train.py']);
    controller.abort();
    await assert.rejects(waiting);
    const nothing = await works('wait_for_event', { run, timeoutSeconds: 0.5 });
    assert.deepEqual(nothing.structured['events'], []);
    const hang = await works('wait_for_event', { run: await start({ command: 'sleep 60' }), hangSeconds: 1 });
    assert.deepEqual(
      (hang.structured['events'] as { kind: string }[]).map(({ kind }) => kind),
      ['hang'],
    );
    for (const one of (await works('list_runs')).structured['runs'] as { id: string }[]) await works('stop_run', { run: one.id });
    assert.match((await works('wait_for_event', { run })).text, /\[finish\] stopped/);
  });

  it('tells how far it is, and ends what is cancelled on the pod, too', async () => {
    await writeFile(join(project, 'data.bin'), Buffer.alloc(6_000_000, 1));
    const told: { readonly progress: number; readonly message?: string }[] = [];
    const { client } = agent;
    await client.callTool({ name: 'deploy', arguments: { changed: true } }, { onprogress: (progress) => told.push(progress) });
    assert.ok(
      told.some(({ message }) => message === 'deploying'),
      JSON.stringify(told),
    );
    assert.ok(told.every(({ progress }, i) => i === 0 || progress > (told[i - 1]?.progress ?? 0)));
    const controller = new AbortController();
    const sleep = `sleep ${100_000 + process.pid}`;
    const sleeping = agent.call('exec', { command: `touch begun; exec ${sleep}` }, controller.signal);
    sleeping.catch(() => undefined);
    for (let begun = false; !begun;) begun = (await works('exec', { command: 'ls' })).text.includes('begun');
    controller.abort();
    await assert.rejects(sleeping);
    const counting = `ps -eo args | grep -c '[s]${sleep.slice(1)}' || true`;
    for (let left = '1'; left !== '0';) left = String((await works('exec', { command: counting })).structured['stdout']).trim();
    assert.match(await readFile(join(home, 'rpo/journal.jsonl'), 'utf8'), new RegExp(`"operation":"exec".*${sleep}.*"ok":false`));
  });

  it('repeats a run from its newest whole checkpoint', async () => {
    await configure({ train: { command: 'python3 train.py 2', resume: { checkpoints: ['ckpt/*.pt'] } } });
    await works('deploy', { files: ['train.py'] });
    const run = await start();
    await agent.waitForEnd(run);
    await works('exec', {
      command: 'mkdir -p ckpt; sleep 0.05; printf "whole...." > ckpt/1.pt; sleep 0.05; printf "PK\\003\\004 cut off" > ckpt/2.pt',
    });
    const again = await works('fix_and_retry', { run });
    assert.equal(again.structured['command'], 'python3 train.py 2 --resume ckpt/1.pt');
    await agent.waitForEnd(String(again.structured['run']));
    const third = await works('fix_and_retry', { run: again.structured['run'], resume: false });
    assert.equal(third.structured['checkpoint'], null);
    await agent.waitForEnd(String(third.structured['run']));
  });

  it('keeps to the limits of the owner, and to those of the person', async () => {
    await configure({ agents: { deny: ['upload'], exec: ['ls *'], write: ['src/**'], maxRuns: 1 } });
    await refused('exec', { command: 'rm -rf .' }, /Refused: agents may run only commands like `ls \*`.*"agents" in runpod\.json/);
    await refused('exec', { command: 'ls . ; rm -rf .' }, /Refused/);
    await works('exec', { command: 'ls -a' });
    await refused('deploy', { files: ['train.py'] }, /may write only to src\/\*\* on the pod, not to .*train\.py/);
    await refused('upload', { local: 'train.py' }, /may not call upload/);
    await refused('start_training', { command: 'sleep 60' }, /only commands like/);
    await configure({ train: { command: 'sleep 60' }, agents: { maxRuns: 1 } });
    const run = await start();
    await refused('start_training', {}, new RegExp(`at most 1 runs may be going on.*${run}`));
    await writeFile(join(home, 'agents.json'), '{ "operations": ["stop_run"] }');
    await refused('deploy', { files: ['train.py'] }, /may call only stop_run.*agents\.json, which the person/);
    await works('stop_run', { run });
    const { stdout } = await rpo(['journal', '--agents'], { cwd: project, home });
    assert.match(stdout, /agent scripted-agent {2}✗ exec .*"rm -rf \."/);
    assert.match(stdout, /stop_run .*was stopped/);
    const journal = await readFile(join(home, 'rpo/journal.jsonl'), 'utf8');
    assert.equal(journal.match(/"who":"agent"/g)?.length, 10);
    // The pod was added by a person, in a terminal.
    assert.match(journal, /"who":"person","by":"rpo","operation":"pods add".*"ok":true/);
    assert.match(
      await readFile(join(home, 'rpo/started.jsonl'), 'utf8'),
      new RegExp(`^{"run":"${run}","pod":"p","project":"${project}"}\n$`),
    );
  });

  it('answers what cannot be done so that an agent can act on it, and lives on', async () => {
    await refused('deploy', { file: 'train.py' }, /there is no argument "file".*files, preset/);
    await refused('wait_for_event', { timeoutSeconds: 'long' }, /timeoutSeconds: .*number.*\[bad-argument\]/);
    await refused('wait_for_event', { cursor: 'nonsense' }, /is not a cursor/);
    await refused('run_status', { run: '20260101-000000-x-0000' }, /There is no run .*`list_runs`.*\[run-unknown\]/);
    await configure({ remoteRoot: '/workspace/another' });
    await refused('findings', {}, /no runs on p yet.*`start_training`/);
    await refused('deploy', { files: ['../secret'] }, /outside|below the project/);
    await refused('validate', { files: ['none.npy'] }, /none\.npy/);
    const { identityFile } = t.practice;
    await writeFile(join(home, 'pods.json'), JSON.stringify({ pods: { p: { host: '127.0.0.1', port: 1, identityFile } } }));
    await refused('verify', {}, /\[unreachable\]/);
    await assert.rejects(agent.client.callTool({ name: 'no_such_tool', arguments: {} }), /no_such_tool/);
    assert.deepEqual(
      (await agent.client.listTools()).tools.map(({ name }) => name),
      agentOperations.map(toolName),
    );
  });

  for (const mode of ['auto', 'legacy'] as const) {
    it(`offers resources that tell of changes, and prompts (${mode === 'auto' ? '2026-07-28' : '2025-11-25'})`, async () => {
      await agent.close();
      agent = await Agent.start(project, home, { versionNegotiation: { mode } });
      await works('deploy', { files: ['train.py'] });
      const run = await start({ command: 'python3 train.py 60' });
      const uri = `rpo://runs/${run}/log`;
      const changed = nextChange(agent.client, mode, uri);
      const { resources } = await agent.client.listResources();
      assert.ok(resources.some((one) => one.uri === uri));
      assert.equal(await changed, uri);
      // And when another run was started, which runs there are.
      await agent.client.readResource({ uri: 'rpo://runs' });
      const another = nextChange(agent.client, mode, 'rpo://runs');
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const second = await start({ command: 'true' });
      assert.equal(await another, 'rpo://runs');
      const missing = agent.client.readResource({ uri: 'rpo://runs/20260101-000000-x-0000/log' });
      await assert.rejects(missing, (error: { code?: number }) => error.code === -32_602 || error.code === -32_002);
      await writeFile(join(home, 'agents.json'), '{ "deny": ["read_log"] }');
      await assert.rejects(agent.client.readResource({ uri }), (error: { code?: number }) => error.code === -32_603);
      await writeFile(join(home, 'agents.json'), '{}');
      const [content] = (await agent.client.readResource({ uri })).contents;
      assert.match(content && 'text' in content ? content.text : '', /1: epoch 1\/60/);
      await works('stop_run', { run, interruptSeconds: 1 });
      assert.match(await readFile(join(home, 'rpo/journal.jsonl'), 'utf8'), /"by":"scripted-agent","operation":"stop_run"/);
      const { prompts } = await agent.client.listPrompts();
      assert.deepEqual(
        prompts.map(({ name }) => name),
        ['deploy-fix', 'debug-failure', 'change-hyperparameter'],
      );
      const prompt = await agent.client.getPrompt({ name: 'debug-failure', arguments: { run } });
      assert.match(JSON.stringify(prompt.messages), new RegExp(run));
      const ref = { type: 'ref/prompt', name: 'debug-failure' } as const;
      const { completion } = await agent.client.complete({ ref, argument: { name: 'run', value: run.slice(0, 4) } });
      assert.deepEqual(completion.values.slice(0, 2), [second, run]);
    });
  }

  it('serves several clients over HTTP, with a token, to this machine only', async () => {
    await works('deploy', { files: ['train.py'] });
    const run = await start({ command: 'python3 train.py 600' });
    const uri = `rpo://runs/${run}/log`;
    const { url, close } = await startHttpServer(project, home, 'secret');
    try {
      const post = (headers: Record<string, string>) =>
        fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
          body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
        });
      assert.equal((await post({})).status, 401);
      assert.equal((await post({ authorization: 'Bearer wrong' })).status, 401);
      assert.equal((await post({ authorization: 'Bearer secret', origin: 'https://evil.example' })).status, 403);
      // A session of a server that is gone: the client is to connect anew.
      assert.equal((await post({ authorization: 'Bearer secret', 'mcp-session-id': 'gone' })).status, 404);
      for (const mode of ['auto', 'legacy'] as const) {
        const client = new Client({ name: 'http-agent', version: '1' }, { versionNegotiation: { mode } });
        await client.connect(
          new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: 'Bearer secret' } } }),
        );
        const answer = await client.callTool({ name: 'exec', arguments: { command: 'echo over http' } });
        assert.match(JSON.stringify(answer.content), /over http/);
        assert.ok((await client.listResources()).resources.some((one) => one.uri === uri));
        assert.equal(await nextChange(client, mode, uri), uri);
        await client.close();
      }
      await works('stop_run', { run, interruptSeconds: 1 });
    } finally {
      await close();
    }
  });
});

/** Subscribes, and waits until that resource has changed. */
async function nextChange(client: Client, mode: 'auto' | 'legacy', uri: string): Promise<string> {
  const changed = new Promise<string>((resolve) =>
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      if (params.uri === uri) resolve(uri);
    }),
  );
  if (mode === 'legacy') await client.subscribeResource({ uri });
  else await client.listen({ resourceSubscriptions: [uri] });
  return changed;
}
