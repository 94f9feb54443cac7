import assert from 'node:assert/strict';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';
import { readContainerRecord, readErrorRecord } from '../../../src/monitor/record.ts';

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

describe('readContainerRecord', () => {
  const record = (log: string): string => JSON.stringify({ log, stream: 'stderr', time: '2024-05-01T10:00:00.123456789Z' });

  it('takes what the program printed, after its redraws', () => {
    assert.equal(readContainerRecord(record('epoch 3 "loss" 0.5\n')), 'epoch 3 "loss" 0.5');
    assert.equal(readContainerRecord(record(' 10%\r 20%\r')), ' 20%');
    assert.equal(readContainerRecord(record('\n')), '');
  });

  it('leaves alone what is no such record', () => {
    for (const text of ['{"log": "a", "step": 3}', '{"log":"cut off', '{"log":0.5,"stream":"stdout"}', '{"loss": 0.5}'])
      assert.equal(readContainerRecord(text), null, text);
  });

  it('is read by the monitor like the line it keeps, as bytes and as text', () => {
    const lines = [
      '{"loss": 0.5, "step": 12}',
      'Traceback (most recent call last):',
      '  File "fit.py", line 9, in fit',
      "KeyError: 'text'",
    ];
    const log = `${lines.map((line) => record(`${line}\n`)).join('\n')}\n`;
    for (const input of [log, new TextEncoder().encode(log)]) {
      const monitor = new TrainingMonitor();
      const events = monitor.write(input);
      monitor.end();
      assert.deepEqual(monitor.latest.metrics, { loss: 0.5 });
      assert.equal(monitor.latest.step, 12);
      assert.equal(monitor.getErrors()[0]?.frame?.file, 'fit.py');
      assert.deepEqual(
        events.flatMap((event) => (event.kind === 'line' ? [event.text] : [])),
        lines,
      );
    }
  });
});
