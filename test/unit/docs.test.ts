import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { operations } from '../../src/operations/table.ts';

const root = resolve(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

describe('the docs', () => {
  it('quote messages that the program has', () => {
    const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => read(join('src', path)))
      .join('\n');
    const table = /\| what it says \|[\s\S]*?\n\n/.exec(read('docs/runbook.md'))?.[0] ?? '';
    const quoted = table
      .split('\n')
      .slice(2)
      .flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''));
    assert.ok(quoted.length > 8, table);
    assert.deepEqual(
      quoted.filter((text) => !source.includes(text)),
      [],
    );
  });

  it('name every verb of the terminal', () => {
    const readme = read('README.md');
    const verbs = operations.filter(({ audience }) => audience !== 'agents').map(({ name }) => `rpo ${name}`);
    assert.deepEqual(
      verbs.filter((verb) => !readme.includes(`\`${verb}\``) && !readme.includes(`\`${verb} `)),
      [],
    );
  });
});
