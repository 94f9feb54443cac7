import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../../src/monitor/finding.ts';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';

interface Sample {
  readonly name: string;
  readonly expected: readonly string[];
  readonly log: string;
}

function samples(): Sample[] {
  const text = readFileSync(join(import.meta.dirname, '../../fixtures/failures.txt'), 'utf8');
  return text
    .split(/^=== /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      const [name = '', expected = ''] = part.slice(0, end).split(' | ');
      return { name, expected: expected === '' ? [] : expected.split('; '), log: part.slice(end + 1) };
    });
}

function shown({ type, line, frame, followers = [] }: Finding): string {
  const where = frame === null ? '' : ` ${frame.file}:${frame.line}`;
  return `${type}@${line}${where}${followers.map((follower) => ` <${follower.type}`).join('')}`;
}

describe('failures (test/fixtures/failures.txt)', () => {
  for (const { name, expected, log } of samples()) {
    it(name, () => {
      const monitor = new TrainingMonitor();
      monitor.write(log);
      monitor.end();
      const told = monitor.getErrors().filter(({ severity }) => severity !== 'info');
      assert.deepEqual(told.map(shown), expected);
    });
  }
});
