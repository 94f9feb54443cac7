import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { Source } from './source.ts';

/** Where small files lie until their set is complete, and how a tar brings them there. */
export interface Staging {
  /** What the paths in the tar are below. */
  readonly tarIn: string;
  readonly nameInTar: (remotePath: string) => string;
  /** The folders that hold these files meanwhile. */
  readonly foldersOf: (sources: readonly Source[]) => readonly string[];
  /** Where sessions that bring parts of one set tell of each other; no file of the set can have its place. */
  readonly lanesIn: string;
}

/** Of one attempt. */
export function newToken(): string {
  return randomBytes(6).toString('hex');
}

/** Of one attempt; a name that no file of a user has. */
export function stagingFolder(folder: string, token: string): string {
  return posix.join(folder, `.rpo-${token}`);
}

/** In a folder beside the target, so that the rename is one within a file system and a whole group can be renamed by one `mv`. */
export function stagedPath(remotePath: string, token: string): string {
  return posix.join(stagingFolder(posix.dirname(remotePath), token), posix.basename(remotePath));
}

/** Each file beside its target. */
export function besideTargets(sources: readonly Source[], token: string): Staging {
  return {
    tarIn: '/',
    nameInTar: (remotePath) => stagedPath(remotePath, token).slice(1),
    foldersOf: (some) => [...new Set(some.map(({ remotePath }) => stagingFolder(posix.dirname(remotePath), token)))],
    lanesIn: lanesBeside(stagingFolder(posix.dirname(sources[0]?.remotePath ?? '/'), token)),
  };
}

/** All of them as the tree that they will be in this folder, in one folder there. */
export function asOneTree(folder: string, token: string): Staging {
  const tree = stagingFolder(folder, token);
  return {
    tarIn: tree,
    nameInTar: (remotePath) => posix.relative(folder, remotePath),
    foldersOf: () => [tree],
    lanesIn: lanesBeside(tree),
  };
}

function lanesBeside(folder: string): string {
  return `${folder}.lanes`;
}
