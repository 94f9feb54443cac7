import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';
import type { MonitorEvent } from '../../../src/monitor/monitor.ts';
import type { Finding } from '../../../src/monitor/finding.ts';

function watch(lines: readonly string[]): { monitor: TrainingMonitor; events: MonitorEvent[]; findings: readonly Finding[] } {
  const monitor = new TrainingMonitor();
  const events = [...monitor.write(`${lines.join('\n')}\n`), ...monitor.end()];
  return { monitor, events, findings: monitor.getErrors() };
}

const traceback = (exception: string, file = '/workspace/moola/src/moola/train.py', line = 42): string[] => [
  'Traceback (most recent call last):',
  '  File "/usr/lib/python3.11/runpy.py", line 196, in _run_module_as_main',
  '    return _run_code(code, main_globals, None,',
  `  File "${file}", line ${line}, in fit`,
  '    loss.backward()',
  '  File "/workspace/venv/lib/python3.11/site-packages/torch/_tensor.py", line 525, in backward',
  '    torch.autograd.backward(',
  exception,
];

describe('TrainingMonitor', () => {
  it('reads the example project’s progress', () => {
    const { monitor, findings } = watch([
      'Epoch 3/30 | train_loss 0.5123 | val_loss 0.6123 | val_acc 0.8123 | grad_norm 1.23',
      'class consolidation: accuracy 0.91 (n=120)',
    ]);
    assert.deepEqual(findings, []);
    assert.deepEqual(monitor.getMetrics()[0], {
      kind: 'metrics',
      line: 1,
      epoch: 3,
      epochs: 30,
      step: null,
      steps: null,
      metrics: { train_loss: 0.5123, val_loss: 0.6123, val_acc: 0.8123, grad_norm: 1.23 },
    });
    assert.equal(monitor.latest.epoch, 3);
    assert.equal(monitor.latest.metrics['val_acc'], 0.8123);
  });

  it('finds an exception with the innermost frame of the project', () => {
    const { findings, monitor } = watch([
      'Epoch 2/30 | train_loss 0.5',
      ...traceback('RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x12 and 16x4)'),
    ]);
    assert.equal(findings.length, 1);
    const finding = findings[0]!;
    assert.equal(finding.type, 'shape-mismatch');
    assert.deepEqual(finding.frame, { file: '/workspace/moola/src/moola/train.py', line: 42, function: 'fit', code: 'loss.backward()' });
    assert.equal(finding.frames.length, 3);
    assert.deepEqual([finding.line, finding.epoch, finding.severity], [9, 2, 'error']);
    assert.ok(monitor.hasErrors());
    assert.deepEqual(monitor.getErrors('warning'), []);
  });

  it('gives a failure without a kind of its own as python-exception', () => {
    assert.equal(watch(traceback("KeyError: 'missing'")).findings[0]!.type, 'python-exception');
  });

  it('reads what Hydra quotes of the system’s errors, number and all', () => {
    const quoted = (what: string): readonly string[] =>
      watch(["Error in call to target 'models.Net':", what, 'full_key: model']).findings.map((f) => f.type);
    assert.deepEqual(quoted("FileNotFoundError(2, 'No such file or directory')"), ['file-not-found']);
    assert.deepEqual(quoted("OSError(28, 'No space left on device')"), ['disk-full']);
    assert.deepEqual(watch(["retrying after ConnectionResetError(104, 'Connection reset by peer')", 'step 3: loss 0.5']).findings, []);
  });

  it('does not take a library that Cython compiled for the project: the modules stand before its functions', () => {
    const of = (frame: string): string | undefined =>
      watch(['Traceback (most recent call last):', '  File "train.py", line 3, in <module>', '    main()', frame, 'ValueError: bad'])
        .findings[0]?.frame?.file;
    assert.equal(of(String.raw`  File "settings\main.py", line 7, in settings.main.Base.__init__`), 'train.py');
    assert.equal(of('  File "/build/a/b/c.py", line 7, in a.b.c.load'), 'train.py');
    assert.equal(of('  File "a/b/__init__.py", line 7, in a.b.load'), 'train.py');
    assert.equal(of('  File "a/b.py", line 7, in load'), 'a/b.py');
    // IPython has a class before its methods
    assert.equal(of('  File "/w/a/b.py", line 7, in b.load'), '/w/a/b.py');
  });

  it('joins a nan line and the exception it led to: one finding, amended with the frame', () => {
    const { events, findings } = watch([
      'Epoch 3/30 | train_loss nan | val_loss nan',
      ...traceback('FloatingPointError: loss became nan in epoch 3'),
    ]);
    assert.equal(findings.length, 1);
    assert.deepEqual([findings[0]!.type, findings[0]!.line, findings[0]!.frame?.line], ['nan-loss', 1, 42]);
    const told = events.filter((e) => e.kind === 'finding');
    assert.equal(told.length, 2);
    assert.equal(told[0]!.amends, undefined);
    assert.equal(told[1]!.amends, told[0]!.finding);
    assert.equal(told[1]!.finding, findings[0]);
  });

  it('names the ranks that failed alike in one finding', () => {
    const lines = [1, 0, 3].flatMap((rank) =>
      traceback('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB').map((l) => `[rank${rank}]: ${l}`),
    );
    const { findings } = watch(lines);
    assert.equal(findings.length, 1);
    assert.deepEqual(findings[0]!.ranks, ['rank1', 'rank0', 'rank3']);
    assert.deepEqual(findings[0]!.fixes[0], { ...findings[0]!.fixes[0], kind: 'scale-setting', factor: 0.5 });
  });

  it('takes the exception that ended the program as the name of a chain', () => {
    const { findings } = watch([
      ...traceback("KeyError: 'k'"),
      '',
      'During handling of the above exception, another exception occurred:',
      '',
      ...traceback('RuntimeError: CUDA out of memory. Tried to allocate 1 GiB', '/workspace/b.py', 7),
    ]);
    assert.deepEqual(
      findings.map((f) => [f.type, f.frame?.file]),
      [['cuda-oom', '/workspace/b.py']],
    );
  });

  it('offers the package of a missing module, not for a module of the project', () => {
    const fixes = (message: string, file?: string): string[] =>
      watch(traceback(message, file)).findings[0]!.fixes.map((f) => ('package' in f ? `${f.kind} ${f.package}` : f.kind));
    assert.deepEqual(fixes("ModuleNotFoundError: No module named 'sklearn'"), ['install-package scikit-learn', 'deploy-and-retrain']);
    assert.deepEqual(fixes("ModuleNotFoundError: No module named 'sklearn.externals'"), ['deploy-and-retrain']);
    assert.deepEqual(fixes("ModuleNotFoundError: No module named 'xgboost'"), ['install-package xgboost', 'deploy-and-retrain']);
    assert.deepEqual(fixes("ModuleNotFoundError: No module named 'moola.models.lstm'"), ['deploy-file', 'deploy-and-retrain']);
    assert.deepEqual(fixes("ModuleNotFoundError: No module named 'moola'"), ['deploy-file', 'deploy-and-retrain']);
    assert.deepEqual(fixes("ImportError: cannot import name 'Net' from 'moola.models' (/workspace/moola/src/moola/models/__init__.py)"), [
      'deploy-file',
      'deploy-and-retrain',
    ]);
  });

  it('names the encoder that is missing and offers to deploy it', () => {
    const { findings } = watch(traceback("FileNotFoundError: [Errno 2] No such file or directory: 'artifacts/pretrained/encoder.pt'"));
    assert.equal(findings[0]!.type, 'encoder-not-found');
    assert.deepEqual(findings[0]!.fixes[0], {
      kind: 'deploy-file',
      path: 'artifacts/pretrained/encoder.pt',
      title: 'Deploy encoder.pt to the pod',
    });
  });

  it('has no use for deploying and training again where a file or an encoder is missing', () => {
    for (const path of ['artifacts/pretrained/encoder.pt', 'data/train.csv']) {
      const { findings } = watch(traceback(`FileNotFoundError: [Errno 2] No such file or directory: '${path}'`));
      assert.ok(!findings[0]!.fixes.some(({ kind }) => kind === 'deploy-and-retrain'));
    }
  });

  it('takes a program that the shell does not find for the failure only when the output ends with it', () => {
    const missing = '/bin/sh: 1: python: not found';
    const [finding] = watch([missing]).findings;
    assert.deepEqual([finding?.type, finding?.severity, finding?.line, finding?.fixes], ['config-error', 'error', 1, []]);
    assert.match(finding!.suggestion, /environment\.activate/);
    assert.deepEqual(watch(['.profile: line 4: module: command not found', 'Epoch 1/3 | train_loss 0.5']).findings, []);
    assert.deepEqual(
      watch([missing, ...traceback("KeyError: 'x'")]).findings.map((f) => f.type),
      ['python-exception'],
    );
    assert.deepEqual(
      watch(['bash: line 1: accelerate: command not found']).findings[0]!.fixes.map((f) => f.kind),
      ['install-package'],
    );
  });

  it('says by its own sentence why a run of ours did not start', () => {
    const sentence =
      'The activate script /workspace/venv/bin/activate is not on the pod. Create the environment there, or correct "environment.activate" in runpod.json.';
    assert.deepEqual(
      watch([sentence]).findings.map((f) => [f.type, f.message, f.fixes]),
      [['config-error', sentence, []]],
    );
  });

  it('classifies what native programs print of CUDA and XLA like the exception it would have been', () => {
    for (const [type, line] of [
      ['cuda-unavailable', 'CUDA Error: no kernel image is available for execution on the device'],
      [
        'cuda-unavailable',
        'F0101 10:00:00.000000 7 common.cpp:66] Check failed: error == cudaSuccess (35 vs. 0)  CUDA driver version is insufficient for CUDA runtime version',
      ],
      ['cuda-oom', 'F0101 10:00:00.000000 7 all_reduce.cc:75] cudaGetLastError out of memory errno:2'],
      ['cuda-oom', 'E client.cc:67] Execution of replica 0 failed: Resource exhausted: Out of memory while trying to allocate 1024 bytes.'],
      ['cudnn-cublas-error', 'E cuda_blas.cc:18] failed to create cublas handle: the resource allocation failed'],
    ] as const)
      assert.deepEqual(
        watch([line]).findings.map((f) => f.type),
        [type],
        line,
      );
  });

  it('leaves the mark of TensorFlow’s and Horovod’s time out of what it says', () => {
    const said =
      '[2024-05-01 10:00:00.123456: W horovod/stall.cc:107] 1 tensor was submitted to be reduced, gathered or broadcasted by subset of ranks';
    assert.match(new TrainingMonitor().processLine(said)[0]?.message ?? '', /^W horovod/);
  });

  it('tells an exception that torch.multiprocessing.spawn passes on once, with its own frame', () => {
    const passedOn = [
      'wandb: ERROR api_key not configured (no-tty). call wandb.login(key=[your_api_key])',
      ...traceback('torch.multiprocessing.spawn.ProcessRaisedException: ', '/workspace/launch.py', 3),
      '',
      '-- Process 0 terminated with the following error:',
      ...traceback('wandb.errors.UsageError: api_key not configured (no-tty)', '/workspace/train.py', 42),
    ];
    assert.deepEqual(
      watch(passedOn).findings.map((f) => [f.type, f.frame?.file]),
      [['auth-error', '/workspace/train.py']],
    );
    assert.deepEqual(
      watch(traceback('Exception: ')).findings.map((f) => [f.type, f.frame?.line]),
      [['python-exception', 42]],
    );
  });

  it('finds a class that is never recognised, once training is not just beginning', () => {
    const collapse = 'class consolidation: accuracy 0.00 (n=120)';
    assert.deepEqual(
      watch([collapse]).findings.map((f) => f.type),
      ['class-collapse'],
    );
    assert.deepEqual(watch(['Epoch 1/30 | train_loss 0.9', collapse]).findings, []);
    assert.deepEqual(
      watch([
        'Epoch 1/30 | train_loss 0.9',
        collapse,
        'Epoch 2/30 | train_loss 0.9',
        collapse,
        "WARNING: class collapse: all 300 predictions are class 'x'",
      ]).findings.length,
      1,
    );
    assert.deepEqual(watch(['class rare: accuracy 0.00 (n=3)']).findings, []);
    assert.deepEqual(
      watch(["WARNING: class collapse: all 300 predictions are class 'x'"]).findings.map((f) => f.type),
      ['class-collapse'],
    );
  });

  it('finds an exploding gradient', () => {
    const calm = Array.from({ length: 10 }, (_, i) => `Epoch ${i + 1}/30 | train_loss 0.5 | grad_norm 1.${i}`);
    assert.deepEqual(watch(calm).findings, []);
    assert.deepEqual(
      watch([...calm, 'Epoch 11/30 | train_loss 0.9 | grad_norm 52000.0']).findings.map((f) => f.type),
      ['gradient-explosion'],
    );
    assert.deepEqual(
      watch(['Epoch 1/30 | train_loss 0.9 | grad_norm 3.2e+12']).findings.map((f) => f.type),
      ['gradient-explosion'],
    );
  });

  it('keeps quiet about what only looks like trouble', () => {
    const quiet = [
      'Epoch 1: val_loss improved from inf to 0.53210, saving model to best.h5',
      'lm loss: 1.244238E+01 | number of nan iterations: 0 |',
      'Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 32768.0',
      'wandb: Network error (ConnectionError), entering retry loop.',
      'wandb: ConnectionError: the upload will be tried again',
      'If you are running out of memory, reduce the batch size.',
      'mean absolute error: 0.12',
      'UserWarning: CUDA out of memory detected. Train microbatch size will be decreased from 64 -> 32.',
    ];
    assert.deepEqual(watch(quiet).findings, []);
  });

  it('gives the same events for any chunks', () => {
    const bytes = new TextEncoder().encode(
      [
        'Epoch 1/3 | train_loss 0.5 | val_acc 0.81',
        '\r 10%|█ | 1/10 [00:01<00:09, loss=0.5]\r 20%|██ | 2/10 [00:02<00:08, loss=0.4]',
        '\x1b[31mEpoch 2/3 | train_loss nan\x1b[0m',
        ...traceback('FloatingPointError: loss became nan in epoch 2'),
        'Schluß ✓',
      ].join('\n'),
    );
    const whole = new TrainingMonitor();
    const expected = [...whole.write(bytes), ...whole.end()];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const monitor = new TrainingMonitor();
        const events: MonitorEvent[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!;
          events.push(...monitor.write(bytes.slice(at, at + size)));
          at += size;
        }
        events.push(...monitor.end());
        assert.deepEqual(events, expected);
      }),
      { numRuns: 100 },
    );
  });

  it('processLine reads one whole line', () => {
    const monitor = new TrainingMonitor();
    const found = traceback('ValueError: zip() argument 2 is shorter than argument 1').flatMap((line) => monitor.processLine(line));
    assert.deepEqual(
      found.map((f) => f.type),
      ['shape-mismatch'],
    );
  });
});
