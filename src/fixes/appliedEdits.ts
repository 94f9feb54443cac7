import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../project/atomicFile.ts';
import { withLock } from '../project/fileLock.ts';

/** A setting that was changed because of a run. */
export interface AppliedEdit {
  readonly run: string;
  /** Below the project, POSIX separators. */
  readonly path: string;
  readonly setting: string;
  /** As it was written when the run trained with it, and as it was written then. */
  readonly from: string;
  readonly to: string;
}

/** Older ones belong to runs that nobody mends any more. */
const kept = 500;

/**
 * Remembers which settings were changed for which run. A fix says "half of what the run had"; worked out anew from the file
 * as it is now it would be a quarter. Lies in the person's own folder; losing it costs only that notice.
 */
export class AppliedEdits {
  private readonly file: string;

  constructor(stateFolder: string) {
    this.file = join(stateFolder, 'applied.json');
  }

  /** The change of this setting that was made because of this run, the last one. */
  async find(run: string, path: string, setting: string): Promise<AppliedEdit | null> {
    const found = (await this.read()).findLast((edit) => edit.run === run && edit.path === path && edit.setting === setting);
    return found ?? null;
  }

  async add(edit: AppliedEdit): Promise<void> {
    await withLock(`${this.file}.lock`, async () => {
      const all = [...(await this.read()), edit];
      await writeAtomic(this.file, JSON.stringify(all.slice(-kept)));
    });
  }

  private async read(): Promise<readonly AppliedEdit[]> {
    try {
      const value: unknown = JSON.parse(await readFile(this.file, 'utf8'));
      return Array.isArray(value) ? (value as readonly AppliedEdit[]) : [];
    } catch {
      return [];
    }
  }
}
