import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { root } from './workspace.ts';

/** The test files of a folder (not of its sub-folders: each is another window). */
export function testFiles(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(root, folder, name));
}

/** Each test file by itself, since mocha must be there before it runs. Returns the path that VS Code calls `run()` of. */
export async function bundle(name: string, files: readonly string[]): Promise<string> {
  const outdir = join(root, 'out/test/host', name);
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [
      { in: join(root, 'test/host/support/mochaInHost.ts'), out: 'index' },
      ...files.map((file) => ({ in: file, out: basename(file, '.ts') })),
    ],
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: 'inline',
    external: ['vscode', 'mocha', '*.node', 'cpu-features'],
    logLevel: 'warning',
  });
  return join(outdir, 'index.js');
}
