// esbuild cannot split CommonJS, which is what VS Code loads. What the extension loads by `import()` goes into a bundle of its own,
// so that a window that only opens a folder reads a few dozen kilobytes and not all of ssh2 and zod.
import { relative, resolve } from 'node:path';

export const laterBundle = './later.js';

/** For the bundle that is read at once; notes in `found` what it will want later. */
export const later = (root, found) => ({
  name: 'later',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const file = relative(root, resolve(resolveDir, path)).replaceAll('\\', '/');
      found.add(file);
      return { path: file, namespace: 'later' };
    });
    build.onResolve({ filter: /./, namespace: 'later' }, () => ({ path: laterBundle, external: true }));
    build.onLoad({ filter: /./, namespace: 'later' }, ({ path }) => ({
      contents: `module.exports = require('${laterBundle}')[${JSON.stringify(path)}]`,
    }));
  },
});

/** The other bundle: every module there by its path, each run when it is first asked for. */
export const laterEntry = (root, found) => ({
  stdin: {
    contents: [...found]
      .map((file) => `Object.defineProperty(exports, ${JSON.stringify(file)}, { get: () => require('./${file}') })`)
      .join('\n'),
    resolveDir: root,
  },
});
