import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What we put on a pod: path below remoteRoot -> SHA-256 of the bytes and when. */
export type LedgerEntries = Readonly<Record<string, { readonly sha256: string; readonly at: string }>>;

/**
 * Remembers what was last deployed to one remote root of one pod, so that a copy changed there meanwhile is noticed.
 * It lies in the person's own folder, shared by editor, terminal and agents. Losing it costs nothing but that notice.
 */
export class Ledger {
  private readonly file: string;
  private turn: Promise<unknown> = Promise.resolve();

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

  /** Adds entries; the ones there stay. Calls wait for each other, the file is replaced whole. */
  async add(hashes: ReadonlyMap<string, string>, at: Date): Promise<void> {
    const next = this.turn.then(async () => {
      const entries: Record<string, { sha256: string; at: string }> = { ...(await this.read()) };
      for (const [path, sha256] of hashes) entries[path] = { sha256, at: at.toISOString() };
      await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
      const temporary = `${this.file}.${randomBytes(4).toString('hex')}`;
      try {
        await writeFile(temporary, JSON.stringify(entries), { mode: 0o600 });
        await rename(temporary, this.file);
      } finally {
        await rm(temporary, { force: true });
      }
    });
    this.turn = next.catch(() => undefined);
    await next;
  }
}
