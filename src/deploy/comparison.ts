import { setImmediate } from 'node:timers/promises';
import type { Pod, PutAfterHash, PutFile } from '../pod/pod.ts';
import type { Deployed } from './deployed.ts';
import type { Ledger, LedgerEntries, LedgerEntry } from './ledger.ts';
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

/** What a comparison may put when it has turned out as expected. */
export type PutAtOnce = Omit<PutAfterHash, 'thought'>;

export interface Changed<Plan> {
  /** Below the project: those that differ still. */
  readonly paths: readonly string[];
  /** What was put at once. */
  readonly done?: { readonly plan: Plan; readonly put: readonly PutFile[] };
}

/** Compares files of the project with the pod's by content; what was not touched since it was last hashed is not read again, on either side. */
export class Comparison {
  constructor(
    private readonly pod: Pod,
    private readonly ledger: Ledger,
    private readonly hashes: DeployHashes,
    private readonly deployed: Deployed,
  ) {}

  /**
   * Which of these files the pod lacks, or has with other bytes or another mode; one round trip.
   *
   * @param plan what to put in the same trip, given those that are not as they were last deployed; that is done only if the pod
   *   has of all the files what was last deployed
   */
  async changed<Plan extends PutAtOnce>(
    places: readonly Place[],
    signal?: AbortSignal,
    plan?: (differing: readonly LocalFile[], known: LedgerEntries) => Promise<Plan | undefined>,
  ): Promise<Changed<Plan>> {
    // The question is on its way before anything is looked at here.
    const lookHere = async () => {
      await setImmediate();
      const [files, known] = await Promise.all([look(places), this.ledger.read()]);
      return { files, known, here: await this.hashesHere(files, signal) };
    };
    const looking = lookHere();
    let planned: Plan | undefined;
    const next = async () => {
      const { files, known, here } = await looking;
      const differing = files.filter((file) => known[file.path]?.sha256 !== here.get(file.path) || !hasMode(file, known));
      planned = await plan?.(differing, known);
      return planned && { ...planned, thought: new Map(files.map(({ path, remotePath }) => [remotePath, known[path]?.sha256 ?? null])) };
    };
    const [{ hashes: there, put }, { files, here, known }] = await Promise.all([this.hashesThere(places, signal, next), looking]);
    if (planned && put) return { paths: [], done: { plan: planned, put } };
    const same = sameOf(files, there, here, known);
    // Both sides became the same by other ways, a `git pull` on each say: that copy is no stranger from now on.
    const news = (by: LedgerEntry['by']) =>
      files.flatMap(({ path, remotePath, executable }) => {
        const sha256 = same.get(path);
        const last = known[path];
        return sha256 === undefined || last === undefined || last.by !== by || last.sha256 === sha256
          ? []
          : [{ remotePath, sha256, executable }];
      });
    for (const by of [undefined, 'upload', 'download'] as const) await this.deployed.remember(news(by), by);
    await this.save();
    // Fetched from there and not touched since: whatever differs now is the pod's own newer output.
    const isFetched = ({ path }: LocalFile) => known[path]?.by === 'download' && known[path].sha256 === here.get(path);
    return { paths: files.flatMap((file) => (same.has(file.path) || isFetched(file) ? [] : [file.path])) };
  }

  /** The files, with their SHA-256, that the pod has as they are here, where so many are sent that it pays to ask. */
  async sameAlready(files: readonly LocalFile[], known: LedgerEntries, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const deployedBefore = files.filter(({ path }) => known[path] !== undefined).length;
    if (files.length === 1 || bytes < worthAsking || 2 * deployedBefore < files.length) return new Map();
    const [{ hashes: there }, here] = await Promise.all([this.hashesThere(files, signal), this.hashesHere(files, signal)]);
    await this.save();
    return sameOf(files, there, here, known);
  }

  /** Writes down what was learnt of either side. */
  async save(): Promise<void> {
    await Promise.all([this.hashes.local.save(), this.hashes.pod.save()]);
  }

  private async hashesThere(places: readonly Place[], signal?: AbortSignal, next: () => Promise<PutAfterHash | undefined> = nothing) {
    const { pod } = this.hashes;
    await pod.load();
    return this.pod.hashThenPut(
      places.map(({ remotePath }) => remotePath),
      next,
      { signal, memory: pod },
    );
  }

  /** By path below the project. */
  private async hashesHere(files: readonly LocalFile[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { local } = this.hashes;
    await local.load();
    const hashes = await hashLocal(files, local, signal);
    return new Map(files.map(({ path }, index) => [path, hashes[index] ?? '']));
  }
}

const nothing = () => Promise.resolve(undefined);

/** The pod tells bytes; the mode is known of what was put there from here. */
function hasMode({ path, executable }: LocalFile, known: LedgerEntries): boolean {
  return (known[path]?.executable ?? false) === executable;
}

/** Those of the files that the pod has with these bytes and this mode, with their SHA-256. */
function sameOf(
  files: readonly LocalFile[],
  there: ReadonlyMap<string, string | null>,
  here: ReadonlyMap<string, string>,
  known: LedgerEntries,
): ReadonlyMap<string, string> {
  return new Map(
    files.flatMap((file): [string, string][] => {
      const sha256 = here.get(file.path);
      return sha256 !== undefined && there.get(file.remotePath) === sha256 && hasMode(file, known) ? [[file.path, sha256]] : [];
    }),
  );
}
