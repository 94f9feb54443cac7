import assert from 'node:assert/strict';
import fc from 'fast-check';
import { maskSecrets } from '../../../src/core/secrets.ts';

const letters = fc.stringMatching(/^[A-Za-z0-9]{24,40}$/);

describe('maskSecrets', () => {
  it('masks what is known by its first letters, wherever it stands', () => {
    fc.assert(
      fc.property(fc.constantFrom('hf_', 'sk-', 'sk-proj-', 'rpa_', 'ghp_', 'github_pat_', 'AKIA'), letters, (prefix, secret) => {
        for (const around of [
          `${prefix}${secret}`,
          `token ${prefix}${secret}, then`,
          `https://user:${prefix}${secret}@host/`,
          `{"key":"${prefix}${secret}"}`,
        ]) {
          const masked = maskSecrets(around);
          assert.ok(!masked.includes(secret), masked);
          assert.ok(masked.includes(prefix), masked);
        }
      }),
    );
  });

  it('masks what is assigned to a name that says so, as shells, Python and JSON write it', () => {
    fc.assert(
      fc.property(fc.constantFrom('WANDB_API_KEY', 'HF_TOKEN', 'AWS_SECRET', 'DB_PASSWORD'), letters, (name, secret) => {
        for (const line of [
          `export ${name}=${secret}`,
          `${name}="${secret}" python train.py`,
          `${name}: ${secret}`,
          `{"${name}": "${secret}"}`,
          `environ({'HOME': '/root', '${name}': '${secret}'})`,
        ]) {
          const masked = maskSecrets(line);
          assert.ok(!masked.includes(secret), masked);
          assert.ok(masked.includes(name), masked);
        }
      }),
    );
  });

  it('changes nothing twice, and nothing that is no secret', () => {
    fc.assert(fc.property(fc.string(), (value) => maskSecrets(maskSecrets(value)) === maskSecrets(value)));
    for (const plain of [
      'Epoch 3/10 loss=0.4213',
      'tokens: 1024',
      'mask-rcnn',
      'task-specific-head-finetuning',
      'TOKENIZERS_PARALLELISM=false',
      'MAX_TOKENS=4096',
    ]) {
      assert.equal(maskSecrets(plain), plain);
    }
  });
});
