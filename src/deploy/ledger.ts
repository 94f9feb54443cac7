import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
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
}

/** By path below remoteRoot. */
export type LedgerEntries = Readonly<Record<string, LedgerEntry>>;

/**
 * Remembers what was last deployed to one remote root of one pod, so that a copy changed there meanwhile is noticed.
 * It lies in the person's own folder, shared by editor, terminal and agents. Losing it costs nothing but that notice.
 */
export class Ledger {
  private readonly file: string;

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
      const value: unknown = JSON.parse(await readFile(this.file, 'utf8'));
      return typeof value === 'object' && value !== null ? (value as LedgerEntries) : {};
    } catch {
      return {};
    }
  }

  /**
   * Adds entries; the ones there stay. One at a time over all processes; the file is replaced whole.
   *
   * @throws UserError 'local-failed' when it cannot be written.
   */
  async add(hashes: ReadonlyMap<string, string>, at: Date, by?: LedgerEntry['by']): Promise<void> {
    if (hashes.size === 0) return;
    const added = [...hashes].map(
      ([path, sha256]) => [path, { sha256, at: at.toISOString(), ...(by === undefined ? {} : { by }) }] as const,
    );
    try {
      for (;;) {
        const done = await withLock(`${this.file}.lock`, async (isOurs) =>
          writeAtomic(this.file, JSON.stringify({ ...(await this.read()), ...Object.fromEntries(added) }), { stillWanted: isOurs }),
        );
        if (done) return;
      }
    } catch (error) {
      throw new UserError(
        'local-failed',
        `The files arrived, but ${this.file} cannot be written to remember that (${messageOf(error)}). Make room or correct its permissions; until then a later deploy may say that the pod's copy changed.`,
        { cause: error },
      );
    }
  }
}
