import assert from 'node:assert/strict';
import { LINE_GATE, RULES, classifyException, classifyLine } from '../../../src/monitor/rules.ts';

describe('rules', () => {
  for (const rule of RULES) {
    const read = rule.on === 'exception' ? classifyException : classifyLine;
    for (const sample of rule.samples) {
      it(`${rule.type}: ${sample.slice(0, 90)}`, () => {
        assert.equal(read(sample)?.rule.type, rule.type);
        if (rule.on === 'line') assert.match(sample, LINE_GATE, 'the gate must let every line sample through');
      });
    }
    for (const other of rule.lookalikes ?? []) {
      it(`${rule.type}: not ${other.slice(0, 90)}`, () => {
        assert.notEqual(read(other)?.rule.type, rule.type);
      });
    }
  }

  it('has no pattern that remembers its position', () => {
    for (const rule of RULES) assert.ok(!rule.pattern.global && !rule.pattern.sticky, String(rule.pattern));
  });
});
