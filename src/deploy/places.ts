import { lstatSync, type Stats, statSync } from 'node:fs';
import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';
import type { PathMap } from '../core/pathMap.ts';
import { Turns } from '../pod/turns.ts';

/** The two homes of one file. */
export interface Place {
  /** Below the project, POSIX separators. */
  readonly path: string;
  readonly localPath: string;
  readonly remotePath: string;
}

/** One that is there to be sent. */
export interface LocalFile extends Place {
  readonly bytes: number;
  readonly executable: boolean;
  /** Another one whenever it was written to, but for writes within the clock's step of each other. */
  readonly stamp: string;
  /** When it was last written to or replaced, since the epoch. */
  readonly touchedMs: number;
}

/**
 * Files named by a person, absolute or below the project, each once.
 *
 * @throws UserError 'outside-project', 'bad-argument'
 */
export function placesOf(map: PathMap, paths: readonly string[]): readonly Place[] {
  const places = new Map<string, Place>();
  const remoteBase = posix.join(map.remoteRoot, '/');
  for (const path of paths) {
    const relative = map.relativeOfLocal(path);
    if (relative === null || relative === '') {
      throw new UserError(
        'outside-project',
        `${path} is not below the project folder ${map.localRoot}, so it has no place on the pod. Deploy it with an explicit target: \`rpo upload ${path} REMOTE\`.`,
      );
    }
    const localPath = map.join(relative) ?? path;
    places.set(relative, { path: relative, localPath, remotePath: remoteBase + relative });
  }
  if (places.size === 0) throw new UserError('bad-argument', 'There is nothing to deploy: no file was named.');
  return [...places.values()];
}

/**
 * What is at these places. Directories are for whoever chooses the files.
 *
 * @throws UserError 'local-missing'
 */
export async function look(places: readonly Place[]): Promise<readonly LocalFile[]> {
  const turns = new Turns();
  const files: LocalFile[] = [];
  for (const place of places) {
    await turns.next();
    files.push(fileAt(place));
  }
  return files;
}

/**
 * @param name what it is called should it not be there
 * @throws UserError 'local-missing'
 */
export function fileAt({ path, localPath, remotePath }: Place, name = path): LocalFile {
  const facts = factsOf(localPath, name);
  if (!facts.isFile())
    throw new UserError(
      'local-missing',
      `${name} is not a file, so nothing was deployed. Name the files in it, or a preset of runpod.json.`,
    );
  const { size, mode, mtimeMs, ctimeMs, ino } = facts;
  return {
    path,
    localPath,
    remotePath,
    bytes: size,
    executable: process.platform !== 'win32' && (mode & 0o100) !== 0,
    stamp: `${size} ${mtimeMs} ${ctimeMs} ${ino}`,
    touchedMs: Math.max(mtimeMs, ctimeMs),
  };
}

/** @throws UserError 'local-missing' */
function factsOf(localPath: string, name: string): Stats {
  try {
    return statSync(localPath);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = isThere(localPath)
      ? 'is a link to a file that is not there'
      : code === 'ENOENT'
        ? 'does not exist'
        : `cannot be read (${code ?? message})`;
    throw new UserError('local-missing', `${name} ${why}, so nothing was deployed. Check the path.`, { cause: error });
  }
}

/** Also for a link that leads nowhere. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
