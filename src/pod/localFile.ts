import { createHash, hash, randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { lstat, mkdir, open, realpath, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PathMap } from '../core/pathMap.ts';
import { UserError } from '../core/errors.ts';

/** A name for each file of a thousand takes a while to be drawn, so one is drawn for all of this process. */
const ofThisProcess = randomUUID().slice(0, 13);
let count = 0;

/** A local file in the making: written beside its target, and in its place only when it is known to be right. */
export class IncomingFile {
  readonly beside: string;
  bytes = 0;
  sha256 = '';

  constructor(readonly localPath: string) {
    this.beside = pathBeside(localPath, `rpo-${ofThisProcess}${(count++).toString(36)}`);
  }

  /** @throws UserError 'local-failed' when the disk does not take it. */
  async write(content: AsyncIterable<Buffer> | Iterable<Buffer>, onBytes?: (bytes: number) => void): Promise<void> {
    const hash = createHash('sha256');
    const handle = await open(this.beside, 'wx').catch((error: unknown) => Promise.reject(localFailure(this.localPath, error)));
    try {
      for await (const chunk of content) {
        hash.update(chunk);
        await handle.write(chunk).catch((error: unknown) => Promise.reject(localFailure(this.localPath, error)));
        this.bytes += chunk.length;
        onBytes?.(chunk.length);
      }
    } finally {
      await handle.close();
    }
    this.sha256 = hash.digest('hex');
  }

  /**
   * All of a small file at once: a thousand of them are written several times sooner so than by promises. Whoever has many
   * lets others have their turn in between.
   *
   * @throws UserError 'local-failed' when the disk does not take it.
   */
  writeWhole(content: Buffer, onBytes?: (bytes: number) => void): void {
    try {
      writeFileSync(this.beside, content, { flag: 'wx' });
    } catch (error) {
      throw localFailure(this.localPath, error);
    }
    this.sha256 = hash('sha256', content);
    this.bytes = content.length;
    onBytes?.(content.length);
  }

  /** Puts it in place. On Windows a virus scanner or an editor may hold the old file for a moment. */
  async commit(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return renameSync(this.beside, this.localPath);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (attempt === 5 || (code !== 'EPERM' && code !== 'EACCES' && code !== 'EBUSY') || process.platform !== 'win32')
          throw localFailure(this.localPath, error);
        await delay(50 * attempt);
      }
    }
  }

  async discard(): Promise<void> {
    await rm(this.beside, { force: true });
  }
}

/** A hidden name beside a file, with the beginning of its own: the whole may be as long as names can be already. */
export function pathBeside(localPath: string, suffix: string): string {
  return join(dirname(localPath), `.${basename(localPath).slice(0, 40)}.${suffix}`);
}

/**
 * Where files of a pod go below one local folder. The pod chooses their names, so nothing but a name below the folder
 * is taken, and no folder on the way may be a link that leads out of it.
 */
export class LocalTarget {
  private readonly map: PathMap;
  private readonly madeFolders = new Map<string, Promise<void>>();
  /** Those that were not there before, outer ones first. */
  private readonly newFolders: string[] = [];

  constructor(readonly folder: string) {
    this.map = new PathMap(folder, '/', process.platform === 'win32' ? 'win32' : 'posix');
  }

  /** @throws UserError 'local-failed' for a name that leads out or that this system cannot have. */
  pathOf(relativePath: string): string {
    const path = relativePath === '' ? null : this.map.join(relativePath);
    if (path !== null) return path;
    throw new UserError(
      'local-failed',
      `The pod's file ${JSON.stringify(relativePath)} has a name that cannot be used in ${this.folder}. Rename it on the pod, or fetch the other files by name.`,
      {
        details: { path: relativePath },
      },
    );
  }

  /** Makes the folders above a path that `pathOf` gave. */
  makeFolderFor(localPath: string): Promise<void> {
    const folder = dirname(localPath);
    const made = this.madeFolders.get(folder) ?? this.make(folder);
    this.madeFolders.set(folder, made);
    return made;
  }

  /** Does what needs folders; when it fails, those that were made for it and hold nothing go again. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      for (const folder of this.newFolders.reverse()) await rmdir(folder).catch(() => {});
      throw error;
    }
  }

  private async make(folder: string): Promise<void> {
    try {
      const first = await mkdir(this.folder, { recursive: true });
      if (first !== undefined) this.newFolders.push(...foldersFrom(first, this.folder));
      const root = await realpath(this.folder);
      let at = this.folder;
      for (const part of relative(this.folder, folder).split(sep).filter(Boolean)) {
        at = join(at, part);
        await mkdir(at).then(
          () => this.newFolders.push(at),
          async (error: unknown) => {
            if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
            if ((await lstat(at)).isSymbolicLink() && !isInside(root, await realpath(at))) {
              throw new UserError(
                'local-failed',
                `${at} is a link that leads out of ${this.folder}, so nothing is written through it. Remove the link, or choose another folder.`,
              );
            }
          },
        );
      }
    } catch (error) {
      throw localFailure(folder, error);
    }
  }
}

/** All on the way from an outer folder to one in it, both included. */
function foldersFrom(outer: string, inner: string): string[] {
  return inner.length > outer.length ? [...foldersFrom(outer, dirname(inner)), inner] : [outer];
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !/^\.\.[\\/]/.test(way));
}

/** The error for a local path that cannot be written. */
export function localFailure(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const why: Record<string, string> = {
    ENOSPC: 'the disk of this machine is full. Make room and try again',
    EACCES: 'permission denied. Check who owns that folder',
    EROFS: 'that disk is read-only',
    EISDIR: 'there is a folder of that name. Move it away',
    EEXIST: 'there is a file in the way',
    ENOTDIR: 'a file stands where a folder is needed',
    ENAMETOOLONG: 'the name is too long for this system',
  };
  return new UserError('local-failed', `${path} cannot be written: ${why[code ?? ''] ?? message}.`, { cause: error, details: { path } });
}
