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

  it('are cut to size and stay what their schema says', () => {
    const answer = { run: 'r', status: 'failed', findings: Array.from({ length: 50 }, () => evidence), total: 50 };
    const small = shrink(answer, answerLimit);
    assert.ok(JSON.stringify(small).length <= answerLimit);
    const parsed = findings.output.parse(small) as typeof answer;
    assert.equal(parsed.total, 50);
    assert.ok(parsed.findings.length >= 1);
    const more = shrink(answer, 20_000);
    assert.ok(JSON.stringify(more).length > JSON.stringify(small).length && JSON.stringify(more).length <= 20_000);
    assert.equal(shrink(evidence, 8_000), evidence);
  });

  it('keep the end of output, where it says why', () => {
    const { stdout } = shrink({ stdout: `first\n${'.\n'.repeat(5_000)}last` }, 500) as { stdout: string };
    assert.match(stdout, /^….*last$/s);
  });

  it('name tools, not verbs of the terminal', () => {
    assert.equal(forAgents('End it with `rpo stop r1`, or `rpo follow`.'), 'End it with `stop_run` (r1), or `wait_for_event`.');
    assert.equal(forAgents('`rpo pods add "ssh …"`'), '`rpo pods add "ssh …"` (for a person, in a terminal)');
  });
});
