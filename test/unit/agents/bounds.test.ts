import assert from 'node:assert/strict';
import { answerLimit, boundText, shrink } from '../../../src/agents/bounds.ts';
import { forAgents } from '../../../src/agents/words.ts';
import { findings } from '../../../src/operations/status.ts';

const evidence = {
  type: 'shape-mismatch',
  severity: 'error',
  message: 'm'.repeat(600),
  suggestion: 's'.repeat(400),
  logLine: 1,
  epoch: null,
  place: 'a.py:1',
  source: Array.from({ length: 9 }, (_, i) => `${i} | ${'x'.repeat(160)}`),
  callers: ['b.py:2', 'c.py:3'],
  fixes: ['f'.repeat(200)],
  advice: ['a'.repeat(300)],
};

describe('answers to agents', () => {
  it('keep the beginning and the end of a long text, and say how much is missing', () => {
    assert.equal(boundText('short', 100), 'short');
    const text = boundText(`what happened ${'.'.repeat(9_000)} what to do`, 1_000);
    assert.ok(text.length <= 1_000);
    assert.match(text, /^what happened .*\n\[\d+ characters left out\]\n.* what to do$/s);
  });

  it('are cut to size, stay what their schema says, and say what is missing', () => {
    const answer = { run: 'r', status: 'failed', findings: Array.from({ length: 50 }, () => evidence), from: 1, total: 50 };
    const small = shrink(answer, answerLimit);
    assert.ok(JSON.stringify(small.value).length + JSON.stringify(small.shortened).length <= answerLimit);
    const parsed = findings.output.parse(small.value) as typeof answer;
    assert.equal(parsed.total, 50);
    assert.ok(parsed.findings.length >= 1);
    assert.ok(small.shortened.includes(`findings: ${parsed.findings.length} of 50`), small.shortened.join('; '));
    const more = shrink(answer, 20_000);
    assert.ok(JSON.stringify(more.value).length > JSON.stringify(small.value).length && JSON.stringify(more.value).length <= 20_000);
    assert.deepEqual(shrink(evidence, 8_000), { value: evidence, shortened: [] });
  });

  it('never cut what the next call takes up', () => {
    const cursor = `20260101-000000-logreg-abcd@${'1'.repeat(300)}.0`;
    const fix = `Change learning_rate ${'f'.repeat(300)}`;
    const { value, shortened } = shrink({ cursor, fixes: [fix], output: 'line\n'.repeat(2_000) }, 1_000);
    const kept = value as { readonly cursor: string; readonly fixes: readonly string[]; readonly output: string };
    assert.deepEqual([kept.cursor, kept.fixes], [cursor, [fix]]);
    assert.match(shortened.join(), /^output: \d+ of 10000 characters$/);
  });

  it('keep the end of output, where it says why', () => {
    const { stdout } = shrink({ stdout: `first\n${'.\n'.repeat(5_000)}last` }, 500).value as { stdout: string };
    assert.match(stdout, /^….*last$/s);
  });

  it('name tools, not verbs of the terminal', () => {
    assert.equal(forAgents('End it with `rpo stop r1`, or `rpo follow`.'), 'End it with `stop_run` (r1), or `wait_for_event`.');
    assert.equal(forAgents('`rpo pods add "ssh …"`'), '`rpo pods add "ssh …"` (for a person, in a terminal)');
  });
});
