import { posix } from 'node:path';
import { chunks } from '../core/chunks.ts';
import { quote, quoteAll } from '../core/shell.ts';
import { type CacheUse, keepInCache } from './artifactCache.ts';
import { awaitLanes, closeLanes, type Lane, openLanes } from './putLanes.ts';
import { answers, removeRemains, trapUndo, walkFolders } from './putScript.ts';
import { defineLists, defineSums, hasOddNames, prologue } from './remoteShell.ts';
import type { Source } from './source.ts';
import { stagingFolder } from './staging.ts';

/**
 * The usual first deploy: many files, and nothing where they go. They are staged as one tree, hashed by one program and
 * moved by their topmost names, so that the pod does nothing file by file; `putScript` does, and takes ten times as long.
 */
export interface NewTree {
  /** The deepest folder that holds them all. */
  readonly folder: string;
  /** The names directly below it, folders and files, that must not be there yet. */
  readonly roots: readonly string[];
}

/** Fewer are placed at once either way, and without the risk of a second round trip. */
const leastFiles = 50;
/** Names that one call of a program gets. */
const namesAtOnce = 200;

/** @returns undefined for a set of which something is known to be there, or that this way cannot carry */
export function newTreeOf(sources: readonly Source[]): NewTree | undefined {
  const isPlain = ({ expected, ours, mode }: Source) => expected.length === 0 && ours.length === 0 && (parseInt(mode, 8) & ~0o755) === 0;
  if (sources.length < leastFiles || !sources.every(isPlain) || hasOddNames(sources.map(({ remotePath }) => remotePath))) return undefined;
  const folder = sources.map(({ remotePath }) => posix.dirname(remotePath)).reduce(commonFolder);
  if (folder === '/') return undefined;
  return { folder, roots: [...new Set(sources.map(({ remotePath }) => below(folder, remotePath).split('/', 1)[0] ?? ''))] };
}

/**
 * The script that puts the tree in place, all or none, in one request; the payload is a tar of paths below the staging folder.
 * It says what `putScript` says, or `rpo occupied`, before it has read anything, when that one is needed.
 *
 * @param lanesIn where lanes tell of each other
 */
export function putNewScript(
  tree: NewTree,
  sources: readonly Source[],
  token: string,
  isCompressed: boolean,
  lanes: readonly Lane[],
  lanesIn: string,
  cache?: CacheUse,
): string {
  const paths = sources.map(({ remotePath }) => `./${below(tree.folder, remotePath)}`);
  return `${prologue}${defineSums}${defineLists(paths)}
${answers}
A=${quote(tree.folder)}; S=${quote(stagingFolder(tree.folder, token))}
roots() {
${calls(tree.roots)}
}
# Several tars that make one folder at the same time get in each other's way.
folders() {
${calls(lanes.length > 0 ? [...new Set(paths.map((path) => posix.dirname(path)))] : [])}
}
${walkFolders([tree.folder])}
for v in xargs tar${isCompressed || lanes.length > 0 ? ' gzip' : ''}; do command -v $v >/dev/null 2>&1 || { result occupied; exit 0; }; done
[ -n "$fast" ] || command -v sha256sum >/dev/null 2>&1 || command -v shasum >/dev/null 2>&1 || { result occupied; exit 0; }
free() { for v do if [ -e "$A/$v" ] || [ -L "$A/$v" ]; then return 1; fi; done; }
roots free || { result occupied; exit 0; }

umask 022
undo() {
  cd /
  ${lanes.length > 0 ? closeLanes(lanesIn) : ''}
  rm -rf -- "$S" ${lanes.length > 0 ? quote(lanesIn) : ''}
  unmakeFolders
}
${trapUndo}
noteFolders
${removeRemains}
removeRemains "$A"
mkdir -p -- "$S" || fail folder
${lanes.length > 0 ? `cd -- "$S" && folders mkdir -p -- && cd / || fail folder\n${openLanes(lanesIn)}` : ''}
${isCompressed ? 'gzip -dc | ' : ''}tar -xomf - -C "$S" || fail stage
echo rpo-took
${lanes.length > 0 ? awaitLanes(lanes) : ''}
cd -- "$S" || fail stage
[ "$(printf '%s\\n' ${quote(paths.join('\n'))} | tr '\\n' '\\0' | sumlist)" = ${quote(sources.map(({ sha256 }) => sha256).join('\n'))} ] || fail verify
trap '' HUP INT TERM
bring() { mv -- "$@" "$A/"; }
back() { for v do [ -e "$v" ] || mv -- "$A/$v" ./ 2>/dev/null; done; }
roots free && roots bring || { roots back; fail rename; }
trap - EXIT
cd /; rm -rf -- "$S" ${lanes.length > 0 ? quote(lanesIn) : ''}
${cache ? keepInCache(cache, sources, () => '') : ''}
result ok
`;
}

/** The body of a shell function that calls what it is given for these names, until that fails. */
function calls(names: readonly string[]): string {
  return [...chunks(names, namesAtOnce).map((some) => `"$@" ${quoteAll(some)} || return`), ':'].join('\n');
}

function commonFolder(one: string, other: string): string {
  let folder = one;
  while (folder !== '/' && other !== folder && !other.startsWith(`${folder}/`)) folder = posix.dirname(folder);
  return folder;
}

function below(folder: string, remotePath: string): string {
  return remotePath.slice(folder.length + 1);
}
