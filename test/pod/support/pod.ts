import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, type Suite } from 'mocha';
import { connectPod, type SshPod } from '../../../src/pod/connect.ts';
import type { PodOptions } from '../../../src/pod/pod.ts';
import { startPracticePod, type PracticeOptions, type PracticePod } from '../../../src/practice/practicePod.ts';

/** What a test against a real sshd works with. */
export interface TestPod {
  readonly pod: SshPod;
  readonly practice: PracticePod;
  /** An empty local folder. */
  readonly tmp: string;
  /** Another client of the same pod. The test disposes it. */
  connect(options?: Partial<PodOptions>): SshPod;
}

/** The same tests for both ways a call reaches the pod: in a session that waits for it, and in one that is opened for it. */
export function describeBothWays(title: string, tests: (this: Suite, podOptions: Partial<PodOptions>) => void): void {
  for (const [way, podOptions] of [
    ['in warm sessions', {}],
    ['in sessions of their own', { warmSessions: 0 }],
  ] as const) {
    describe(`${title}, ${way}`, function () {
      tests.call(this, podOptions);
    });
  }
}

/**
 * One practice pod for a `describe`, and for each test a connection and an empty local folder. Fields are there inside
 * `it` and hooks only.
 *
 *     describe('runs', () => {
 *       const t = usePod();
 *       it('starts', async () => { await t.pod.exec('true'); });
 *     });
 */
export function usePod(practiceOptions: PracticeOptions = {}, podOptions: Partial<PodOptions> = {}): TestPod {
  let practice: PracticePod | undefined;
  let current: { readonly pod: SshPod; readonly tmp: string } | undefined;
  const connect = (options: Partial<PodOptions> = {}) => connectPod({ ...there(practice).podOptions, ...podOptions, ...options });
  before(async function () {
    this.timeout(30_000);
    practice = await startPracticePod(practiceOptions);
  });
  beforeEach(async () => {
    current = { pod: connect(), tmp: await mkdtemp(join(tmpdir(), 'rpo-test-')) };
  });
  afterEach(async () => {
    current?.pod.dispose();
    await rm(current?.tmp ?? '', { recursive: true, force: true });
    current = undefined;
  });
  after(async function () {
    this.timeout(30_000);
    await practice?.stop();
  });
  return {
    get pod() {
      return there(current).pod;
    },
    get practice() {
      return there(practice);
    },
    get tmp() {
      return there(current).tmp;
    },
    connect,
  };
}

/** The same for one test that needs a pod of its own: started before, ended after, whatever happens. */
export async function withPod(
  practiceOptions: PracticeOptions,
  run: (test: TestPod) => Promise<void>,
  podOptions: Partial<PodOptions> = {},
): Promise<void> {
  const practice = await startPracticePod(practiceOptions);
  const tmp = await mkdtemp(join(tmpdir(), 'rpo-test-'));
  const connect = (options: Partial<PodOptions> = {}) => connectPod({ ...practice.podOptions, ...podOptions, ...options });
  const pod = connect();
  try {
    await run({ pod, practice, tmp, connect });
  } finally {
    pod.dispose();
    await practice.stop();
    await rm(tmp, { recursive: true, force: true });
  }
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The test pod exists only while a test runs.');
  return value;
}
