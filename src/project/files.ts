import type { Ignore } from 'ignore';
import type { Dirent, Stats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { isGlob, matcher, plainPath } from './globs.ts';
import { ignoreRules } from './ignoreRules.ts';
import type { Project } from './project.ts';
import { didYouMean } from './suggest.ts';

/** One local file that belongs on the pod. */
export interface DeployableFile {
  /** Relative to the project's root, POSIX separators. */
  readonly path: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Whether its owner may run it; always false on Windows. */
  readonly executable: boolean;
}

/** Folders that no pod needs, whatever .gitignore says. */
const neverFolders = new Set([
  '.git',
  '.hg',
  '.svn',
  '.runpod',
  '__pycache__',
  'node_modules',
  '.venv',
  '.mypy_cache',
  '.pytest_cache',
  '.ruff_cache',
  '.ipynb_checkpoints',
]);
const neverFiles = new Set(['.DS_Store', 'Thumbs.db']);

/**
 * All files of the project that may be deployed, sorted by path. Left out: what `exclude` and .gitignore files say
 * (nested ones too, and those above the project up to its repository), repositories' own folders, caches, virtual
 * environments. A symbolic link counts as what it leads to, if that lies within the project.
 *
 * @throws UserError 'local-failed' for a folder that cannot be read, 'local-missing' when the project is gone, 'cancelled'.
 */
export async function listDeployable(project: Project, signal?: AbortSignal): Promise<DeployableFile[]> {
  return (await listTree(project, signal)).files;
}

/** What may be deployed of a project: its files, as listDeployable() gives them, and the folders that hold nothing at all. */
export interface DeployableTree {
  readonly files: DeployableFile[];
  /** Relative to the project's root, POSIX separators. */
  readonly emptyFolders: readonly string[];
}

/** The same with empty folders, which a program may need to write into. Throws as listDeployable(). */
export async function listTree(project: Project, signal?: AbortSignal): Promise<DeployableTree> {
  return new Walk(project, signal).run();
}

/**
 * The files that a preset of runpod.json names, relative POSIX paths, sorted, each once.
 *
 * @throws UserError 'bad-argument' for a preset that is not there, and what expandPatterns() throws.
 */
export async function expandPreset(project: Project, name: string, signal?: AbortSignal): Promise<string[]> {
  const { presets } = project.config;
  const patterns = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (patterns === undefined)
    throw new UserError(
      'bad-argument',
      `There is no preset "${name}" in runpod.json. ${didYouMean(name, Object.keys(presets), 'presets')}`,
    );
  return expandPatterns(project, patterns, { what: `The preset "${name}" in runpod.json`, signal });
}

/**
 * The files that plain paths, folders and globs name, relative POSIX paths, sorted, each once. Globs and folders give
 * what may be deployed; a file named in full is given also when .gitignore hides it, but not when `exclude` does.
 *
 * @param options.what Who lists them, the subject of the sentence when one is wrong.
 * @throws UserError 'local-missing' naming every entry that matches nothing, 'outside-project', and as listDeployable().
 */
export async function expandPatterns(
  project: Project,
  patterns: readonly string[],
  options: { readonly what?: string; readonly signal?: AbortSignal } = {},
): Promise<string[]> {
  const what = options.what ?? 'The list';
  const outside = patterns.filter((pattern) => /^([/\\]|[A-Za-z]:[/\\])/.test(pattern) || pattern.split(/[/\\]/).includes('..'));
  if (outside.length > 0)
    throw new UserError(
      'outside-project',
      `${what} names ${list(outside)}, outside the project ${project.root}. Only files below it can be deployed.`,
    );

  const found = new Set<string>();
  const open: string[] = [];
  const excluded = excludeRules(project);
  for (const pattern of patterns) {
    const path = plainPath(pattern);
    const isFile = !isGlob(pattern) && path !== '' && (await statOrNull(join(project.root, ...path.split('/'))))?.isFile() === true;
    if (!isFile) open.push(pattern);
    else if (excluded.ignores(path))
      throw new UserError(
        'local-missing',
        `${what} names ${path}, which "exclude" in runpod.json keeps from being deployed. Take it out of one of the two.`,
      );
    else if (!(await isInside(project.root, join(project.root, ...path.split('/')))))
      throw new UserError(
        'outside-project',
        `${what} names ${path}, a link that leads out of the project. Put a copy into the project instead.`,
      );
    else found.add(path);
  }

  const missing: string[] = [];
  const files = open.length > 0 ? await listDeployable(project, options.signal) : [];
  for (const pattern of open) {
    const matches = matcher(pattern);
    const hits = files.filter((file) => matches(file.path));
    if (hits.length === 0) missing.push(pattern);
    for (const hit of hits) found.add(hit.path);
  }
  if (missing.length > 0) {
    const hint = 'Correct the name, create the file, or look whether "exclude" or .gitignore hides it.';
    throw new UserError('local-missing', `${what} names ${list(missing)}, which matches no file in ${project.root}. ${hint}`, {
      details: { patterns: missing },
    });
  }
  return [...found].sort(byCodeUnit);
}

/** Rules of one .gitignore, and the folder they start at (relative to the root; `null` parts lie above it). */
interface Rules {
  readonly matcher: Ignore;
  /** What a path of the project is, seen from the rules' folder: `strip` removed from its start, or `prefix` put before. */
  readonly strip: number;
  readonly prefix: string;
}

class Walk {
  private readonly files: DeployableFile[] = [];
  private readonly emptyFolders: string[] = [];
  private readonly exclude: Rules;
  private root = '';

  constructor(
    private readonly project: Project,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.exclude = { matcher: excludeRules(project), strip: 0, prefix: '' };
  }

  async run(): Promise<DeployableTree> {
    const root = await realpath(this.project.root).catch(() => null);
    if (root === null)
      throw new UserError('local-missing', `The project's folder ${this.project.root} is not there any more. Open it again.`);
    this.root = root;
    // Strongest last: `exclude` overrules every .gitignore.
    const above = this.project.config.gitignore ? await rulesAbove(root) : [];
    await this.folder('', root, above, new Set([root]));
    return { files: this.files.sort((a, b) => byCodeUnit(a.path, b.path)), emptyFolders: this.emptyFolders.sort(byCodeUnit) };
  }

  private async folder(path: string, real: string, inherited: readonly Rules[], trail: ReadonlySet<string>): Promise<void> {
    throwIfCancelled(this.signal, 'Listing the files of the project');
    const entries = await this.read(real);
    if (entries.length === 0 && path !== '') this.emptyFolders.push(path);
    if (path !== '' && entries.some((entry) => entry.name === 'pyvenv.cfg')) return; // PEP 405: a virtual environment
    const rules = [...inherited];
    if (this.project.config.gitignore && entries.some((entry) => entry.name === '.gitignore')) {
      const text = await readFile(join(real, '.gitignore'), 'utf8').catch(() => '');
      rules.push({ matcher: ignoreRules(text), strip: path === '' ? 0 : path.length + 1, prefix: '' });
    }
    await eachOf(entries, async (entry) => {
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      const place = entry.isSymbolicLink() ? await this.targetOf(join(real, entry.name), trail) : join(real, entry.name);
      const found = place === null ? null : await statOrNull(place);
      if (place === null || found === null) return;
      const directory = found.isDirectory();
      if ((directory ? neverFolders : neverFiles).has(entry.name) || (!directory && !found.isFile())) return;
      if (isIgnored([...rules, this.exclude], directory ? `${child}/` : child)) return;
      if (directory) await this.folder(child, place, rules, new Set([...trail, place]));
      else this.add(child, found);
    });
  }

  private add(path: string, found: Stats): void {
    const executable = process.platform !== 'win32' && (found.mode & 0o100) !== 0;
    this.files.push({ path, bytes: found.size, mtimeMs: found.mtimeMs, executable });
  }

  /** What a link leads to; null when that is nowhere, outside the project, or a folder that we are in. */
  private async targetOf(link: string, trail: ReadonlySet<string>): Promise<string | null> {
    const target = await realpath(link).catch(() => null);
    if (target === null || !isBelow(this.root, target)) return null;
    return [...trail].some((folder) => folder === target || isBelow(target, folder)) ? null : target;
  }

  private async read(absolute: string): Promise<Dirent[]> {
    try {
      return await readdir(absolute, { withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // removed while we looked
      throw new UserError(
        'local-failed',
        `${absolute} cannot be read: ${messageOf(error)}. Check its permissions, or put it into "exclude" in runpod.json.`,
        { cause: error },
      );
    }
  }
}

/** `exclude`; where it brings something back (`!data/`) it brings back all that is below, which .gitignore may hide too. */
function excludeRules({ config }: Project): Ignore {
  return ignoreRules(
    config.exclude.flatMap((pattern) => (pattern.startsWith('!') ? [pattern, `${pattern.replace(/\/+$/, '')}/**`] : [pattern])),
  );
}

/** gitignore(5): of the rules that say anything, the last file's decide. `path` ends in `/` for a folder. */
function isIgnored(rules: readonly Rules[], path: string): boolean {
  for (const { matcher: rule, strip, prefix } of [...rules].reverse()) {
    const { ignored, unignored } = rule.test(prefix + path.slice(strip));
    if (ignored) return true;
    if (unignored) return false;
  }
  return false;
}

/**
 * The .gitignore files above the project, if it lies within a repository. Where they ignore the project itself, a
 * person who opened it as a project means it all the same, so they say nothing about what is in it.
 */
async function rulesAbove(root: string): Promise<Rules[]> {
  const found: Rules[] = [];
  if (await exists(join(root, '.git'))) return found;
  for (let folder = dirname(root); dirname(folder) !== folder; folder = dirname(folder)) {
    const text = await readFile(join(folder, '.gitignore'), 'utf8').catch(() => null);
    const prefix = relative(folder, root).split(sep).join('/') + '/';
    if (text !== null) found.unshift({ matcher: ignoreRules(text), strip: 0, prefix });
    if (!(await exists(join(folder, '.git')))) continue;
    return isIgnored(found, '') ? [] : found;
  }
  return [];
}

async function isInside(root: string, path: string): Promise<boolean> {
  const [base, target] = await Promise.all([realpath(root), realpath(path)]);
  return isBelow(base, target);
}

function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

async function statOrNull(path: string): Promise<Stats | null> {
  return stat(path).catch(() => null);
}

async function exists(path: string): Promise<boolean> {
  return (await statOrNull(path)) !== null;
}

/** At most 32 at a time, so that a folder of a million files does not exhaust the file table. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += 32) await Promise.all(items.slice(start, start + 32).map(work));
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
