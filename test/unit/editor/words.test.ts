import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { forEditor } from '../../../src/editor/words.ts';

const root = join(import.meta.dirname, '../../..');

describe('forEditor', () => {
  it('names the command of the palette instead of the verb', () => {
    assert.equal(forEditor('Follow it again with `rpo follow 20260102-a`.'), 'Follow it again with "RunPod: Follow Run".');
    assert.equal(forEditor('Deploy the project: `rpo deploy --changed`.'), 'Deploy the project: "RunPod: Deploy Changed Files".');
    assert.equal(forEditor('Add one with `rpo pods add "ssh root@HOST -p PORT"`.'), 'Add one with "RunPod: Add Pod".');
  });

  it('keeps the command that is to run on the pod', () => {
    assert.equal(
      forEditor('Install it: `rpo exec "pip install torch"`.'),
      'Install it: "RunPod: Run Command on Pod" (`pip install torch`).',
    );
  });

  it('says where to type what the editor has no command for', () => {
    assert.equal(forEditor('`rpo upload LOCAL REMOTE`.'), '`rpo upload LOCAL REMOTE` in a terminal.');
  });

  it('leaves everything else', () => {
    assert.equal(forEditor('Run `pip install torch` there.'), 'Run `pip install torch` there.');
  });

  it('names only titles that the palette has', () => {
    const titles = new Set(Object.values(JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8')) as Record<string, string>));
    const source = readFileSync(join(root, 'src/editor/words.ts'), 'utf8');
    const used = [...source.matchAll(/: '([A-Z][^']+)',/g)].map((match) => match[1] ?? '');
    assert.ok(used.length > 15);
    assert.deepEqual(
      used.filter((title) => !titles.has(title)),
      [],
    );
  });
});
