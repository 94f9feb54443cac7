import assert from 'node:assert/strict';
import { TracebackReader } from '../../../src/monitor/traceback.ts';
import type { RaisedException } from '../../../src/monitor/traceback.ts';

function read(text: string): RaisedException[] {
  const raised: RaisedException[] = [];
  const reader = new TracebackReader(
    (exception) => raised.push(exception),
    () => {},
    () => {},
  );
  const lines = text.split('\n');
  lines.forEach((line, i) => reader.read(line, i + 1));
  reader.end(lines.length);
  return raised;
}

const places = (exception: RaisedException): string[] => exception.frames.map((f) => `${f.file}:${f.line}`);

describe('TracebackReader', () => {
  it('reads frames, their source and functions, the exception and its line', () => {
    const [one, ...rest] = read(
      [
        'Traceback (most recent call last):',
        '  File "/workspace/a b/train.py", line 12, in <module>',
        '    main()',
        '    ^^^^^^',
        '  File "/workspace/model.py", line 3, in main',
        '    return 1 / 0',
        '           ~~^~~',
        'ZeroDivisionError: division by zero',
        'done',
      ].join('\n'),
    );
    assert.equal(rest.length, 0);
    assert.deepEqual([one!.name, one!.message, one!.line, one!.link], ['ZeroDivisionError', 'division by zero', 8, 'none']);
    assert.deepEqual(one!.frames, [
      { file: '/workspace/a b/train.py', line: 12, function: '<module>', code: 'main()' },
      { file: '/workspace/model.py', line: 3, function: 'main', code: 'return 1 / 0' },
    ]);
  });

  it('takes an empty message, and a class with modules', () => {
    const text = (end: string): string => ['Traceback (most recent call last):', '  File "t.py", line 1, in f', '    x', end].join('\n');
    assert.equal(read(text('EOFError'))[0]!.name, 'EOFError');
    assert.equal(read(text('AssertionError: '))[0]!.message, '');
    assert.equal(read(text('cv2.error: OpenCV(4.5) bad'))[0]!.name, 'cv2.error');
    assert.equal(read(text('subprocess.TimeoutExpired: Command'))[0]!.name, 'subprocess.TimeoutExpired');
  });

  it('reads one that was printed with an indentation, up to its exception', () => {
    const text = ['Traceback (most recent call last):', '    File "t.py", line 3, in f', '      build()', "    KeyError: 'no such part'"];
    assert.deepEqual(
      read(text.join('\n')).map(({ name, message, complete }) => [name, message, complete]),
      [['KeyError', "'no such part'", true]],
    );
  });

  it('reads lines of many hosts, each with its ranks', () => {
    const text = ['Traceback (most recent call last):', '  File "t.py", line 3, in f', '    step()', 'RuntimeError: bad'];
    for (const prefix of ['10.0.0.7: [rank5]: ', 'gpu-node.cluster: ', 'worker1: '])
      assert.deepEqual(
        read(text.map((line) => prefix + line).join('\n')).map((one) => [one.name, one.who, ...places(one)]),
        [['RuntimeError', prefix.includes('rank5') ? 'rank5' : prefix.slice(0, -2), 't.py:3']],
      );
  });

  it('takes the original for the exception that wraps it as its message', () => {
    const [one, ...rest] = read(
      [
        'Traceback (most recent call last):',
        '  File "train.py", line 9, in <module>',
        '    for batch in loader:',
        'OSError: Traceback (most recent call last):',
        '  File "data.py", line 4, in __getitem__',
        '    open(path)',
        "OSError: [Errno 5] Input/output error: 'a.png'",
      ].join('\n'),
    );
    assert.deepEqual([rest.length, one!.message, places(one!)], [0, "[Errno 5] Input/output error: 'a.png'", ['data.py:4']]);
  });

  it('tells what TensorFlow 1 repeats below the operation only once', () => {
    const raised = read(
      [
        'Traceback (most recent call last):',
        '  File "train.py", line 9, in <module>',
        '    sess.run(step)',
        'tensorflow.python.framework.errors_impl.InvalidArgumentError: bad labels',
        ...Array.from({ length: 14 }, (_, i) => `\t [[Node: n${i}]]`),
        "Caused by op 'n0', defined at:",
        '  File "net.py", line 2, in build',
        '    loss(x)',
        'InvalidArgumentError (see above for traceback): bad labels',
      ].join('\n'),
    );
    assert.deepEqual(
      raised.map(({ message }) => message),
      ['bad labels'],
    );
  });

  it('reads the stack of the thread that crashed, innermost frame first', () => {
    const [one] = read(
      [
        'Fatal Python error: Segmentation fault',
        '',
        'Thread 0x00007f01 (most recent call first):',
        '  File "/usr/lib/python3.11/threading.py", line 320 in wait',
        '',
        'Current thread 0x00007f02 (most recent call first):',
        '  File "/venv/lib/python3.11/site-packages/cv2/__init__.py", line 8 in imread',
        '  File "/workspace/data.py", line 31 in __getitem__',
      ].join('\n'),
    );
    assert.deepEqual(
      [one!.name, one!.message, places(one!)],
      ['Fatal Python error', 'Segmentation fault', ['/workspace/data.py:31', '/venv/lib/python3.11/site-packages/cv2/__init__.py:8']],
    );
  });

  it('links chained exceptions', () => {
    const chain = (sentence: string): string =>
      [
        'Traceback (most recent call last):',
        '  File "a.py", line 1, in f',
        '    g()',
        "KeyError: 'x'",
        '',
        sentence,
        '',
        'Traceback (most recent call last):',
        '  File "b.py", line 2, in h',
        '    raise',
        'ValueError: bad',
      ].join('\n');
    for (const sentence of [
      'During handling of the above exception, another exception occurred:',
      'The above exception was the direct cause of the following exception:',
    ])
      assert.deepEqual(
        read(chain(sentence)).map((e) => [e.name, e.link]),
        [
          ['KeyError', 'none'],
          ['ValueError', 'chained'],
        ],
      );
  });

  it('links the traceback a data loader worker passes on', () => {
    const raised = read(
      [
        'Traceback (most recent call last):',
        '  File "train.py", line 9, in main',
        '    for x in loader:',
        'KeyError: Caught KeyError in DataLoader worker process 0.',
        'Original Traceback (most recent call last):',
        '  File "data.py", line 7, in __getitem__',
        "    return d['x']",
        "KeyError: 'x'",
      ].join('\n'),
    );
    assert.deepEqual(
      raised.map((e) => [e.link, places(e)]),
      [
        ['none', ['train.py:9']],
        ['original', ['data.py:7']],
      ],
    );
  });

  it('keeps ranks apart that print interleaved', () => {
    const raised = read(
      [
        '[rank0]: Traceback (most recent call last):',
        '[rank1]: Traceback (most recent call last):',
        '[rank0]:   File "a.py", line 1, in f',
        '[rank1]:   File "b.py", line 2, in f',
        '[rank1]:     y()',
        '[rank0]:     x()',
        '[rank1]: ValueError: one',
        '[rank0]: ValueError: zero',
      ].join('\n'),
    );
    assert.deepEqual(
      raised.map((e) => [e.who, e.message, places(e)]),
      [
        ['rank1', 'one', ['b.py:2']],
        ['rank0', 'zero', ['a.py:1']],
      ],
    );
  });

  for (const prefix of [
    '12: ',
    '(train_fn pid=123) ',
    '[1,3]<stderr>:',
    '2024-05-01 12:00:00,123 - train - ERROR - ',
    'ERROR 09-12 03:04:05 core.py:700] ',
    'node7| ',
  ]) {
    it(`reads behind the prefix ${JSON.stringify(prefix)}`, () => {
      const raised = read(
        ['Traceback (most recent call last):', '  File "a.py", line 1, in f', '    x()', 'ValueError: bad']
          .map((line) => prefix + line)
          .join('\n'),
      );
      assert.deepEqual(
        raised.map((e) => [e.name, e.message, places(e)]),
        [['ValueError', 'bad', ['a.py:1']]],
      );
    });
  }

  it('reads a traceback that begins behind a progress bar', () => {
    const raised = read(
      [
        '  2%|▏  | 4/200 [00:01<01:00,  3.2it/s]Traceback (most recent call last):',
        '  File "a.py", line 1, in f',
        '    x()',
        'ValueError: bad',
      ].join('\n'),
    );
    assert.deepEqual(
      raised.map((e) => e.name),
      ['ValueError'],
    );
  });

  it('reads syntax errors, which have no header', () => {
    const [one] = read(['  File "/workspace/train.py", line 5', '    def f(:', '          ^', 'SyntaxError: invalid syntax'].join('\n'));
    assert.deepEqual([one!.name, places(one!)], ['SyntaxError', ['/workspace/train.py:5']]);
  });

  it('reads notebooks, new and old', () => {
    const rule = '-'.repeat(75);
    const fresh = read(
      [
        rule,
        'ValueError                                Traceback (most recent call last)',
        'Cell In[5], line 3',
        '      1 import x',
        '----> 3 f()',
        '',
        'File ~/proj/a.py:12, in f()',
        '     10 def f():',
        '---> 12     raise ValueError("bad")',
        '',
        'ValueError: bad',
      ].join('\n'),
    );
    assert.deepEqual(
      fresh.map((e) => [e.name, places(e)]),
      [['ValueError', ['Cell In[5]:3', '~/proj/a.py:12']]],
    );
    const old = read(
      [
        rule,
        'KeyError                                  Traceback (most recent call last)',
        '<ipython-input-3-abc> in <module>',
        '      1 import x',
        "----> 2 d['k']",
        '',
        "KeyError: 'k'",
      ].join('\n'),
    );
    assert.deepEqual(
      old.map((e) => [e.name, places(e)]),
      [['KeyError', ['<ipython-input-3-abc>:2']]],
    );
  });

  it('reads exception groups: the first inner exception is the original', () => {
    const raised = read(
      [
        '  + Exception Group Traceback (most recent call last):',
        '  |   File "a.py", line 1, in <module>',
        '  |     raise ExceptionGroup("two", es)',
        '  | ExceptionGroup: two (2 sub-exceptions)',
        '  +-+---------------- 1 ----------------',
        '    | Traceback (most recent call last):',
        '    |   File "b.py", line 2, in f',
        '    |     raise ValueError("inner")',
        '    | ValueError: inner',
        '    +------------------------------------',
      ].join('\n'),
    );
    assert.deepEqual(
      raised.map((e) => [e.name, e.link, places(e)]),
      [
        ['ExceptionGroup', 'none', ['a.py:1']],
        ['ValueError', 'original', ['b.py:2']],
      ],
    );
  });

  it('reads rich’s boxes and loguru’s marks', () => {
    const rich = read(
      [
        '╭─────────────── Traceback (most recent call last) ───────────────╮',
        '│ /workspace/train.py:42 in fit                                   │',
        '│                                                                 │',
        '│   41 │   x = load()                                             │',
        '│ ❱ 42 │   y = model(x)                                           │',
        '│                                                                 │',
        '│ /opt/venv/lib/python3.11/site-packages/torch/nn/modules/module.py:1518 in     │',
        '╰─────────────────────────────────────────────────────────────────╯',
        'RuntimeError: bad',
      ].join('\n'),
    );
    assert.deepEqual(
      rich.map((e) => [e.name, places(e)]),
      [['RuntimeError', ['/workspace/train.py:42']]],
    );
    const loguru = read(
      [
        'Traceback (most recent call last):',
        '',
        '> File "/workspace/train.py", line 9, in <module>',
        '    main()',
        '    └ <function main at 0x7f>',
        '',
        'ValueError: bad',
      ].join('\n'),
    );
    assert.deepEqual(
      loguru.map((e) => [e.name, places(e)]),
      [['ValueError', ['/workspace/train.py:9']]],
    );
  });

  it('leaves out what Python itself ignores', () => {
    assert.deepEqual(
      read(
        [
          'Exception ignored in: <function X.__del__ at 0x7f>',
          'Traceback (most recent call last):',
          '  File "a.py", line 1, in __del__',
          '    x()',
          'TypeError: bad',
        ].join('\n'),
      ),
      [],
    );
  });

  it('reads an exception that Ray calls by its cause as well, and below it the worker’s own where there is one', () => {
    const of = (...below: string[]): unknown =>
      read(['Traceback (most recent call last):', '  File "a.py", line 1, in f', '    ray.get(x)', ...below].join('\n')).map((e) => [
        e.name,
        places(e),
      ]);
    assert.deepEqual(of('ray.exceptions.RayTaskError(SyntaxError): <no detail available>'), [
      ['ray.exceptions.RayTaskError(SyntaxError)', ['a.py:1']],
    ]);
    assert.deepEqual(
      of(
        'ray.exceptions.RayTaskError(KeyError): ray::f() (pid=12, ip=10.0.0.1)',
        '  File "b.py", line 2, in g',
        "    d['x']",
        "KeyError: 'x'",
      ),
      [['KeyError', ['a.py:1', 'b.py:2']]],
    );
  });

  it('says that a traceback was cut off', () => {
    const [one] = read(['Traceback (most recent call last):', '  File "a.py", line 1, in f', '    x()'].join('\n'));
    assert.deepEqual([one!.complete, places(one!)], [false, ['a.py:1']]);
  });
});
