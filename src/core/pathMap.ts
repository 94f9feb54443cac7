import { posix, win32 } from 'node:path';

/** Which separator and case rules local paths follow. */
export type LocalPlatform = 'posix' | 'win32';

/** An absolute path, or one with an empty, `.` or `..` part; any other is what resolving it would give, which takes a while for thousands. */
const needsResolving = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * The two homes of one project: a local folder and a folder on the pod with the same files below them.
 * Pure string work; nothing here asks a disk. Remote paths are always POSIX.
 */
export class PathMap {
  private readonly local: typeof posix;
  /** The roots with the separator that goes before a name. */
  private readonly localBase: string;
  private readonly remoteBase: string;

  constructor(
    readonly localRoot: string,
    readonly remoteRoot: string,
    platform: LocalPlatform,
  ) {
    this.local = platform === 'win32' ? win32 : posix;
    this.localBase = this.local.join(localRoot, this.local.sep);
    this.remoteBase = posix.join(remoteRoot, '/');
  }

  /** The path below the project, POSIX separators (`''` for the root itself); null when it lies outside. */
  relativeOfLocal(localPath: string): string | null {
    if (this.local === posix && !needsResolving.test(localPath)) return localPath;
    const relative = this.local.relative(this.localRoot, this.local.resolve(this.localRoot, localPath));
    if (relative === '') return '';
    // On another drive win32.relative() gives an absolute path.
    if (relative === '..' || relative.startsWith('..' + this.local.sep) || this.local.isAbsolute(relative)) return null;
    return relative.split(this.local.sep).join('/');
  }

  /** The same for a path on the pod; a relative one is taken below remoteRoot. */
  relativeOfRemote(remotePath: string): string | null {
    const below = remotePath.startsWith(this.remoteBase) ? remotePath.slice(this.remoteBase.length) : '';
    if (!needsResolving.test(below)) return below;
    const relative = posix.relative(this.remoteRoot, posix.resolve(this.remoteRoot, remotePath));
    return relative === '..' || relative.startsWith('../') ? null : relative;
  }

  /** Where a local file belongs on the pod; null when it lies outside the project. */
  toRemote(localPath: string): string | null {
    const relative = this.relativeOfLocal(localPath);
    return relative === null ? null : posix.join(this.remoteRoot, relative);
  }

  /**
   * Where a file of the pod belongs here; null when it lies outside, or has a name that this platform would read as
   * something else (on Windows a backslash, a colon, a trailing dot or a device name).
   */
  toLocal(remotePath: string): string | null {
    const relative = this.relativeOfRemote(remotePath);
    return relative === null ? null : this.join(relative);
  }

  /** A relative POSIX path as a local one below the project; null when it cannot be one (see toLocal). */
  join(relative: string): string | null {
    if (this.local === posix && !needsResolving.test(relative) && !relative.includes('\0')) return this.localBase + relative;
    const parts = relative.split('/');
    if (relative !== '' && parts.some((part) => !this.isLocalName(part))) return null;
    return this.local.join(this.localRoot, ...parts);
  }

  private isLocalName(part: string): boolean {
    if (part === '' || part === '.' || part === '..' || part.includes('\0')) return false;
    if (this.local === posix) return true;
    // "Naming Files, Paths, and Namespaces", Microsoft Learn.
    return !/[<>:"/\\|?*\u0000-\u001f]|[. ]$/.test(part) && !/^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i.test(part);
  }
}
