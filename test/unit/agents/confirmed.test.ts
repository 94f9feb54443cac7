import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { z } from 'zod';
import { join } from 'node:path';
import { AgentCaller } from '../../../src/agents/caller.ts';
import { ConfirmedCalls } from '../../../src/agents/confirmed.ts';
import { operation } from '../../../src/operations/operation.ts';
import type { Orchestrator } from '../../../src/orchestrator.ts';

describe('a call that a person has agreed to', () => {
  it('is known by its tool and its input, once, in whatever order the fields come', () => {
    const confirmed = new ConfirmedCalls();
    const place = { projectRoot: '/p', pod: 'a' };
    confirmed.told('exec', { command: 'ls', cwd: 'x' }, place);
    assert.equal(confirmed.take('exec', { command: 'ls' }), undefined);
    assert.equal(confirmed.take('deploy', { command: 'ls', cwd: 'x' }), undefined);
    assert.deepEqual(confirmed.take('exec', { cwd: 'x', command: 'ls' }), place);
    assert.equal(confirmed.take('exec', { command: 'ls', cwd: 'x' }), undefined);
    for (let i = 0; i < 100; i++) confirmed.told('exec', { i }, place);
    assert.equal(confirmed.take('exec', { i: 0 }), undefined);
    assert.deepEqual(confirmed.take('exec', { i: 99 }), place);
  });

  it('acts on the pod that was named to them, also when another was selected meanwhile', async () => {
    const tmp = await mkdtemp(join(tmpdir(), 'rpo-confirmed-'));
    try {
      let selected = 'first';
      const caller = new AgentCaller({
        projectRoot: tmp,
        home: join(tmp, 'home'),
        context: (ports) => ({
          projectRoot: tmp,
          home: join(tmp, 'home'),
          ports,
          orchestrator: (pod = selected) => Promise.resolve({ pod: { name: pod }, remoteRoot: '/r' } as unknown as Orchestrator),
        }),
      });
      const record = operation({
        name: 'exec',
        title: 'x',
        description: 'X.',
        effect: 'destroy',
        input: z.object({ command: z.string() }),
        output: z.object({ pod: z.string() }),
        handle: async (context) => ({ pod: (await context.orchestrator()).pod.name }),
        render: ({ pod }) => pod,
      });
      const { signal } = new AbortController();
      const plan = await caller.plan(record, { command: 'ls' }, signal);
      assert.equal(plan?.pod, 'first');
      assert.match(plan.lines[0] ?? '', /Run on pod first/);
      selected = 'second';
      const call = { signal, progress: () => undefined, emit: () => undefined };
      assert.equal((await caller.call(record, { command: 'ls' }, call, plan.pod ?? undefined)).text, 'first');
      assert.equal((await caller.call(record, { command: 'ls' }, call)).text, 'second');
    } finally {
      await rm(tmp, { recursive: true, force: true });
    }
  });
});
