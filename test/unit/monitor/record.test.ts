import assert from 'node:assert/strict';
import { readErrorRecord } from '../../../src/monitor/record.ts';

describe('readErrorRecord', () => {
  it('takes the message of a record that says it is an error', () => {
    assert.deepEqual(readErrorRecord('{"ts": 1.5, "level": "error", "msg": "the shard is gone"}'), {
      message: 'the shard is gone',
      trace: [],
    });
    assert.deepEqual(readErrorRecord('  {"severity":"CRITICAL","message":"no data"}'), { message: 'no data', trace: [] });
  });

  it('takes the traceback it carries, whatever its field and level', () => {
    const trace = ['Traceback (most recent call last):', '  File "/w/t.py", line 9, in fit', "KeyError: 'text'"];
    const record = { levelname: 'WARNING', event: 'step failed', exception: trace.join('\n') };
    assert.deepEqual(readErrorRecord(JSON.stringify(record)), { message: 'step failed', trace });
  });

  it('leaves alone what is no error, no JSON, or no record', () => {
    for (const text of [
      '{"level": "info", "msg": "error rate 0.1"}',
      '{"epoch": 3, "error": 0.12}',
      '{"level": "error", "msg": "cut off',
      "{'level': 'error', 'msg': 'Python, not JSON'}",
      'level=error msg="the shard is gone"',
      `{"level": "error", "msg": "${'x'.repeat(40_000)}"}`,
    ])
      assert.equal(readErrorRecord(text), null, text.slice(0, 60));
  });
});
