import type { CacheUse } from './artifactCache.ts';
import type { ChannelPool } from './channelPool.ts';
import { compressed } from './compress.ts';
import { placingEnding, sendingEnding } from './ending.ts';
import type { PutOptions } from './pod.ts';
import { type Answer, answerOf, askPod } from './putAnswer.ts';
import type { Lane } from './putLanes.ts';
import { type NewTree, putNewScript } from './putNewScript.ts';
import { putOneScript } from './putOneScript.ts';
import { type Payload, putScript } from './putScript.ts';
import { sameContent, type Source } from './source.ts';
import { besideTargets, type Staging } from './staging.ts';
import { tarStream } from './tarStream.ts';
import { blocksToHash, type Part } from './uploadPart.ts';

/** The files of one call of putFiles, on their way. */
export interface PutSet {
  readonly sources: readonly Source[];
  readonly token: string;
  readonly keepStrangers: PutOptions['keepStrangers'];
  readonly cache: CacheUse | undefined;
  /** Indices of the files that the pod takes from its cache. */
  readonly taken?: ReadonlySet<number>;
  /** All is sent: what the cache said was wrong. */
  readonly takesNothing?: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (bytes: number) => void;
  /** Of a source whose SHA-256 is empty: it is still being read. */
  readonly hash?: () => Promise<string>;
  /** The pod has read all that one of the sessions brought. */
  readonly onTook?: () => void;
}

/** @param arriving those of the parts that are on their way */
export async function ask(
  pool: ChannelPool,
  set: PutSet,
  payload: Payload,
  parts: readonly Part[],
  inline: readonly Source[] = set.sources.filter((_, index) => !parts.some((part) => part.index === index)),
  others: readonly Lane[] = [],
  arriving: readonly Part[] = [],
  staging: Staging = besideTargets(set.sources, set.token),
  tree?: NewTree,
): Promise<Answer> {
  const { sources, token, signal, onBytes } = set;
  const hashOf = (index: number) => sources[index]?.sha256 || (set.hash?.() ?? '');
  const stdin: Record<Payload, () => AsyncIterable<Buffer> | undefined> = {
    raw: () => rawStream(inline, onBytes),
    tar: () => tarStream(inline, staging.nameInTar, onBytes),
    'tar.gz': () => compressed(tarStream(inline, staging.nameInTar, onBytes)),
    parts: () => (arriving.length > 0 ? blocksToHash(arriving, hashOf, signal) : undefined),
    probe: () => undefined,
  };
  const [one] = sources;
  const script = tree
    ? putNewScript(tree, sources, token, payload === 'tar.gz', others, staging.lanesIn, set.cache)
    : payload === 'raw' && one
      ? putOneScript(one, token, set.keepStrangers, set.cache)
      : putScript(sources, token, payload, parts, arriving, set.keepStrangers, others, staging.lanesIn, set.cache, set.taken);
  const { stdout, stderr } = await askPod(pool, script, {
    onTook: () => set.onTook?.(),
    stdin: stdin[payload](),
    signal,
    ending: payload === 'probe' ? sendingEnding : placingEnding,
  });
  return answerOf(stdout, stderr, sources, set.taken);
}

async function* rawStream(sources: readonly Source[], onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for (const source of sources) yield* sameContent(source, onBytes);
}
