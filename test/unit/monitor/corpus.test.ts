import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../..');
const corpus = resolve(root, '../shared/corpus');

/** A little below what was reached when this was written: a change that makes the monitor worse on real logs fails here. */
const FLOORS = {
  errors: { recall: 99, precision: 99, frame: 98, quietOnClean: 98 },
  metrics: { f1: 98.5, recall: 98.5, precision: 98, place: 99 },
} as const;

function score(mode: keyof typeof FLOORS): Record<string, number> {
  const cases = join(corpus, `${mode}.dev.jsonl`);
  const run = spawnSync(
    process.execPath,
    [join(corpus, 'score.mjs'), mode, cases, '--', process.execPath, '--import=tsx', 'test/unit/monitor/scoreCli.ts'],
    { cwd: root, encoding: 'utf8' },
  );
  assert.equal(run.status, 0, run.stderr);
  const last = run.stdout.trim().split('\n').pop()!;
  return Object.fromEntries([...last.matchAll(/(\w+) ([\d.]+)%/g)].map(([, name, value]) => [name!, Number(value)]));
}

describe('monitor on real logs (../shared/corpus, development half)', function () {
  this.timeout(120_000);
  for (const mode of ['errors', 'metrics'] as const) {
    it(existsSync(corpus) ? mode : `${mode}: not scored, ../shared/corpus is not here`, function () {
      if (!existsSync(corpus)) this.skip();
      const reached = score(mode);
      for (const [name, floor] of Object.entries(FLOORS[mode]))
        assert.ok(reached[name]! >= floor, `${name} is ${reached[name]} %, should be at least ${floor} %`);
    });
  }
});
