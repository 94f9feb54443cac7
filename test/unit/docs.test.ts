import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { settings } from '../../src/manifest.ts';
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

  it('name every command of the palette by its title', () => {
    const titles = JSON.parse(read('package.nls.json')) as Record<string, string>;
    const [, table = ''] = read('README.md').split('## Commands');
    const editorCells = table
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|')[1] ?? '')
      .join('\n');
    const missing = Object.entries(titles).filter(([key, title]) => key.startsWith('command.') && !editorCells.includes(title));
    assert.deepEqual(missing, []);
  });

  it('list every setting with its default and all of its values', () => {
    const rows = [...read('README.md').matchAll(/^\| `(runpod\.[\w.]+)` \| `([^`]*)` \| (.*) \|$/gm)].map(
      ([, id = '', value = '', text = '']) => [id, { value, text }] as const,
    );
    const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
    assert.deepEqual(
      rows.map(([id, { value }]) => [id, value]),
      Object.entries(settings).map(([id, value]) => [id, shown(value)]),
    );
    const { contributes } = JSON.parse(read('package.json')) as {
      contributes: { configuration: { properties: Record<string, { enum?: readonly string[] }> } };
    };
    for (const [id, { text }] of rows)
      for (const value of contributes.configuration.properties[id]?.enum ?? []) assert.ok(text.includes(`\`${value}\``), `${id}: ${value}`);
  });

  it('link only to what is there', () => {
    const pages = [
      'README.md',
      'CHANGELOG.md',
      ...readdirSync(join(root, 'docs'))
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ];
    const links = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#\s]+)/g)].map((match) => ({ page, to: match[1] ?? '' })).filter(({ to }) => !/^[a-z]+:/.test(to)),
    );
    assert.ok(links.length > 5);
    assert.deepEqual(
      links.filter(({ page, to }) => !existsSync(join(root, dirname(page), to))),
      [],
    );
  });
});
