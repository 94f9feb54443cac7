import assert from 'node:assert/strict';
import { behindBar, gluedAt } from '../../../src/monitor/glued.ts';

describe('gluedAt', () => {
  const both: readonly (readonly [string, string])[] = [
    ['    ^^^^^^', '[rank1]:[E1003 10:00:00.1 ProcessGroupNCCL.cpp:607] Watchdog'],
    ['    ~~~~~^^', 'loading'],
    ['    loss.backward()', '[rank12]:   File "/w/t.py", line 9, in fit'],
    ["KeyError: 'of'", '[rank3]: Traceback (most recent call last):'],
    ['RuntimeError: bad shapes (4x3)', 'Traceback (most recent call last):'],
  ];
  for (const [one, other] of both) it(`${one}|${other}`, () => assert.equal(gluedAt(one + other), one.length));

  for (const text of [
    '    ^^^^^^',
    '    ~~~~^^^^~~~~',
    '[rank1]:     ^^^^^^',
    '[default0]:[rank0]: Traceback (most recent call last):',
    'n1: [rank5]:   File "/w/t.py", line 9, in fit',
    'ERROR:root:Traceback (most recent call last):',
    'RuntimeError: Traceback (most recent call last):',
    '    x = a ^ b',
    '    log(f"[rank0]: began")',
    "ValueError: a peer said '[rank1]: KeyError: 3'",
    '',
  ])
    it(`one speaker: ${text}`, () => assert.equal(gluedAt(text), 0));
});

describe('behindBar', () => {
  for (const bar of [
    ' 40%|####      | 4/10 [00:12<00:17,  3.31it/s, loss=0.51]',
    'Epoch 0: |          | 4540/? [07:57<00:00,  9.51it/s]',
    '  0%|          | 0/50 [00:00<?, ?it/s]',
    ' 2%|2         | 1/50 [10:40<8:42:41, 640.03s/it] 4%|4         | 2/50 [21:20<8:32:01, 640.04s/it]',
    '12it [00:01, 9.8batch/s]',
    'a.bin: 100%|##########| 9.1M/9.1M [00:01<00:00, 8.3MB/s]',
  ]) {
    it(bar, () => {
      assert.equal(behindBar(`${bar}Killed`), 'Killed');
      assert.equal(behindBar(`${bar}  Killed`), 'Killed');
      assert.equal(behindBar(bar), bar);
    });
  }

  for (const text of ['[00:12] Killed', 'step 4 [12.5 it/s] Killed', '[2024-05-01 10:00:00, 3 samples/s] done'])
    it(`no bar: ${text}`, () => assert.equal(behindBar(text), text));
});
