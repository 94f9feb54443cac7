import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HashedFile, HashMemory } from '../pod/pod.ts';
import { writeAtomic } from '../project/atomicFile.ts';

/** Beyond so many paths the ones longest not hashed are forgotten. */
const mostKept = 100_000;

/**
 * Hashes of files that need not be read again while their stamp stays as it was: those of a project here, or those on a pod.
 * They lie in the person's own folder. Losing them costs only the reading; of two windows that write, the later one counts.
 */
export class RememberedHashes implements HashMemory {
  private readonly file: string;
  private hashes: Map<string, HashedFile> | null = null;
  private isNew = false;

  /** @param place whose files they are: `['local', root]` or `['pod', name, root]` */
  constructor(stateFolder: string, place: readonly string[]) {
    const key = createHash('sha256').update(JSON.stringify(place)).digest('hex').slice(0, 24);
    this.file = join(stateFolder, 'hashes', `${key}.json`);
  }

  /** To be called before the others; reads the file once. */
  async load(): Promise<void> {
    this.hashes ??= await read(this.file);
  }

  get(path: string): HashedFile | undefined {
    return this.hashes?.get(path);
  }

  /** The paths that had these bytes when they were last hashed. */
  pathsOf(sha256: string): readonly string[] {
    return [...(this.hashes ?? [])].flatMap(([path, hashed]) => (hashed.sha256 === sha256 ? [path] : []));
  }

  set(path: string, hashed: HashedFile): void {
    this.hashes?.delete(path); // to the end: the order is that of age
    this.hashes?.set(path, hashed);
    this.isNew = true;
  }

  /** Writes what is new; what cannot be written is read again the next time. */
  async save(): Promise<void> {
    if (!this.isNew || this.hashes === null) return;
    this.isNew = false;
    const entries = [...this.hashes].slice(-mostKept).map(([path, { stamp, sha256 }]) => [path, stamp, sha256]);
    await writeAtomic(this.file, JSON.stringify(entries), { durable: false }).catch(() => {});
  }
}

async function read(file: string): Promise<Map<string, HashedFile>> {
  try {
    const entries = JSON.parse(await readFile(file, 'utf8')) as unknown;
    const isEntry = (entry: unknown): entry is [string, string, string] =>
      Array.isArray(entry) && entry.length === 3 && entry.every((part) => typeof part === 'string');
    return new Map((Array.isArray(entries) ? entries : []).filter(isEntry).map(([path, stamp, sha256]) => [path, { stamp, sha256 }]));
  } catch {
    return new Map();
  }
}
