import { setImmediate } from 'node:timers/promises';
import type { Pod } from '../pod/pod.ts';
import type { Deployed } from './deployed.ts';
import type { Ledger, LedgerEntries } from './ledger.ts';
import { hashLocal } from './localHashes.ts';
import { type LocalFile, look, type Place } from './places.ts';
import type { RememberedHashes } from './rememberedHashes.ts';

/** From here on it pays to ask first which files of a set the pod has, rather than to send all of them. */
const worthAsking = 256 * 1024;

/** Hashes that are remembered from one comparison to the next. */
export interface DeployHashes {
  readonly local: RememberedHashes;
  readonly pod: RememberedHashes;
}

/** Compares files of the project with the pod's by content; what was not touched since it was last hashed is not read again, on either side. */
export class Comparison {
  constructor(
    private readonly pod: Pod,
    private readonly ledger: Ledger,
    private readonly hashes: DeployHashes,
    private readonly deployed: Deployed,
  ) {}

  /** Which of these files (paths below the project) the pod lacks, or has with other bytes or another mode; one round trip. */
  async changed(places: readonly Place[], signal?: AbortSignal): Promise<readonly string[]> {
    // The question is on its way before anything is looked at here.
    const lookHere = async () => {
      await setImmediate();
      const files = await look(places);
      return { files, here: await this.hashesHere(files, signal) };
    };
    const [there, { files, here }, known] = await Promise.all([this.hashesThere(places, signal), lookHere(), this.ledger.read()]);
    const same = sameOf(files, there, here, known);
    // Both sides became the same by other ways, a `git pull` on each say: that copy is no stranger from now on.
    for (const by of [undefined, 'upload', 'download'] as const)
      await this.deployed.remember(
        files.flatMap(({ path, remotePath, executable }) => {
          const sha256 = same.get(path);
          const last = known[path];
          return sha256 === undefined || last === undefined || last.by !== by || last.sha256 === sha256
            ? []
            : [{ remotePath, sha256, executable }];
        }),
        by,
      );
    // Fetched from there and not touched since: whatever differs now is the pod's own newer output.
    const isFetched = ({ path }: LocalFile) => known[path]?.by === 'download' && known[path].sha256 === here.get(path);
    return files.flatMap((file) => (same.has(file.path) || isFetched(file) ? [] : [file.path]));
  }

  /** The files, with their SHA-256, that the pod has as they are here, where so many are sent that it pays to ask. */
  async sameAlready(files: readonly LocalFile[], known: LedgerEntries, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const deployedBefore = files.filter(({ path }) => known[path] !== undefined).length;
    if (files.length === 1 || bytes < worthAsking || 2 * deployedBefore < files.length) return new Map();
    const [there, here] = await Promise.all([this.hashesThere(files, signal), this.hashesHere(files, signal)]);
    return sameOf(files, there, here, known);
  }

  private async hashesThere(places: readonly Place[], signal?: AbortSignal): Promise<ReadonlyMap<string, string | null>> {
    const { pod } = this.hashes;
    await pod.load();
    const hashes = await this.pod.hashFiles(
      places.map(({ remotePath }) => remotePath),
      { signal, memory: pod },
    );
    await pod.save();
    return hashes;
  }

  /** By path below the project. */
  private async hashesHere(files: readonly LocalFile[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { local } = this.hashes;
    await local.load();
    const hashes = await hashLocal(
      files.map(({ localPath }) => localPath),
      local,
      signal,
    );
    await local.save();
    return new Map(files.map(({ path }, index) => [path, hashes[index] ?? '']));
  }
}

/** Those of the files that the pod has with these bytes and this mode, with their SHA-256. */
function sameOf(
  files: readonly LocalFile[],
  there: ReadonlyMap<string, string | null>,
  here: ReadonlyMap<string, string>,
  known: LedgerEntries,
): ReadonlyMap<string, string> {
  return new Map(
    files.flatMap(({ path, remotePath, executable }): [string, string][] => {
      const sha256 = here.get(path);
      // The pod tells bytes; the mode is known of what was put there from here.
      const hasMode = (known[path]?.executable ?? false) === executable;
      return sha256 !== undefined && there.get(remotePath) === sha256 && hasMode ? [[path, sha256]] : [];
    }),
  );
}
