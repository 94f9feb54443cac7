import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

/**
 * A room is what it may import: this table is docs/architecture.md's, as data. A room is a folder of src/ or a file beside
 * them. Rooms, npm packages and `node:` modules are named; `node:*` stands for every built-in.
 *
 * An import that is not permitted fails, and so does a permission that nobody uses: the table stays as narrow as the code.
 */
interface Room {
  /** May be loaded with the room. */
  readonly imports?: readonly string[];
  /** Only by `await import()`, when the work begins: what the room itself must not load. */
  readonly later?: readonly string[];
  /** Only types, which are gone at run time. */
  readonly types?: readonly string[];
}

const rooms: Readonly<Record<string, Room>> = {
  // Pure: no clock, no disk, no network; eslint.config.mjs keeps the globals out. (Paths are string work.)
  core: { imports: ['node:path'] },
  monitor: { imports: ['core'] },

  project: {
    imports: ['core', 'node:*', 'zod', 'jsonc-parser', 'ignore', 'picomatch', '@lezer/python', 'yaml', 'toml-eslint-parser'],
    types: ['@lezer/common'],
  },
  pod: { imports: ['core', 'node:*', 'ssh2', 'ssh2-sftp-client', 'ssh-config'], types: ['project'] },
  deploy: { imports: ['core', 'project', 'pod', 'node:*'] },
  runs: { imports: ['core', 'monitor', 'node:*', 'pod'], types: ['fixes'] },
  results: { imports: ['core', 'project', 'fflate', 'node:*'], types: ['pod', 'runs'] },
  tasks: { imports: ['core', 'project', 'node:*'] },
  doctor: { imports: ['core', 'project', 'node:*'], types: ['pod'] },
  fixes: { imports: ['core', 'monitor', 'project', 'node:*'] },
  practice: { imports: ['core', 'pod', 'node:*', 'ssh2'] },

  pipeline: { imports: ['core', 'project', 'runs', 'pod', 'node:*'], types: ['results'] },

  'orchestrator.ts': {
    imports: ['pipeline', 'core', 'monitor', 'project', 'pod', 'deploy', 'runs', 'results', 'doctor', 'fixes', 'journal', 'node:*'],
  },
  journal: { imports: ['core', 'node:*'] },
  operations: {
    imports: ['core', 'journal', 'project', 'runs', 'tasks', 'node:*', 'zod'],
    later: ['monitor', 'orchestrator.ts', 'results'],
    types: ['doctor', 'fixes', 'pipeline'],
  },

  agents: { imports: ['core', 'journal', 'operations', 'project', 'node:*', 'zod'], later: ['orchestrator.ts'], types: ['runs'] },

  // The faces. None knows another.
  mcp: { imports: ['core', 'node:*', '@modelcontextprotocol/server'], types: ['agents', 'operations'] },
  'api.ts': { imports: ['core', 'monitor', 'orchestrator.ts'], types: ['deploy', 'doctor', 'fixes', 'pod', 'results', 'runs'] },
  cli: {
    imports: ['agents', 'core', 'operations', 'orchestrator.ts', 'practice', 'project', 'commander', 'picocolors', 'zod', 'node:*'],
    later: ['mcp'],
    types: ['fixes'],
  },
  'cli.ts': { imports: ['cli', 'core', 'operations', 'project', 'node:*'], later: ['orchestrator.ts'] },
  'manifest.ts': { types: ['vscode'] },
  // Loads ssh2 and zod only when there is something to do: activation is what every window pays for.
  editor: {
    imports: ['core', 'manifest.ts', 'node:*', 'vscode'],
    later: ['agents', 'journal', 'operations', 'orchestrator.ts', 'practice', 'project', 'results', 'tasks'],
    types: ['deploy', 'doctor', 'fixes', 'monitor', 'pipeline', 'pod', 'runs'],
  },
  'extension.ts': { imports: ['core', 'editor', 'vscode'] },
};

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
const parsed = new Map<string, { target: string; kind: Kind; line: number }[]>();

const verb: Readonly<Record<Kind, string>> = { imports: 'import', later: 'import() later', types: 'import types of' };

describe('rooms', () => {
  const imports = sourceFiles().flatMap(importsOf);

  it('import only what the table permits', () => {
    const forbidden = imports.filter(
      ({ from, to, kind }) => !permissions(from).some((given) => given.kind === kind && covers(given.name, to)),
    );
    const once = new Map(forbidden.reverse().map((found) => [`${found.from} may not ${verb[found.kind]} ${found.to}`, found.where]));
    assert.ok(once.size === 0, [...once].map(([what, where]) => `\n${where}: ${what}`).join(''));
  });

  it('use every permission they have', () => {
    const unused = Object.entries(rooms).flatMap(([room, given]) =>
      (['imports', 'later', 'types'] as const).flatMap((kind) =>
        (given[kind] ?? [])
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

  it('load neither ssh2 nor zod when the extension is activated', function () {
    const entry = join(src, 'extension.ts');
    if (!existsSync(entry)) this.skip();
    const loaded = new Set<string>();
    const load = (file: string) => {
      if (loaded.has(file) || !existsSync(file)) return;
      loaded.add(file);
      for (const { kind, target } of rawImports(file)) if (kind === 'imports' && target.startsWith('.')) load(resolve(file, '..', target));
    };
    load(entry);
    const heavy = [...loaded].flatMap((file) =>
      rawImports(file)
        .filter(({ kind, target }) => kind === 'imports' && /^(ssh2|ssh2-sftp-client|zod|jsonc-parser|fflate)$/.test(target))
        .map(({ target }) => `${relative(root, file)} loads ${target}`),
    );
    assert.deepEqual(heavy, []);
  });
});

function permissions(room: string): { readonly kind: Kind; readonly name: string }[] {
  const { imports = [], later = [], types = [] } = rooms[room] ?? {};
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
      // package.json and the like: no room.
      if (!other.startsWith(src) || roomOf(other) === from) return [];
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
