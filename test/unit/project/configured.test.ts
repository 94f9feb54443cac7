import assert from 'node:assert/strict';
import { isConfigured } from '../../../src/project/configured.ts';
import { projectSchema } from '../../../src/project/schema.ts';

const project = {
  root: '/home/me/p',
  configFile: '/home/me/p/runpod.json',
  config: projectSchema.parse({
    train: {
      command: 'python -m p.train --model {model} --device {device} --seed {seed}',
      models: { rf: {}, cnn: { command: 'python cnn.py' } },
      resume: { checkpoints: ['ckpt/*.pt'] },
    },
    stages: [{ name: 'stack', command: 'python stack.py --seed {seed}' }],
  }),
};

describe('a command of runpod.json', () => {
  const is = (command: string, more: { model?: string; device?: string; seed?: number } = {}) =>
    isConfigured(project, { command, model: null, device: null, seed: null, ...more }, {});
  const rf = 'python -m p.train --model rf --device cpu --seed 7';

  it('is one with the device and seed that it was asked for, of a model or a stage, and one that resumes', () => {
    assert.ok(is(rf, { model: 'rf', device: 'cpu', seed: 7 }));
    assert.ok(is('python cnn.py', { model: 'cnn', device: 'cuda', seed: 1337 }));
    assert.ok(is('python stack.py --seed 3', { device: 'cuda', seed: 3 }));
    assert.ok(is(`${rf} --resume ckpt/1.pt`, { model: 'rf', device: 'cpu', seed: 7 }));
    assert.ok(is(`${rf} --resume 'ckpt/a b.pt'`, { model: 'rf', device: 'cpu', seed: 7 }));
  });

  it('is nothing with more to it', () => {
    for (const more of [
      '; rm -rf /',
      ' --resume a; rm -rf /',
      ' --resume $(rm x)',
      ' --resume a b',
      " --resume 'a';'b'",
      ' --lr 1',
      ' && x',
    ])
      assert.ok(!is(rf + more, { model: 'rf', device: 'cpu', seed: 7 }), more);
    assert.ok(!is('python -m p.train --model rf --device cpu --seed 8', { model: 'rf', device: 'cpu', seed: 7 }));
    assert.ok(!is('sleep 60'));
  });
});
