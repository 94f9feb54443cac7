import assert from 'node:assert/strict';
import { z } from 'zod';
import type { LocatedFinding } from '../../../src/fixes/located.ts';
import { findingLines, findingRecord, findingSchema, locatedRecord } from '../../../src/operations/findings.ts';
import { operations } from '../../../src/operations/table.ts';
import { bytes, columns, duration, Tail } from '../../../src/operations/text.ts';

const finding = {
  type: 'cuda-oom',
  severity: 'error',
  message: 'CUDA out of memory. Tried to allocate 2.00 GiB',
  suggestion: 'Halve the batch size.',
  line: 12,
  frame: { file: '/workspace/moola/src/train.py', line: 7 },
  frames: [],
  exception: null,
  epoch: 2,
  step: null,
  fixes: [],
} as const;

const located: LocatedFinding = {
  finding,
  place: { file: '/nowhere/src/train.py', line: 7, source: 'frame' },
  related: [],
  actions: [{ kind: 'install', title: 'Install x', fix: { kind: 'deploy-and-retrain', title: '' }, command: 'pip install x' }],
};

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const long = 'x'.repeat(400);
const findings = many(200, (i) => ({ ...locatedRecord(located), message: `${long}${i}` }));
const fixes = many(100, (i) => ({ number: i + 1, kind: 'edit', title: long, finding: long }));
const watched = {
  run: 'r',
  pod: 'p',
  model: 'm',
  command: long,
  exitCode: 1,
  watching: 'to-the-end',
  findings,
  fixes,
  bytes: 1,
  milliseconds: 1,
};
const file = (i: number) => ({ path: `src/${i}-${long.slice(0, 80)}.py`, remotePath: '/r', bytes: 5, changed: true });
const fetched = {
  pod: 'p',
  folder: '/f',
  missing: many(500, () => long),
  incomplete: many(500, () => ({ path: long, why: long })),
  files: many(1_000, file),
  milliseconds: 1,
};
const verdict = {
  file: 'a.npy',
  labels: null,
  ok: false,
  summary: 's',
  problems: many(500, () => ({ severity: 'error', message: long })),
  shape: [1],
  dtype: '<f8',
  nan: 0,
  inf: 0,
  comparison: null,
  note: null,
};

/** The largest answers there can be, of those that grow with what they tell. */
const large: Readonly<Record<string, unknown>> = {
  verify: {
    pod: 'p',
    remoteRoot: '/r',
    ok: false,
    milliseconds: 1,
    checks: many(20, (i) => ({
      id: `${i}`,
      title: 't',
      status: 'failed',
      seen: long.slice(0, 100),
      advice: long.slice(0, 100),
      fix: 'Do it',
    })),
  },
  deploy: { pod: 'p', files: many(1_000, file), sent: 10_000, milliseconds: 1 },
  upload: { pod: 'p', files: many(1_000, file), sent: 10_000, milliseconds: 1 },
  download: fetched,
  results: fetched,
  logs: fetched,
  train: {
    ...watched,
    status: 'failed',
    metrics: { line: 1, epoch: 1, step: 1, metrics: Object.fromEntries(many(500, (i) => [`m${i}`, i])) },
  },
  follow: { ...watched, status: 'running', watching: 'interrupted', metrics: null },
  monitor: {
    logs: many(40, () => ({
      file: '-',
      bytes: 1,
      findings: findings.slice(0, 100),
      findingCount: 200,
      metricsLines: 1,
      lastMetrics: null,
    })),
  },
  validate: {
    ok: false,
    verdicts: many(15, () => ({ ...verdict, classes: many(100, (i) => ({ class: `${i}`, count: 1, share: 0.1, accuracy: 0.5 })) })),
  },
  retrain: {
    id: 'p',
    state: 'failed',
    startedAt: 't',
    rounds: 2,
    stages: many(20, (i) => ({
      name: `${i}`,
      state: 'failed',
      jobs: many(10, () => ({
        key: 'k',
        label: 'm',
        state: 'failed',
        run: 'r',
        seconds: 1,
        accuracy: 0.5,
        summary: long,
        hints: many(20, () => long),
      })),
    })),
  },
  fix: {
    run: 'r',
    model: null,
    findings: 3,
    applied: null,
    actions: many(200, (i) => ({ number: i, kind: 'deploy', title: long.slice(0, 100), finding: long })),
  },
};

describe('the operations table', () => {
  it('has names and titles once, and descriptions that fit together into what an agent reads', () => {
    assert.equal(new Set(operations.map(({ name }) => name)).size, operations.length);
    assert.equal(new Set(operations.map(({ title }) => title)).size, operations.length);
    const total = operations.reduce((sum, { description }) => sum + description.length, 0);
    assert.ok(total < 6000, String(total));
    for (const { name, description } of operations) assert.match(description, /^[A-Z].*\.$/s, name);
  });

  it('has schemas that become JSON schemas, with a description on every input', () => {
    for (const { name, input, output } of operations) {
      const { properties = {} } = z.toJSONSchema(input, { io: 'input' }) as { properties?: Record<string, { description?: string }> };
      for (const [field, property] of Object.entries(properties)) assert.ok(property.description, `${name}: ${field}`);
      assert.equal((z.toJSONSchema(output) as { type?: string }).type, 'object', name);
    }
  });

  it('answers in words of bounded size', () => {
    for (const record of operations) {
      const answer = large[record.name];
      if (answer === undefined) continue;
      const output = record.output.parse(answer);
      for (const eventsShown of [true, false]) {
        const { length } = record.render(output, { eventsShown });
        assert.ok(length < 8000, `${record.name}: ${length} characters`);
      }
    }
  });

  it('masks secrets in what programs get of a finding', () => {
    const message = 'OSError: 401 for token hf_abcdefghijklmnop1234';
    assert.equal(locatedRecord({ ...located, finding: { ...finding, message } }).message, 'OSError: 401 for token hf_***');
  });

  it('tells a finding with and without a local place', async () => {
    assert.deepEqual(findingSchema.parse(findingRecord(finding)), findingRecord(finding));
    assert.deepEqual(findingSchema.parse(locatedRecord(located)), locatedRecord(located));
    assert.deepEqual(
      (await findingLines(located, '/nowhere')).map(({ role, text }) => `${role}: ${text}`),
      [
        'title: error cuda-oom: CUDA out of memory. Tried to allocate 2.00 GiB',
        'place: at src/train.py:7',
        'suggestion: Halve the batch size.',
        'action: fix: Install x (pip install x)',
      ],
    );
    const [, place] = await findingLines({ ...located, place: null, actions: [] }, '/nowhere');
    assert.equal(place?.text, 'at /workspace/moola/src/train.py:7 (on the pod)');
  });
});

describe('numbers as words', () => {
  it('counts bytes and time', () => {
    assert.deepEqual([0, 999, 1000, 7168, 999_499, 999_999, 1.5e9].map(bytes), [
      '0 B',
      '999 B',
      '1.0 KB',
      '7.2 KB',
      '999 KB',
      '1.0 MB',
      '1.5 GB',
    ]);
    assert.deepEqual([4.4, 999, 1000, 59_900, 250_000, 7_500_000].map(duration), [
      '4 ms',
      '999 ms',
      '1.0 s',
      '59.9 s',
      '4 min 10 s',
      '2 h 5 min',
    ]);
  });

  it('lines up columns', () => {
    assert.deepEqual(
      columns([
        ['a', 'bb', 'c'],
        ['aaa', 'b', ''],
      ]),
      ['a    bb  c', 'aaa  b'],
    );
  });

  it('keeps the end of a stream', () => {
    const tail = new Tail(5);
    for (const text of ['abc', 'defgh', 'ij', 'k'.repeat(20), 'xyz']) tail.add(text);
    assert.equal(tail.value, 'kkxyz');
    assert.equal(tail.total - tail.value.length, 28);
  });
});
