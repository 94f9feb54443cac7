import assert from 'node:assert/strict';
import type { FollowOptions, Runs } from '../../../src/runs/runs.ts';
import { type RunEvent, type WatchClock, watchRun } from '../../../src/runs/watch.ts';

const minute = 60_000;

/** A clock that the test moves, and a run whose bytes come when the test says so. */
class Scene implements WatchClock {
  private nowMs = 0;
  private check: (() => void) | null = null;
  private end: (() => void) | null = null;
  private options: FollowOptions | null = null;
  readonly events: RunEvent[] = [];

  constructor(private readonly logBytes = 0) {}

  readonly now = (): number => this.nowMs;
  readonly every = (_ms: number, call: () => void): (() => void) => {
    this.check = call;
    return () => (this.check = null);
  };

  get checking(): boolean {
    return this.check !== null;
  }

  async watch(work: (scene: Scene) => Promise<void> | void, thresholds = {}): Promise<string[]> {
    const status = { kind: 'exited', exitCode: 0 };
    const run = { manifest: { id: 'r' }, status, logBytes: this.logBytes };
    const runs = {
      get: async () => Promise.resolve(run),
      follow: async (_id: string, options: FollowOptions) => {
        this.options = options;
        await new Promise<void>((resolve) => (this.end = resolve));
        return { run, offset: 0 };
      },
    } as unknown as Runs;
    const watched = watchRun(runs, 'r', async (finding) => Promise.resolve({ finding, place: null, related: [], actions: [] }), {
      clock: this,
      onEvent: (event) => this.events.push(event),
      thresholds,
    });
    await new Promise(setImmediate);
    await work(this);
    this.end?.();
    await watched;
    return this.events.flatMap((event) =>
      event.kind === 'finding' ? [`${event.located.finding.severity} ${event.located.finding.type}`] : [],
    );
  }

  print(text: string): void {
    this.options?.onBytes(Buffer.from(text));
  }

  interrupt(delayMs: number): void {
    this.options?.onInterrupted?.({ message: 'gone', offset: 0, delayMs });
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= minute) {
      this.nowMs += Math.min(left, minute);
      this.check?.();
    }
  }

  steps(count: number): void {
    for (let i = 0; i < count; i++) {
      this.print(`step ${i} loss 0.5\n`);
      this.pass(minute);
    }
  }
}

describe('watching a run', () => {
  it('tells people that it stands still, once, and ends its clock', async () => {
    const scene = new Scene();
    const told = await scene.watch((s) => {
      s.steps(10);
      s.pass(90 * minute);
      assert.ok(s.checking);
    });
    assert.deepEqual(told, ['warning hang']);
    assert.ok(!scene.checking);
  });

  it('does not take the past of its log, which comes at once, for its pace', async () => {
    const past = Array.from({ length: 10 }, (_, i) => `step ${i} loss 0.5\n`);
    const told = await new Scene(past.join('').length).watch((s) => {
      for (const line of past) s.print(line);
      s.pass(90 * minute);
    });
    assert.deepEqual(told, []);
  });

  it('says nothing of a run that it cannot reach', async () => {
    const told = await new Scene().watch((s) => {
      s.steps(10);
      for (let i = 0; i < 30; i++) {
        s.interrupt(5 * minute);
        s.pass(4 * minute);
      }
    });
    assert.deepEqual(told, []);
  });

  it('obeys the thresholds it is given', async () => {
    const told = await new Scene().watch(
      (s) => {
        s.steps(10);
        s.pass(4 * minute);
      },
      { hangFactor: 2, hangMinMs: 1000 },
    );
    assert.deepEqual(told, ['warning hang']);
  });
});
