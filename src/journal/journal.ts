import { appendFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { maskSecrets } from '../core/secrets.ts';

/** One thing that was asked for, and what came of it. */
export interface JournalEntry {
  /** ISO 8601, when it had ended. */
  readonly at: string;
  readonly who: 'agent' | 'person';
  /** The agent's program, or the face a person used. */
  readonly by: string;
  readonly operation: string;
  /** Local folder of the project. */
  readonly project: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly ok: boolean;
  /** One line. */
  readonly result: string;
  /** The run it started or was about. */
  readonly run?: string;
  readonly milliseconds: number;
  /** It only looked: a wait, a status, a resource. Absent: it may have changed something. */
  readonly reads?: boolean;
}

const fullBytes = 4_000_000;
/** A lock this old was left by a process that died; turning takes milliseconds. */
const staleMs = 10_000;
const maxText = 600;

/**
 * What was done by whom, as JSON lines in the person's own folder. Every face writes it and every face may watch it: that is how a window learns of a run that an
 * agent started. A line is appended in one write; a full file becomes the older one.
 */
export class Journal {
  readonly file: string;
  private readonly older: string;

  constructor(
    stateFolder: string,
    private readonly maxBytes = fullBytes,
  ) {
    this.file = join(stateFolder, 'journal.jsonl');
    this.older = join(stateFolder, 'journal.1.jsonl');
  }

  /** Secrets are masked. A journal that cannot be written stops nobody's work. */
  async add(entry: JournalEntry): Promise<void> {
    try {
      await mkdir(join(this.file, '..'), { recursive: true, mode: 0o700 });
      if ((await this.size()) > this.maxBytes) await this.turn();
      await appendFile(this.file, JSON.stringify({ ...entry, arguments: masked(entry.arguments), result: short(entry.result) }) + '\n', {
        mode: 0o600,
      });
    } catch {
      // A read-only home, say.
    }
  }

  private async size(): Promise<number> {
    return (await stat(this.file).catch(() => null))?.size ?? 0;
  }

  /** The full file becomes the older one. Of several that find it full one turns it, or the second would throw away what the first has just put aside. */
  private async turn(): Promise<void> {
    const lock = `${this.file}.lock`;
    const held = await stat(lock).catch(() => null);
    if (held !== null && Date.now() - held.mtimeMs > staleMs) await rm(lock, { force: true });
    const file = await open(lock, 'wx').catch(() => null);
    if (file === null) return;
    try {
      // Asked again: it may have been turned between our looking and our lock.
      if ((await this.size()) > this.maxBytes) await rename(this.file, this.older);
    } finally {
      await file.close();
      await rm(lock, { force: true });
    }
  }

  /** The newest entries, oldest of them first. */
  async read(limit: number): Promise<readonly JournalEntry[]> {
    const texts = await Promise.all([this.older, this.file].map(async (file) => readFile(file, 'utf8').catch(() => '')));
    const lines = texts.join('').split('\n').filter(Boolean);
    return lines.slice(-limit).flatMap((line) => parse(line) ?? []);
  }
}

function parse(line: string): JournalEntry | null {
  try {
    const value = JSON.parse(line) as Partial<JournalEntry> | null;
    return typeof value?.operation === 'string' && typeof value.at === 'string' ? (value as JournalEntry) : null;
  } catch {
    return null;
  }
}

function masked(value: unknown): unknown {
  if (typeof value === 'string') return short(value);
  if (Array.isArray(value)) return value.slice(0, 20).map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, masked(one)]));
}

function short(text: string): string {
  const safe = maskSecrets(text);
  return safe.length <= maxText ? safe : `${safe.slice(0, maxText)}…`;
}
