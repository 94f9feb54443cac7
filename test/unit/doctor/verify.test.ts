import assert from 'node:assert/strict';
import { Answers } from '../../../src/doctor/answers.ts';
import { judge } from '../../../src/doctor/judge.ts';

/** What is said of a package that is missing. */
function adviceFor(module: string): { readonly advice: string | null; readonly title: string | undefined } {
  const answers = Object.entries({ ...healthy, imports: '1', 'import-missing': `${module} always src/train.py:1` });
  const checks = judge(new Answers(answers.map((pair) => pair.join('\t')).join('\n')), expected);
  const check = checks.find(({ id }) => id === `import:${module}`);
  return { advice: check?.advice ?? null, title: check?.fix?.title };
}

const healthy: Readonly<Record<string, string>> = {
  clock: '1000',
  system: 'Linux x86_64',
  user: 'root',
  root: 'yes',
  nearest: '/workspace/moola',
  writable: 'yes',
  disk: '104857600 52428800 /workspace',
  container: 'yes',
  shm: '16777216',
  'tool:sha256sum': 'yes',
  'tool:tar': 'yes',
  'tool:setsid': 'yes',
  'nvidia-smi': '/usr/bin/nvidia-smi',
  'driver-cuda': '12.4',
  'memory-limit': '68719476736',
  'memory-total': '540000000000',
  'memory-used': '1000000000',
  'output:artifacts': '/workspace/moola/artifacts',
  'file:artifacts/encoder.pt': 'yes',
  imports: '4',
  gpu: 'NVIDIA A40, 46068 MiB, 550.54.15',
  activate: 'yes',
  'file:data/x.csv': 'yes',
  python: '/workspace/venv/bin/python',
  'python-version': '3.11.9',
  'package:numpy': 'yes',
  torch: '2.4.0',
  'torch-cuda': '12.4',
  'cuda-available': 'yes',
};
const expected = {
  remoteRoot: '/workspace/moola',
  activate: '/workspace/venv/bin/activate',
  files: ['data/x.csv'],
  packages: ['numpy'],
  encoders: { 'artifacts/encoder.pt': ['cnn'] },
  outputs: ['artifacts'],
  local: new Set(['data/x.csv']),
  wantsCuda: true,
  needsGpu: true,
  withoutSftp: null,
  latencyMs: 30,
  askedAt: 1_000_000,
};

/** The checks that did not pass on a pod that differs from the healthy one. */
function complaints(changes: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  const text = Object.entries({ ...healthy, ...changes })
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}\t${value}`)
    .join('\n');
  const checks = judge(new Answers(text), expected);
  for (const check of checks)
    assert.equal(check.advice === null, check.status === 'passed', `${check.id} says what to do exactly when it did not pass`);
  return Object.fromEntries(checks.filter((check) => check.status !== 'passed').map((check) => [check.id, check.status]));
}

describe('verify', () => {
  it('has nothing to say about a healthy pod', () => assert.deepEqual(complaints({}), {}));
  it('sees a torch that does not see the GPU', () => assert.deepEqual(complaints({ 'cuda-available': 'no' }), { torch: 'failed' }));
  it('sees a torch that does not load', () =>
    assert.deepEqual(complaints({ torch: null, 'torch-error': 'libcudnn.so.9: cannot open' }), { torch: 'failed' }));
  it('sees a missing environment, and does not blame Python for it', () =>
    assert.deepEqual(complaints({ activate: null, python: null, 'python-version': null }), { activate: 'failed' }));
  it('sees a missing Python', () => assert.deepEqual(complaints({ python: null, 'python-version': null }), { python: 'failed' }));
  it('sees missing packages and files', () =>
    assert.deepEqual(complaints({ 'package:numpy': null, 'file:data/x.csv': null }), {
      'package:numpy': 'failed',
      'file:data/x.csv': 'failed',
    }));
  it("names a missing package as pip knows it, and none for what can only be the project's own", () => {
    assert.match(adviceFor('sklearn').advice ?? '', /pip install scikit-learn"`\.$/);
    assert.equal(adviceFor('yaml').title, 'Install PyYAML');
    assert.deepEqual(adviceFor('utils').title, undefined);
    assert.match(adviceFor('utils').advice ?? '', /project's own/);
  });
  it('warns of the disk that a stop wipes', () => assert.deepEqual(complaints({ 'same-disk-as-root': 'yes' }), { disk: 'warning' }));
  it('warns of a disk that is nearly full', () => assert.deepEqual(complaints({ disk: '104857600 1000 /workspace' }), { disk: 'warning' }));
  it('fails where it may not write', () => assert.deepEqual(complaints({ writable: null }), { root: 'failed' }));
  it('warns of a project that was never deployed', () => assert.deepEqual(complaints({ root: null }), { root: 'warning' }));
  it('warns of a clock that is off and of little shared memory', () =>
    assert.deepEqual(complaints({ clock: '4600', shm: '65536' }), { clock: 'warning', shm: 'warning' }));
  it('says which CUDA is too new for the driver', () => {
    const text = Object.entries({ ...healthy, 'cuda-available': 'no', 'driver-cuda': '11.8' }).map(([key, value]) => `${key}\t${value}`);
    const torch = judge(new Answers(text.join('\n')), expected).find(({ id }) => id === 'torch');
    assert.equal(torch?.status, 'failed');
    assert.match(torch?.seen ?? '', /built for CUDA 12\.4, and the driver is older: it knows CUDA up to 11\.8/);
  });
  it('does not blame a driver that is new enough', () => {
    const text = Object.entries({ ...healthy, 'cuda-available': 'no', 'cuda-visible': '-1' }).map(([key, value]) => `${key}\t${value}`);
    assert.match(
      judge(new Answers(text.join('\n')), expected).find(({ id }) => id === 'torch')?.seen ?? '',
      /CUDA_VISIBLE_DEVICES is "-1"/,
    );
  });
  it('does not call a pod without GPU ready for a project that trains on one', () => {
    const none = { gpu: null, 'cuda-available': 'no' };
    assert.deepEqual(complaints({ ...none, 'nvidia-smi': null }), { gpu: 'failed' });
    assert.deepEqual(complaints({ ...none, 'nvidia-smi-error': 'No devices were found' }), { gpu: 'failed' });
    const text = Object.entries({ ...healthy, gpu: '' }).map((pair) => pair.join('\t'));
    const check = judge(new Answers(text.join('\n')), { ...expected, needsGpu: false }).find(({ id }) => id === 'gpu');
    assert.equal(check?.status, 'warning', 'a project that trains on the CPU can do without');
  });
  it('tells a broken driver from a pod without GPU', () =>
    assert.deepEqual(complaints({ gpu: null, 'nvidia-smi-error': 'Failed to initialize NVML: Driver/library version mismatch' }), {
      gpu: 'failed',
    }));
  it('takes the limit of the container for its memory', () =>
    assert.deepEqual(complaints({ 'memory-limit': '1000000000' }), { memory: 'warning' }));
  it('sees what the project imports and the pod lacks', () =>
    assert.deepEqual(complaints({ 'import-missing': 'yaml always src/a.py:3' }), { 'import:yaml': 'failed' }));
  it('only warns of an import that may never come', () =>
    assert.deepEqual(complaints({ 'import-missing': 'wandb sometimes src/a.py:3' }), { 'import:wandb': 'warning' }));
  it('sees outputs that cannot be written and an encoder that is not there', () =>
    assert.deepEqual(complaints({ 'output:artifacts': null, 'file:artifacts/encoder.pt': null }), {
      'output:artifacts': 'failed',
      'file:artifacts/encoder.pt': 'warning',
    }));
  it('makes something of no answers at all', () => assert.ok(judge(new Answers(''), expected).some((check) => check.status === 'failed')));
});
