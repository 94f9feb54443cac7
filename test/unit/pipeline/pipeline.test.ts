import assert from 'node:assert/strict';
import { UserError } from '../../../src/core/errors.ts';
import { type DriveOptions, drivePipeline, lookAt, type PipelinePorts, type PipelineView } from '../../../src/pipeline/pipeline.ts';
import { isPipelineId, makePlan, type PlanOptions, runIdOf } from '../../../src/pipeline/plan.ts';
import { parsePipelines, type StoredPipeline } from '../../../src/pipeline/store.ts';
import { projectSchema } from '../../../src/project/schema.ts';
import type { FileVerdict } from '../../../src/results/judge.ts';
import { isRunId, type Run } from '../../../src/runs/run.ts';

const { stages, train } = projectSchema.parse({
  train: {
    command: 'train {model} {device} {seed}',
    models: {
      logreg: {},
      rf: {},
      lstm: {},
      cnn: { encoder: 'encoder.pt', command: 'train {model} {encoder}' },
      stack: { command: 'stack' },
    },
  },
  stages: [
    { name: 'stack', models: ['stack'], needs: ['base', 'deep'] },
    { name: 'base', models: ['logreg', 'rf'] },
    { name: 'pretrain', command: 'pretrain {device}' },
    { name: 'deep', models: ['lstm', 'cnn'], needs: ['pretrain'] },
  ],
});
const now = new Date('2026-11-24T10:00:00Z');
const plan = (options: Partial<PlanOptions> = {}) =>
  makePlan({ ...projectSchema.parse({}), stages, train }, { startedBy: 'test', ...options }, now, () => 0.5);
const keys = (options?: Partial<PlanOptions>) => plan(options).stages.flatMap(({ jobs }) => jobs.map(({ key }) => key));

describe('a pipeline is planned', () => {
  it('in the order of what stages need', () =>
    assert.deepEqual(keys(), ['base/logreg', 'base/rf', 'pretrain', 'deep/lstm', 'deep/cnn', 'stack/stack']));
  it('for some models, with what they need and what is built of all that', () => {
    assert.deepEqual(keys({ models: ['rf'] }), ['base/rf']);
    assert.deepEqual(keys({ models: ['cnn'] }), ['pretrain', 'deep/cnn']);
    assert.deepEqual(keys({ models: ['rf', 'lstm'] }), ['base/rf', 'pretrain', 'deep/lstm', 'stack/stack']);
    assert.deepEqual(keys({ stages: ['pretrain'] }), ['pretrain']);
  });
  it('only for what there is', () => {
    assert.throws(() => keys({ models: ['xgb'] }), /There is no model "xgb" in runpod\.json/);
    assert.throws(() => keys({ stages: ['nap'] }), /There is no stage "nap" in runpod\.json\. Its stages: stack, base/);
    assert.throws(() => makePlan(projectSchema.parse({}), { startedBy: 't' }, now, Math.random), /has no "stages"/);
  });
  it('with a device only for commands that have a place for one', () => {
    const requests = plan({ device: 'cpu' }).stages.flatMap(({ jobs }) => jobs.map(({ key, request }) => [key, request.device]));
    assert.deepEqual(Object.fromEntries(requests), {
      'base/logreg': 'cpu',
      'base/rf': 'cpu',
      pretrain: 'cpu',
      'deep/lstm': 'cpu',
      'deep/cnn': undefined,
      'stack/stack': undefined,
    });
  });
  it('with ids that anybody comes to again, each its own', () => {
    const made = plan();
    assert.ok(isPipelineId(made.id));
    const jobs = made.stages.flatMap((stage) => stage.jobs);
    const ids = jobs.flatMap((job) => [runIdOf(made, job, '2026-11-24T10:00:00Z'), runIdOf(made, job, '2026-11-25T10:00:00Z')]);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.every(isRunId));
    assert.deepEqual(runIdOf(made, jobs[1]!, made.startedAt), runIdOf(plan(), plan().stages[0]!.jobs[1]!, made.startedAt));
  });
});

const verdict = (ok: boolean): FileVerdict => ({
  ok,
  summary: ok ? '6 rows.' : 'Class collapse: all 6 rows are predicted as class 0.',
  problems: ok ? [] : [{ severity: 'error', message: 'Class collapse' }],
  shape: [6],
  dtype: '<i8',
  kind: 'labels',
  classes: [
    { class: '0', count: ok ? 3 : 6, share: ok ? 0.5 : 1, accuracy: 1 },
    { class: '1', count: ok ? 3 : 0, share: ok ? 0.5 : 0, accuracy: ok ? 1 : 0 },
  ],
  accuracy: ok ? 1 : 0.5,
  nan: 0,
  inf: 0,
  lost: ok ? [] : ['1'],
  labels: 'labels.npy',
  comparison: null,
  note: null,
});

/** A pod that keeps what a real one would, and may lose its connection at the n-th call. */
class FakePod {
  readonly runs = new Map<string, { run: Run; model: string; exitCode: number }>();
  readonly started: string[] = [];
  stored: StoredPipeline;
  /** How each model ends, by try; the last counts on. */
  outcomes: Record<string, ('good' | 'bad' | 'collapsed')[]> = {};
  private calls = 0;
  cutAt = Infinity;

  constructor(made = plan()) {
    this.stored = { plan: made, rounds: [made.startedAt], rejected: new Set(), isFinished: false };
  }

  get count(): number {
    return this.calls;
  }

  private call(afterwards = false): void {
    if (!afterwards) this.calls++;
    // Half of the cuts come after the pod did what it was asked: the answer is lost.
    if (Math.floor(this.cutAt / 2) === this.calls && (this.cutAt % 2 === 1) === afterwards)
      throw new UserError('connection-lost', 'The connection was lost. Try again.');
  }

  readonly ports: PipelinePorts = {
    runs: async () => {
      this.call();
      return [...this.runs.values()].map(({ run }) => run);
    },
    start: async (job, id) => {
      this.call();
      if (this.runs.has(id)) throw new UserError('remote-failed', 'There is such a folder.');
      const model = job.model ?? job.stage;
      const tries = this.started.filter((name) => name === model).length;
      this.started.push(model);
      const outcomes = this.outcomes[model] ?? ['good'];
      const outcome = outcomes[Math.min(tries, outcomes.length - 1)];
      const manifest = {
        id,
        model: job.model,
        command: 'c',
        cwd: '/',
        variables: [],
        seed: 1,
        device: 'cpu',
        startedAt: now.toISOString(),
        startedBy: 't',
        sources: {},
      };
      const run: Run = {
        manifest,
        status: { kind: 'running', pid: 1 },
        logBytes: 0,
        lastOutputMs: now.getTime() + 60_000,
        silentMs: 0,
        tookMs: 5_000,
      };
      this.runs.set(id, { run, model: `${model}:${outcome}`, exitCode: outcome === 'bad' ? 1 : 0 });
      this.call(true);
      return run;
    },
    watch: async (id) => {
      this.call();
      const entry = this.runs.get(id);
      assert.ok(entry);
      const run: Run = { ...entry.run, status: { kind: 'exited', exitCode: entry.exitCode, stopped: false } };
      this.runs.set(id, { ...entry, run });
      this.call(true);
      return { run, exitCode: entry.exitCode, errors: [], located: [], metrics: [], bytes: 0 };
    },
    collect: async (_job, id) => {
      this.call();
      const isGood = !this.runs.get(id)?.model.endsWith(':collapsed');
      return { files: 1, verdicts: [{ path: 'oof.npy', localPath: '/here/oof.npy', verdict: verdict(isGood) }], problems: [] };
    },
    beginRound: async (number, startedAt) => {
      this.call();
      if (this.stored.rounds.length < number) this.stored = { ...this.stored, rounds: [...this.stored.rounds, startedAt] };
      this.call(true);
      return this.stored;
    },
    reject: async (run) => {
      this.call();
      this.stored = { ...this.stored, rejected: new Set([...this.stored.rejected, run]), isFinished: false };
    },
    finish: async () => {
      this.call();
      this.stored = { ...this.stored, isFinished: true };
    },
  };

  drive(options: DriveOptions = {}): Promise<PipelineView> {
    return drivePipeline(this.stored, this.ports, {
      now: () => new Date(now.getTime() + 86_400_000 * this.stored.rounds.length),
      ...options,
    });
  }
}

const states = ({ stages: all }: PipelineView) => Object.fromEntries(all.map(({ name, state }) => [name, state]));

describe('a pipeline', () => {
  it('trains everything once, in order, and tells what each came to', async () => {
    const pod = new FakePod();
    const seen: string[] = [];
    const view = await pod.drive({ onChange: ({ stages: all }) => seen.push(all.map(({ state }) => state[0]).join('')) });
    assert.deepEqual(pod.started, ['logreg', 'rf', 'pretrain', 'lstm', 'cnn', 'stack']);
    assert.equal(view.state, 'succeeded');
    assert.deepEqual(view.stages[0]?.jobs[0], {
      key: 'base/logreg',
      label: 'logreg',
      state: 'succeeded',
      run: view.stages[0]?.jobs[0]?.run,
      seconds: 5,
      accuracy: 1,
      summary: '6 rows.',
      hints: [],
    });
    assert.ok(seen.includes('rwww') && seen.includes('srww'));
  });

  it('stops at the first failure, and goes on there when it is resumed', async () => {
    const pod = new FakePod();
    pod.outcomes = { rf: ['bad', 'good'] };
    const failed = await pod.drive();
    assert.deepEqual(states(failed), { base: 'failed', pretrain: 'left-out', deep: 'left-out', stack: 'left-out' });
    assert.deepEqual(pod.started, ['logreg', 'rf']);
    const resumed = await pod.drive({ retry: true });
    assert.equal(resumed.state, 'succeeded');
    assert.equal(resumed.rounds, 2);
    assert.deepEqual(pod.started, ['logreg', 'rf', 'rf', 'pretrain', 'lstm', 'cnn', 'stack']);
  });

  it('goes on with what does not need the failure, if told so', async () => {
    const pod = new FakePod(plan({ onFailure: 'continue' }));
    pod.outcomes = { pretrain: ['bad'] };
    assert.deepEqual(states(await pod.drive()), { base: 'succeeded', pretrain: 'failed', deep: 'left-out', stack: 'left-out' });
    assert.deepEqual(pod.started, ['logreg', 'rf', 'pretrain']);
  });

  it('counts collapsed predictions as a failure, says why they may have, and trains them again when it is resumed', async () => {
    const pod = new FakePod();
    pod.outcomes = { cnn: ['collapsed', 'good'] };
    const view = await pod.drive();
    const cnn = view.stages.flatMap(({ jobs }) => jobs).find(({ label }) => label === 'cnn');
    assert.equal(cnn?.state, 'failed');
    assert.match(cnn.summary, /Class collapse/);
    assert.match(cnn.hints.join('\n'), /Class weights/);
    assert.equal((await pod.drive({ retry: true })).state, 'succeeded');
    assert.equal(pod.started.filter((name) => name === 'cnn').length, 2);
  });

  it('may be cut off anywhere, and resumed: nothing runs twice, nothing is lost', async () => {
    const whole = new FakePod();
    await whole.drive();
    for (let cutAt = 2; cutAt <= whole.count * 2 + 1; cutAt++) {
      const pod = new FakePod();
      pod.cutAt = cutAt;
      await pod.drive().catch((error: unknown) => assert.ok(error instanceof UserError));
      pod.cutAt = Infinity;
      const view = await pod.drive({ retry: true });
      assert.equal(view.state, 'succeeded', `cut at ${cutAt}`);
      assert.deepEqual(pod.started, whole.started, `cut at ${cutAt}`);
      assert.equal(view.rounds, 1);
    }
  });

  it('tells what became of it without being driven, and what was cleaned up since is not trained again', async () => {
    const pod = new FakePod();
    pod.outcomes = { rf: ['bad', 'good'], cnn: ['collapsed', 'good'] };
    const look = () =>
      lookAt(
        pod.stored,
        [...pod.runs.values()].map(({ run }) => run),
      );
    assert.deepEqual(
      [look().state, states(look())],
      ['failed', { base: 'waiting', pretrain: 'waiting', deep: 'waiting', stack: 'waiting' }],
    );
    await pod.drive();
    assert.deepEqual(states(look()), { base: 'failed', pretrain: 'waiting', deep: 'waiting', stack: 'waiting' });
    assert.equal(look().stages[0]?.jobs[1]?.summary, 'exit code 1');
    await pod.drive({ retry: true });
    assert.equal(look().stages[2]?.jobs[1]?.summary, 'its results were rejected');
    assert.ok(!pod.stored.isFinished);
    await pod.drive({ retry: true });
    assert.deepEqual([look().state, look().stages[0]?.jobs[0]?.seconds, pod.stored.isFinished], ['succeeded', 5, true]);

    const trained = pod.started.length;
    pod.runs.clear();
    assert.equal(look().state, 'succeeded');
    assert.equal((await pod.drive({ retry: true })).state, 'succeeded');
    assert.equal(pod.started.length, trained);
  });

  it('hands on the verdicts of each job', async () => {
    const pod = new FakePod();
    const told: string[] = [];
    await pod.drive({ onJudged: ({ label }, { verdicts }) => told.push(`${label} ${verdicts[0]?.localPath}`) });
    assert.equal(told[0], 'logreg /here/oof.npy');
  });

  it('driven by two at once starts each job once', async () => {
    const pod = new FakePod();
    const [one, other] = await Promise.all([pod.drive(), pod.drive()]);
    assert.deepEqual([one.state, other.state], ['succeeded', 'succeeded']);
    assert.equal(new Set(pod.started).size, pod.started.length);
  });
});

describe('what the pod says of its pipelines', () => {
  it('is read, and what is none is left out', () => {
    const text = `plan not json\nround 2026-11-24T10:00:00Z\nplan ${JSON.stringify(plan())}\nround 2026-11-24T10:00:00Z\nround nonsense\nround 2026-11-25T10:00:00Z\nrejected r1\nfinished \n`;
    const [only, ...more] = parsePipelines(text);
    assert.equal(more.length, 0);
    assert.deepEqual([only?.plan, only?.rounds.length, [...(only?.rejected ?? [])], only?.isFinished], [plan(), 2, ['r1'], true]);
  });

  it('is in the order in which they began, also within one second', () => {
    const told = (id: string, startedAt: string) => `plan ${JSON.stringify({ ...plan(), id })}\nround ${startedAt}\n`;
    const text =
      told('20261124-100000-pipeline-1111', '2026-11-24T10:00:00.900Z') + told('20261124-100000-pipeline-ffff', '2026-11-24T10:00:00.100Z');
    assert.deepEqual(
      parsePipelines(text).map(({ plan: { id } }) => id),
      ['20261124-100000-pipeline-ffff', '20261124-100000-pipeline-1111'],
    );
  });
});
