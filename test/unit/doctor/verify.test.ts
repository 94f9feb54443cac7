import assert from 'node:assert/strict';
import { Answers, judge } from '../../../src/doctor/verify.ts';

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
  'nvidia-smi': 'yes',
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
  wantsCuda: true,
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
  it('sees a pod without its GPU', () => assert.deepEqual(complaints({ gpu: null, 'cuda-available': 'no' }), { gpu: 'warning' }));
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
  it('warns of the disk that a stop wipes', () => assert.deepEqual(complaints({ 'same-disk-as-root': 'yes' }), { disk: 'warning' }));
  it('warns of a disk that is nearly full', () => assert.deepEqual(complaints({ disk: '104857600 1000 /workspace' }), { disk: 'warning' }));
  it('fails where it may not write', () => assert.deepEqual(complaints({ writable: null }), { root: 'failed' }));
  it('warns of a project that was never deployed', () => assert.deepEqual(complaints({ root: null }), { root: 'warning' }));
  it('warns of a clock that is off and of little shared memory', () =>
    assert.deepEqual(complaints({ clock: '4600', shm: '65536' }), { clock: 'warning', shm: 'warning' }));
  it('makes something of no answers at all', () => assert.ok(judge(new Answers(''), expected).some((check) => check.status === 'failed')));
});
