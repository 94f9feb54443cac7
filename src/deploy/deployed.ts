import type { PathMap } from '../core/pathMap.ts';
import { leastCachedBytes } from '../pod/artifactCache.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { RememberedHashes } from './rememberedHashes.ts';

/** So many paths are tried that may have the bytes of a large file. */
const mostPlaces = 4;

/** What is remembered of the files that went to the pod, or came from there, by their paths there. */
export class Deployed {
  constructor(
    private readonly map: PathMap,
    private readonly ledger: Ledger,
    private readonly podHashes: RememberedHashes,
  ) {}

  /** These are on the pod as they are here. What lies outside the remote root has no place in the ledger. */
  async remember(
    files: readonly { readonly remotePath: string; readonly sha256: string; readonly executable?: boolean }[],
    by?: LedgerEntry['by'],
  ): Promise<void> {
    const entries = files.flatMap(({ remotePath, sha256, executable }) => {
      const path = this.map.relativeOfRemote(remotePath);
      return path === null ? [] : [[path, { sha256, executable }] as const];
    });
    await this.ledger.add(new Map(entries), new Date(), by);
  }

  /** Written while the files are on their way, so that it takes no time. Without it, too, a deploy is right; only its answer must not be lost. */
  async begin(hashes: ReadonlyMap<string, string>): Promise<void> {
    const below = [...hashes].flatMap(([remotePath, sha256]) => {
      const path = this.map.relativeOfRemote(remotePath);
      return path === null ? [] : [[path, sha256] as const];
    });
    await this.ledger.begin(new Map(below)).catch(() => {});
  }

  /**
   * Remembers the files that were fetched to their own places in the project: a later deploy replaces copies that are known.
   * Of a large one from anywhere it is remembered that the pod has it, should it be sent to another place there.
   */
  async fetched(
    files: readonly { readonly remotePath: string; readonly localPath: string; readonly sha256: string; readonly bytes: number }[],
  ): Promise<void> {
    const large = files.filter(({ bytes }) => bytes >= leastCachedBytes);
    if (large.length > 0) {
      const pod = this.podHashes;
      await pod.load();
      // Its stamp is not known, so it will be read again when it is compared.
      for (const { remotePath, sha256 } of large) if (pod.get(remotePath)?.sha256 !== sha256) pod.set(remotePath, { stamp: '', sha256 });
      await pod.save();
    }
    const inPlace = files.filter(({ remotePath, localPath }) => localPath === this.map.toLocal(remotePath));
    if (inPlace.length === 0) return;
    const known = await this.ledger.read();
    const isSource = ({ remotePath }: (typeof inPlace)[number]) => {
      const last = known[this.map.relativeOfRemote(remotePath) ?? ''];
      return last !== undefined && last.by === undefined;
    };
    await this.remember(inPlace.filter(isSource));
    await this.remember(
      inPlace.filter((file) => !isSource(file)),
      'download',
    );
  }

  /** SHA-256 of everything last deployed from here, by path below the project. */
  async sources(): Promise<Readonly<Record<string, string>>> {
    const entries = Object.entries(await this.ledger.read()).filter(([, { by }]) => by === undefined);
    return Object.fromEntries(entries.map(([path, { sha256 }]) => [path, sha256]));
  }

  /** Paths on the pod that had these bytes when they were last seen. */
  async pathsOf(sha256: string): Promise<readonly string[]> {
    await this.podHashes.load();
    const known = Object.entries(await this.ledger.read());
    const deployed = known.flatMap(([path, entry]) => (entry.sha256 === sha256 ? (this.map.toRemote(path) ?? []) : []));
    return [...new Set([...this.podHashes.pathsOf(sha256), ...deployed])].slice(-mostPlaces);
  }
}
