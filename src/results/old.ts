import { posix } from 'node:path';
import type { Pod } from '../pod/pod.ts';
import { baseOf, matcher } from '../project/globs.ts';
import type { ProjectConfig } from '../project/schema.ts';

/** A result file on the pod, and which model and seed it is of; model '' for what names none. */
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
 * A pattern without {seed} names no seed: each training replaces the file. The seed is a number of the path that makes the
 * pattern fit; where several do, as globs beside {seed} may, the first.
 */
export function seedOf(pattern: string, path: string): string | null {
  if (!pattern.includes('{seed}')) return null;
  const numbers = new Set(path.match(/\d+/g));
  for (const seed of numbers) if (matcher(pattern.replaceAll('{seed}', seed))(path)) return seed;
  return null;
}

/** Results and checkpoints of seeds beyond the newest `keep` of each model, sorted by path. */
export async function oldResults(
  pod: Pod,
  remoteRoot: string,
  { train, results }: ProjectConfig,
  keep: number,
  signal?: AbortSignal,
): Promise<readonly SeedFile[]> {
  const checkpoints = train.resume?.checkpoints ?? train.checkpoints;
  const patterns = new Map<string, string>();
  for (const [model, own] of Object.entries(train.models))
    for (const pattern of [...(own.results ?? results), ...checkpoints].filter((one) => one.includes('{seed}')))
      // What names no model is of all of them together, and there once.
      patterns.set(pattern.replaceAll('{model}', model.replace(/[\\*?[\]{}()!+@|]/g, '\\$&')), pattern.includes('{model}') ? model : '');
  const found = await Promise.all(
    [...patterns].map(async ([pattern, model]) => {
      const base = baseOf(pattern.replaceAll('{seed}', '*'));
      const files = await pod.listFiles(posix.join(remoteRoot, base), { signal });
      return files.flatMap((file) => {
        const path = posix.join(base, file.path);
        const seed = seedOf(pattern, path);
        return seed === null ? [] : [{ path, bytes: file.bytes, mtimeMs: file.mtimeMs, model, seed }];
      });
    }),
  );
  const once = new Map(found.flat().map((file) => [file.path, file]));
  return [...ofOldSeeds([...once.values()], keep)].sort((a, b) => (a.path < b.path ? -1 : 1));
}
