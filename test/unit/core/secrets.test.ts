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

  it('masks what names in any case say, however it is written', () => {
    const names = fc
      .tuple(
        fc.constantFrom('aws_secret_access_key', 'wandb_key', 'api_key', 'hf_token', 'client_secret', 'db_password', 'password'),
        fc.nat(3),
      )
      .map(([name, way]) => {
        const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
        return [name, name.toUpperCase(), camel, name.replaceAll('_', '-')][way] ?? name;
      });
    const secret = fc.stringMatching(/^[a-z]{6,12}[0-9]{2,8}[A-Z/+]{2,20}$/);
    fc.assert(
      fc.property(names, secret, (name, value) => {
        for (const line of [
          `${name}=${value}`,
          `export ${name}='${value}'`,
          `  ${name}: "${value}",`,
          `{"a": 1, "${name}": "${value}"}`,
          `{\\"${name}\\": \\"${value}\\"}`,
          `client(${name}="${value}", retries=3)`,
          `python train.py --${name} ${value} --epochs 3`,
          `python train.py --${name}=${value}`,
        ]) {
          const masked = maskSecrets(line);
          assert.ok(!masked.includes(value), masked);
          assert.ok(masked.includes(name), masked);
          assert.equal(maskSecrets(masked), masked);
        }
      }),
    );
  });

  it('masks keys, headers and what one logs in with', () => {
    const hex = '0123456789abcdef0123456789abcdef01234567';
    for (const [text, masked] of [
      [`wandb login ${hex}`, 'wandb login ***'],
      [`wandb login --relogin ${hex}`, 'wandb login --relogin ***'],
      [`machine api.wandb.ai login user password ${hex}`, 'machine api.wandb.ai login user password ***'],
      ['Authorization: Bearer abc.def.ghi123456', 'Authorization: Bearer ***'],
      [`{'authorization': 'Basic dXNlcjpwYXNz'}`, `{'authorization': 'Basic ***'}`],
      ['git clone https://me:s3cret@host/repo.git', 'git clone https://me:***@host/repo.git'],
      [
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${hex}\n${hex}\n-----END OPENSSH PRIVATE KEY-----\nnext`,
        '-----BEGIN OPENSSH PRIVATE KEY-----***\nnext',
      ],
      [`-----BEGIN RSA PRIVATE KEY-----\n${hex}`, '-----BEGIN RSA PRIVATE KEY-----***'],
    ] as const) {
      assert.equal(maskSecrets(text), masked);
      assert.equal(maskSecrets(masked), masked);
    }
  });

  it('is done in time on any input', () => {
    for (const text of [
      'a_'.repeat(100_000),
      'api_key='.repeat(20_000),
      '-----BEGIN PRIVATE KEY-----'.repeat(5_000),
      '://a:'.repeat(40_000),
      '--a-'.repeat(40_000),
    ]) {
      const startedAt = Date.now();
      maskSecrets(text);
      assert.ok(Date.now() - startedAt < 2_000, text.slice(0, 20));
    }
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
      'MAX_TOKEN=4096',
      'max_token=4096, temperature=0.7',
      "pad_token='<pad>' eos_token=</s> unk_token=[UNK]",
      'sorted(found, key=lambda one: one.mtime)',
      'sort_key=validation_loss',
      "KeyError: 'key: model.layer1.weight'",
      'key: encoder.weight shape=(64, 128)',
      'api_key = os.environ["WANDB_API_KEY"]',
      'login(token=token, api_key=self.api_key)',
      'HF_TOKEN=$HF_TOKEN',
      'api_key: Optional[str] = None',
      'usage: train.py --api-key API_KEY',
      'ssh -i key.pem -p 22',
      'rng_key=[0 42] num_key_value_heads: 8',
      'Password authentication is off: https://host:8080/path@2x.png',
    ]) {
      assert.equal(maskSecrets(plain), plain);
    }
  });
});
