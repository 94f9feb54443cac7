import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules, isBuiltin } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';

/** What a room may import, as the table in docs/architecture.md says. Rooms, npm packages and `node:` modules are named. */
interface Room {
  /** May be loaded with the room. */
  readonly imports: readonly string[];
  /** Only by `await import()`, when the work begins: what the room itself must not load. */
  readonly later: readonly string[];
  /** Only types, which are gone at run time. */
  readonly types: readonly string[];
}

/** In the order of what they let through: who may import may do all three. */
type Kind = 'imports' | 'later' | 'types';
interface Import {
  readonly from: string;
  readonly to: string;
  readonly kind: Kind;
  /** `file:line`. */
  readonly where: string;
}

const root = resolve(__dirname, '../..');
const src = join(root, 'src');
const rooms = roomsOf(readFileSync(join(root, 'docs/architecture.md'), 'utf8'));
const parsed = new Map<string, { target: string; kind: Kind; line: number }[]>();

const verb: Readonly<Record<Kind, string>> = { imports: 'import', later: 'import() later', types: 'import types of' };

describe('rooms', () => {
  const imports = sourceFiles().flatMap(importsOf);

  it('import only what the table in docs/architecture.md permits', () => {
    const forbidden = imports.filter(
      ({ from, to, kind }) => !permissions(from).some((given) => given.kind === kind && covers(given.name, to)),
    );
    const once = new Map(forbidden.reverse().map((found) => [`${found.from} may not ${verb[found.kind]} ${found.to}`, found.where]));
    assert.ok(once.size === 0, [...once].map(([what, where]) => `\n${where}: ${what}`).join(''));
  });

  it('use every permission they have', () => {
    const unused = Object.entries(rooms).flatMap(([room, given]) =>
      (['imports', 'later', 'types'] as const).flatMap((kind) =>
        given[kind]
          .filter((name) => !imports.some((used) => used.from === room && used.kind === kind && covers(name, used.to)))
          .map((name) => `${room}: nothing there has to ${verb[kind]} ${name}`),
      ),
    );
    assert.ok(unused.length === 0, unused.map((line) => `\n${line}`).join(''));
  });

  it('are all in the table', () => {
    assert.deepEqual([...new Set(sourceFiles().map(roomOf))].sort(), Object.keys(rooms).sort());
  });

  it('load `vscode` only in src/editor and src/extension.ts', () => {
    const elsewhere = imports.filter(
      ({ from, to, kind }) => to === 'vscode' && kind !== 'types' && !['editor', 'extension.ts'].includes(from),
    );
    assert.deepEqual(elsewhere, []);
  });

  it('reach nothing outside src but package.json', () => {
    const outside = sourceFiles().flatMap((file) =>
      rawImports(file)
        .filter(({ target }) => target.startsWith('.'))
        .map(({ target, line }) => ({ other: resolve(file, '..', target), where: `${relative(root, file)}:${line}` }))
        .filter(({ other }) => !other.startsWith(src + sep) && other !== join(root, 'package.json')),
    );
    assert.deepEqual(outside, []);
  });

  it('load no npm package when the extension is activated', () => {
    const loaded = new Set<string>();
    const packages: string[] = [];
    const load = (file: string) => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const { kind, target } of rawImports(file)) {
        if (kind !== 'imports') continue;
        if (target.startsWith('.')) load(resolve(file, '..', target));
        else if (target !== 'vscode' && !isBuiltin(target)) packages.push(`${relative(root, file)} loads ${target}`);
      }
    };
    load(join(src, 'extension.ts'));
    assert.ok(loaded.size > 20, 'hardly anything was looked at');
    assert.deepEqual(packages, []);
  });
});

/** The rows of the table below "## Rooms": room, what it is about, imports, later, types. */
function roomsOf(page: string): Readonly<Record<string, Room>> {
  const rows = (/^## Rooms\n([\s\S]*?)^## /m.exec(page)?.[1] ?? '').split('\n').filter((line) => line.startsWith('| `'));
  const names = (cell: string | undefined) => [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
  return Object.fromEntries(
    rows.map((row) => {
      const [, room, , imports, later, types] = row.split('|');
      return [names(room)[0]!, { imports: names(imports), later: names(later), types: names(types) }];
    }),
  );
}

function permissions(room: string): { readonly kind: Kind; readonly name: string }[] {
  const { imports, later, types } = rooms[room] ?? { imports: [], later: [], types: [] };
  const all = (kind: Kind, names: readonly string[]) => names.map((name) => ({ kind, name }));
  return [...all('imports', imports), ...all('later', [...imports, ...later]), ...all('types', [...imports, ...later, ...types])];
}

function covers(permitted: string, target: string): boolean {
  return permitted === target || (permitted === 'node:*' && target.startsWith('node:'));
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => join(src, path))
    .sort();
}

/** `monitor` for src/monitor/rules/gpu.ts, `cli.ts` for src/cli.ts. */
function roomOf(file: string): string {
  return relative(src, file).split(/[\\/]/)[0]!;
}

function importsOf(file: string): Import[] {
  const from = roomOf(file);
  return rawImports(file).flatMap(({ target, kind, line }): Import[] => {
    const where = `${relative(root, file)}:${line}`;
    if (target.startsWith('.')) {
      const other = resolve(file, '..', target);
      if (!other.startsWith(src + sep) || roomOf(other) === from) return [];
      return [{ from, to: roomOf(other), kind, where }];
    }
    // `ssh2/lib/x.js` and `node:path/posix` count as the package and the module.
    const bare = target
      .split('/')
      .slice(0, target.startsWith('@') ? 2 : 1)
      .join('/');
    return [{ from, to: builtinModules.includes(bare) ? `node:${bare}` : bare, kind, where }];
  });
}

function rawImports(file: string): { target: string; kind: Kind; line: number }[] {
  const known = parsed.get(file);
  if (known) return known;
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: { target: string; kind: Kind; line: number }[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, kind: Kind) => {
    if (specifier && ts.isStringLiteralLike(specifier))
      found.push({ target: specifier.text, kind, line: tree.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    // `import { type A }` still loads the module: only `import type` is gone at run time.
    if (ts.isImportDeclaration(node))
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'types' : 'imports');
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly ? 'types' : 'imports');
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, 'types');
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], 'later');
    else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'require')
      add(node, node.arguments[0], 'imports');
    ts.forEachChild(node, visit);
  };
  visit(tree);
  parsed.set(file, found);
  return found;
}
