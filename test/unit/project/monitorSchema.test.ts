import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_THRESHOLDS } from '../../../src/monitor/thresholds.ts';
import { monitorSchema } from '../../../src/project/monitorSchema.ts';
import { projectSchema } from '../../../src/project/schema.ts';

describe('thresholds of the monitor', () => {
  it('are the same in the monitor, in runpod.json’s schema and in docs/monitor.md, with their defaults', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/monitor.md'), 'utf8');
    const documented = [...docs.matchAll(/^\| `(\w+)` \| (\S+) \|/gm)].map(([, name, value]) => [name!, Number(value)]);
    assert.deepEqual(Object.fromEntries(documented), DEFAULT_THRESHOLDS);
    const described = Object.entries(monitorSchema.shape).map(([name, schema]) => [
      name,
      Number(/Default: ([\d.e-]+?)\.$/.exec(schema.description ?? '')?.[1]),
    ]);
    assert.deepEqual(Object.fromEntries(described), DEFAULT_THRESHOLDS);
  });

  it('are read from runpod.json, and held in bounds', () => {
    assert.deepEqual(projectSchema.parse({ monitor: { plateauPatience: 30 } }).monitor, { plateauPatience: 30 });
    assert.equal(projectSchema.parse({}).monitor, undefined);
    for (const monitor of [{ plateauPatience: 0 }, { hangFactor: -1 }, { lossWindow: 2 }, { patience: 3 }])
      assert.ok(!projectSchema.safeParse({ monitor }).success, JSON.stringify(monitor));
  });
});
