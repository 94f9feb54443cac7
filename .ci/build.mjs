// Bundles what ships. `node .ci/build.mjs [--production] [--watch] [--if-stale]`; entries that do not exist yet are left out.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { later, laterBundle, laterEntry } from './later.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// The MCP SDK is as large as all the rest of the terminal's face, and only `rpo mcp` needs it.
const sources = { extension: 'src/extension.ts', cli: 'src/cli.ts', api: 'src/api.ts', mcp: 'src/mcp/serve.ts' };
const entries = Object.keys(sources).filter((name) => existsSync(join(root, sources[name])));

/** What one bundle loads of another at run time. */
const beside = {
  name: 'beside',
  setup(build) {
    build.onResolve({ filter: /\/mcp\/serve\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './mcp.js', external: true } : undefined,
    );
  },
};

/**
 * `import * as vscode` as a plain require. esbuild's own translation copies all 200 names of the API, once for each of our forty
 * modules; that took half of the time that loading the extension takes.
 */
const vscodeAsIs = {
  name: 'vscode as is',
  setup(build) {
    const importLine = /^import \* as vscode from 'vscode';$/m;
    build.onLoad({ filter: /[\\/]src[\\/](editor[\\/].*|extension)\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(importLine, "const vscode = require('vscode');"),
      loader: 'ts',
    }));
  },
};

/** zod's sentences in forty languages come with it, and ours are in English. */
const englishOnly = {
  name: 'english only',
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // jsonc-parser's CommonJS entry hides its requires from bundlers; its ES modules do not.
  mainFields: ['module', 'main'],
  // ssh2's native addon is optional: without it the pure JavaScript path is used, on every platform alike.
  external: ['vscode', '*.node', 'cpu-features'],
  logLevel: 'warning',
};

export async function build({ production = false, watch = false } = {}) {
  const { build, context } = await import('esbuild');
  const options = (name) => ({
    ...shared,
    outfile: `dist/${name}.js`,
    minify: production,
    // Names of errors and classes are part of what a user may read.
    keepNames: production,
    sourcemap: production ? false : 'linked',
    metafile: true,
    ...(name === 'cli' ? { banner: { js: '#!/usr/bin/env node' } } : {}),
  });
  const found = new Set();
  // Nearly all that the terminal's face needs the extension loads later: both take it from there, and it ships once.
  const isShared = (name) => name === 'cli' && !watch;
  const contexts = entries
    .filter((name) => !isShared(name))
    .map((name) => ({
      ...options(name),
      entryPoints: [sources[name]],
      plugins: [
        englishOnly,
        ...(name === 'extension' && !watch ? [later(root, found), vscodeAsIs] : []),
        ...(name === 'cli' ? [beside] : []),
      ],
    }));
  if (watch) return Promise.all(contexts.map(async (options) => (await context({ ...options, logLevel: 'info' })).watch()));
  const results = await Promise.all(contexts.map(build));
  for (const name of entries.filter(isShared)) {
    found.add(sources[name]);
    writeFileSync(join(root, `dist/${name}.js`), `#!/usr/bin/env node\nrequire('${laterBundle}')['${sources[name]}'];\n`);
  }
  results.push(await build({ ...options('later'), ...laterEntry(root, found), plugins: [englishOnly, beside] }));
  // `out` and not `dist`: these are for us, and dist is what ships.
  mkdirSync(join(root, 'out'), { recursive: true });
  writeFileSync(join(root, 'out/meta.json'), JSON.stringify(results.map(({ metafile }) => metafile)));
  return [...entries, 'later'].map((name) => `dist/${name}.js ${(statSync(join(root, `dist/${name}.js`)).size / 1024).toFixed(0)} KB`);
}

/** Whether something in src, or what it is built with, is newer than what was built from it. */
function isStale() {
  const outputs = [...entries, 'later'].map((name) => join(root, `dist/${name}.js`));
  if (outputs.length === 0 || !outputs.every(existsSync)) return true;
  const oldest = Math.min(...outputs.map((path) => statSync(path).mtimeMs));
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
  return [
    ...sources,
    join(root, 'package-lock.json'),
    join(root, 'package.json'),
    join(root, '.ci/later.mjs'),
    fileURLToPath(import.meta.url),
  ].some((path) => statSync(path).mtimeMs > oldest);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const has = (flag) => process.argv.includes(flag);
  if (!has('--if-stale') || isStale()) {
    const start = Date.now();
    try {
      const built = await build({ production: has('--production') || has('--if-stale'), watch: has('--watch') });
      if (!has('--watch')) console.log(`built ${built.join(', ')} in ${((Date.now() - start) / 1000).toFixed(1)} s`);
    } catch (error) {
      // esbuild has shown where already.
      if (!error.errors) console.error(error);
      process.exitCode = 1;
    }
  }
}
