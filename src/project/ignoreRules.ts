import ignore, { type Ignore } from 'ignore';

/** Rules in gitignore syntax; paths to ask about are relative and POSIX, folders end in `/`. Case counts where git's core.ignoreCase makes it. */
export function ignoreRules(text: string | readonly string[]): Ignore {
  return ignore({ ignorecase: process.platform !== 'linux' }).add(text);
}

/** Whether a file is left out by patterns in gitignore syntax. */
export function leavesOut(patterns: readonly string[]): (path: string) => boolean {
  const rules = ignoreRules(patterns);
  return (path) => rules.ignores(path);
}
