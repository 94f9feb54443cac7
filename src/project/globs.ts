import picomatch from 'picomatch';

/** True when the text is a glob rather than a plain path. */
export function isGlob(pattern: string): boolean {
  return picomatch.scan(pattern).isGlob || /(?<!\\)[*?[{]/.test(pattern);
}

/** A pattern that is no glob, as the path it names: without `./`, doubled or closing slashes, and escapes. */
export function plainPath(pattern: string): string {
  return normal(pattern).replace(/\\(.)/g, '$1');
}

/**
 * A test for relative POSIX paths. `**` is any number of folders, `*` and `?` stop at `/`, dot files count, `{a,b}` and
 * `[ab]` as in bash, a backslash makes the next character literal. A pattern that names a folder means all below it.
 */
export function matcher(pattern: string): (path: string) => boolean {
  const glob = normal(pattern);
  if (glob === '' || glob === '.') return () => true;
  if (!isGlob(glob)) {
    const plain = plainPath(glob);
    return (path) => path === plain || path.startsWith(plain + '/');
  }
  // Flag `s`: a name may hold a newline, which picomatch's `.` would not match.
  const matches = picomatch([glob, `${glob}/**`], { dot: true, strictSlashes: true, flags: 's' });
  return (path) => matches(path);
}

/**
 * The folder below which everything lies that a pattern can match, '' for the root: what has to be listed.
 * For a plain path that is the folder it is in.
 */
export function baseOf(pattern: string): string {
  const parts = normal(pattern).split('/');
  const first = parts.findIndex((part) => isGlob(part));
  return parts
    .slice(0, first < 0 ? parts.length - 1 : first)
    .map((part) => part.replace(/\\(.)/g, '$1'))
    .join('/');
}

function normal(pattern: string): string {
  return pattern
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
