import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import { writeAtomic } from '../project/atomicFile.ts';
import { withLock } from '../project/fileLock.ts';

/** What the pod's copy of one file was when it was last the same as one of ours. */
export interface LedgerEntry {
  readonly sha256: string;
  /** ISO 8601. */
  readonly at: string;
  /** How that came about, when not by a deploy: put there by an upload, or fetched from there. */
  readonly by?: 'upload' | 'download';
  readonly executable?: boolean;
  /** SHA-256 of what was on its way there since: it is there if only the answer was lost. */
  readonly pending?: readonly string[];
}

/** Attempts in a row whose answers were lost. */
const mostPending = 8;

/** By path below remoteRoot. */
export type LedgerEntries = Readonly<Record<string, LedgerEntry>>;

/**
 * Remembers what was last deployed to one remote root of one pod, so that a copy changed there meanwhile is noticed.
 * It lies in the person's own folder, shared by editor, terminal and agents. Losing it costs nothing but that notice.
 */
export class Ledger {
  private readonly file: string;
  private last: { readonly stamp: string; readonly entries: LedgerEntries } | undefined;

  /** @param pod what stays the same when the pod restarts: its name in pods.json, or its address */
  constructor(stateFolder: string, pod: string, remoteRoot: string) {
    const key = createHash('sha256')
      .update(JSON.stringify([pod, remoteRoot]))
      .digest('hex')
      .slice(0, 24);
    this.file = join(stateFolder, 'deployed', `${key}.json`);
  }

  async read(): Promise<LedgerEntries> {
    try {
      // One deploy reads it several times, and of a thousand files that takes longer than to see that it is the same file.
      const stamp = await this.stamp();
      if (this.last?.stamp === stamp) return this.last.entries;
      const value: unknown = JSON.parse(await readFile(this.file, 'utf8'));
      const entries = typeof value === 'object' && value !== null ? (value as LedgerEntries) : {};
      this.last = { stamp, entries };
      return entries;
    } catch {
      return {};
    }
  }

  /** Another one whenever the file was replaced. */
  private async stamp(): Promise<string> {
    const { mtimeNs, ctimeNs, ino, size } = await stat(this.file, { bigint: true });
    return [mtimeNs, ctimeNs, ino, size].join(' ');
  }

  /** Notes what is about to replace files that are known, lest the pod's copy counts as somebody else's should the answer be lost. */
  async begin(hashes: ReadonlyMap<string, string>): Promise<void> {
    const known = await this.read();
    if (![...hashes].some(([path, sha256]) => known[path] !== undefined && known[path].sha256 !== sha256)) return;
    await this.change((entries) =>
      Object.fromEntries(
        [...hashes].flatMap(([path, sha256]) => {
          const entry = entries[path];
          if (entry === undefined || entry.sha256 === sha256) return [];
          const pending = [...(entry.pending ?? []).filter((one) => one !== sha256), sha256].slice(-mostPending);
          return [[path, { ...entry, pending }]];
        }),
      ),
    );
  }

  /** Forgets files that are no more. */
  async remove(paths: readonly string[]): Promise<void> {
    if (paths.length > 0) await this.change(() => Object.fromEntries(paths.map((path) => [path, undefined])));
  }

  /**
   * Adds entries; the ones there stay. One at a time over all processes; the file is replaced whole.
   *
   * @throws UserError 'local-failed' when it cannot be written.
   */
  async add(
    files: ReadonlyMap<string, { readonly sha256: string; readonly executable?: boolean }>,
    at: Date,
    by?: LedgerEntry['by'],
  ): Promise<void> {
    if (files.size === 0) return;
    const added = Object.fromEntries(
      [...files].map(([path, { sha256, executable }]) => [
        path,
        { sha256, at: at.toISOString(), ...(by === undefined ? {} : { by }), ...(executable ? { executable } : {}) },
      ]),
    );
    try {
      await this.change(() => added);
    } catch (error) {
      throw new UserError(
        'local-failed',
        `The files arrived, but ${this.file} cannot be written to remember that (${messageOf(error)}). Make room or correct its permissions; until then a later deploy may say that the pod's copy changed.`,
        { cause: error },
      );
    }
  }

  /** @param how gives the entries to set, or undefined for those that go */
  private async change(how: (entries: LedgerEntries) => Readonly<Record<string, LedgerEntry | undefined>>): Promise<void> {
    for (;;) {
      const done = await withLock(`${this.file}.lock`, async (isOurs) => {
        const before = await this.read();
        const changes = how(before);
        const entries = { ...before, ...changes };
        for (const [path, entry] of Object.entries(changes)) if (entry === undefined) Reflect.deleteProperty(entries, path);
        const isWritten = await writeAtomic(this.file, JSON.stringify(entries), { stillWanted: isOurs, durable: false });
        const stamp = await this.stamp();
        // Nobody else wrote as long as the lock was ours.
        if (isWritten && (await isOurs())) this.last = { stamp, entries: entries as LedgerEntries };
        return isWritten;
      });
      if (done) return;
    }
  }
}
