import { posix } from 'node:path';
import type { Pod } from '../pod/pod.ts';
import type { ProjectConfig } from '../project/schema.ts';

/** A result file on the pod, and which model and seed it is of. */
export interface SeedFile {
  readonly path: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  readonly model: string;
  readonly seed: string;
}

/** What is of none of the newest `keep` seeds of its model; a seed is as new as its newest file. */
export function ofOldSeeds(files: readonly SeedFile[], keep: number): readonly SeedFile[] {
  const newest = new Map<string, Map<string, number>>();
  for (const { model, seed, mtimeMs } of files) {
    const seeds = newest.get(model) ?? new Map<string, number>();
    newest.set(model, seeds.set(seed, Math.max(seeds.get(seed) ?? 0, mtimeMs)));
  }
  const kept = new Map([...newest].map(([model, seeds]) => [model, [...seeds].sort(([, a], [, b]) => b - a).slice(0, keep)]));
  return files.filter(({ model, seed }) => !kept.get(model)?.some(([name]) => name === seed));
}

/**
 * Which seed a path is of, by the pattern of runpod.json that names it (model filled in already); null when it is of none.
 * A pattern without {seed} names no seed: each training replaces the file.
 */
export function seedOf(pattern: string, path: string): string | null {
  const parts = pattern.split('{seed}');
  if (parts.length < 2 || /[*?[\]{}\\]/.test(parts.join(''))) return null;
  const literal = parts.map((part) => part.replace(/[.^$+()|/]/g, '\\$&'));
  const [first = '', ...rest] = literal;
  return new RegExp(`^${first}(\\d+)${rest.join('\\1')}$`).exec(path)?.[1] ?? null;
}

/** Result files of seeds beyond the newest `keep` of each model, sorted by path. */
export async function oldResults(
  pod: Pod,
  remoteRoot: string,
  { train, results }: ProjectConfig,
  keep: number,
  signal?: AbortSignal,
): Promise<readonly SeedFile[]> {
  const found = await Promise.all(
    Object.entries(train.models).flatMap(([model, own]) =>
      (own.results ?? results)
        .filter((pattern) => pattern.includes('{seed}'))
        .map(async (pattern) => {
          const filled = pattern.replaceAll('{model}', model);
          const base = posix.dirname(filled.slice(0, filled.indexOf('{seed}')) + 'x');
          const files = await pod.listFiles(posix.join(remoteRoot, base), { signal });
          return files.flatMap((file) => {
            const path = posix.join(base, file.path);
            const seed = seedOf(filled, path);
            return seed === null ? [] : [{ path, bytes: file.bytes, mtimeMs: file.mtimeMs, model, seed }];
          });
        }),
    ),
  );
  return [...ofOldSeeds(found.flat(), keep)].sort((a, b) => (a.path < b.path ? -1 : 1));
}
