import { setTimeout as delay } from 'node:timers/promises';
import { isUserError, throwIfCancelled } from '../core/errors.ts';
import { type CacheUse, heldIn, useOf, useUnread } from './artifactCache.ts';
import type { ChannelPool } from './channelPool.ts';
import { placingEnding, sendingEnding } from './ending.ts';
import { exec } from './exec.ts';
import { checkRoom } from './diskRoom.ts';
import type { FileToPut, PutFile, PutOptions } from './pod.ts';
import { type Answer, answerOf, askPod, type Outcome, putOf } from './putAnswer.ts';
import { putOneScript } from './putOneScript.ts';
import { type NewTree, newTreeOf, putNewScript } from './putNewScript.ts';
import { putScript, type Payload } from './putScript.ts';
import { remoteFailure } from './remoteFailure.ts';
import { largeBytes, stripesFor } from './segments.ts';
import { type Sending, sendAhead, startSending } from './sending.ts';
import { inspect, type LookedAt, sameContent, type Source } from './source.ts';
import { asOneTree, besideTargets, newToken, type Staging } from './staging.ts';
import { tarStream } from './tarStream.ts';
import { compressed, shrinks } from './compress.ts';
import { divide, type Lane, laneScript } from './putLanes.ts';
import { blocksToHash, partOf, type Part, StartedOver } from './uploadPart.ts';

/** One call of putFiles. */
interface PutSet {
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

/** `Pod.putFiles`: one round trip for a set of small files; around large ones, one to look and one to finish. */
export async function putFiles(pool: ChannelPool, files: readonly FileToPut[], options: PutOptions = {}): Promise<readonly PutFile[]> {
  throwIfCancelled(options.signal, 'The upload');
  if (files.length === 0) return [];
  let bytesTotal = 0;
  let bytesDone = 0;
  const onBytes = (bytes: number) => options.onProgress?.({ bytesDone: (bytesDone += bytes), bytesTotal });
  const startOver = () => bytesDone > 0 && onBytes(-bytesDone);
  const common = { token: newToken(), keepStrangers: options.keepStrangers, signal: options.signal, onBytes };
  const aheadStop = new AbortController();
  const aheadSignal = options.signal ? AbortSignal.any([options.signal, aheadStop.signal]) : aheadStop.signal;
  let ahead: Promise<{ readonly placing: Promise<Answer>; readonly wasCut: () => boolean } | undefined> | undefined;
  const onLarge = (file: LookedAt) => {
    pool.park(stripesFor(pool.roundTripMs) + 2); // for these, one to look and one to put it in place
    if (files.length > 1 || file.version === undefined) return;
    bytesTotal = file.bytes;
    const set = {
      ...common,
      signal: aheadSignal,
      sources: [{ ...file, sha256: '' }],
      hash,
      cache: options.cache && useUnread(options.cache, file),
    };
    ahead = sendAhead(pool, file, { signal: aheadSignal, onBytes, cacheFolder: options.cache?.folder }).then((sending) => {
      if (!sending) return undefined;
      const placing = placeWhileSending(pool, set, sending.parts, sending);
      placing.catch(() => {}); // awaited when the file was read
      return { placing, wasCut: () => sending.parts.some(({ plan }) => plan.attempt > 1) };
    });
  };
  const inspected = inspect(files, options.signal, onLarge).then(async (sources) => {
    bytesTotal = sources.reduce((sum, { bytes }) => sum + bytes, 0);
    return { sources, noted: options.onInspected?.(new Map(sources.map(({ remotePath, sha256 }) => [remotePath, sha256]))) };
  });
  const hash = async () => (await inspected).sources[0]?.sha256 ?? '';
  let sources: readonly Source[];
  let outcome: Outcome | undefined;
  try {
    const { sources: read, noted } = await inspected;
    sources = read;
    const cache = options.cache && (await useOf(options.cache, sources));
    const set: PutSet = { ...common, sources, cache };
    const begun = await ahead;
    // Its bytes were seen on the pod, so that it may have them sooner from there.
    if (begun && isWorthAsking(cache, 0)) aheadStop.abort();
    const placed = await begun?.placing.catch((error: unknown) => {
      // The line may have taken with it only the word that all is in place; what was sent once more then lacks the rest. The usual road looks first.
      const mayBeThere = begun.wasCut() && (isUserError(error, 'transfer-corrupt') || isUserError(error, 'remote-failed'));
      if (options.signal?.aborted || !(aheadStop.signal.aborted || mayBeThere)) throw error;
    });
    if (placed) outcome = outcomeOf(placed);
    else {
      startOver();
      outcome = await putAll(pool, set).catch((error: unknown) => {
        if (!isUserError(error) || error.details['step'] !== 'cache') throw error;
        // What the cache held was not what it said, and is gone.
        startOver();
        return putAll(pool, { ...set, takesNothing: true });
      });
    }
    await noted;
  } catch (error) {
    aheadStop.abort();
    const begun = await ahead;
    await begun?.placing.catch(() => {});
    throw error;
  }
  if (bytesDone < bytesTotal) onBytes(bytesTotal - bytesDone);
  return putOf(sources, outcome);
}

/** Without tar on the pod every file goes the way of the large ones. */
async function putAll(pool: ChannelPool, set: PutSet): Promise<Outcome | undefined> {
  return (await putSet(pool, set, largeBytes)) ?? (await putSet(pool, set, -1));
}

/** Whether the bytes of this file were seen on the pod, so that it pays to ask for them before it is sent. */
function isWorthAsking(cache: CacheUse | undefined, index: number): boolean {
  return (cache?.places.get(index)?.length ?? 0) > 1;
}

/** @returns undefined when the pod has no tar */
async function putSet(pool: ChannelPool, set: PutSet, longestInline: number): Promise<Outcome | undefined> {
  let sending: Sending | undefined;
  const isInline = ({ bytes }: Source, index: number) => bytes <= longestInline && !isWorthAsking(set.cache, index);
  const parts = set.sources.flatMap((source, index) => (isInline(source, index) ? [] : [partOf(source, index)]));
  if (parts.length > 0) {
    const probe = await ask(pool, set, 'probe', parts);
    if (probe.kind === 'ok') return probe;
    if (probe.kind !== 'send') return undefined;
    const taken = set.takesNothing ? new Set<number>() : heldIn(probe.said);
    const missing = parts.filter(({ index }) => !probe.same.has(index) && !taken.has(index));
    set = { ...set, taken };
    for (const part of missing) part.resumeFrom(probe.said, set.onBytes);
    checkRoom(probe.said, missing);
    sending = startSending(pool, missing, set);
  }
  const partIndices = new Set(parts.map(({ index }) => index));
  const inline = set.sources.filter((_, index) => !partIndices.has(index));
  // Of small parts a whole folder is hashed by one process when all have come.
  const isEarly = inline.length === 0 && sending?.parts.every(({ plan }) => plan.bytes > largeBytes);
  if (sending && !isEarly) await sending.sent.finally(sending.stop);
  const answer = await (sending && isEarly ? placeWhileSending(pool, set, parts, sending) : send(pool, set, inline, parts));
  return outcomeOf(answer);
}

function outcomeOf(answer: Answer): Outcome | undefined {
  return answer.kind === 'ok' || answer.kind === 'send' ? answer : undefined;
}

/**
 * Has the pod hash the parts while they arrive, and put all in place as soon as they are whole: the last block and the end
 * of it all are half a round trip apart, not one and a half.
 */
async function placeWhileSending(
  pool: ChannelPool,
  set: PutSet,
  parts: readonly Part[],
  { parts: arriving, sent, stop }: Sending,
): Promise<Answer> {
  const ending = new AbortController();
  const signal = set.signal ? AbortSignal.any([set.signal, ending.signal]) : ending.signal;
  let isSent = false;
  const whenSent = sent.then(() => (isSent = true));
  const place = async (): Promise<Answer> => {
    // Not before a session of theirs has begun: this one takes none from them where few are granted.
    await Promise.race([whenSent, ...arriving.map(({ plan }) => plan.whenChanged())]);
    for (;;) {
      try {
        return await ask(pool, { ...set, token: newToken(), signal }, 'parts', parts, [], [], arriving);
      } catch (error) {
        const isEarly = error instanceof StartedOver || (!isSent && isUserError(error, 'connection-lost'));
        if (!isEarly) throw error;
        await sent; // it goes on by itself after a lost connection, and so does this
      }
    }
  };
  const placing = place();
  try {
    const answer = await Promise.race([placing, whenSent.then(() => placing)]);
    // Otherwise somebody else has put the same there, or the word of the last block is still on its way.
    if (arriving.every(({ plan }) => plan.isComplete)) await sent.catch(() => {});
    else stop();
    return answer;
  } catch (error) {
    ending.abort();
    stop();
    await Promise.allSettled([placing, sent]);
    throw error;
  }
}

/** The small files of a set over as many sessions as pay, and then all of it put in place. */
async function send(
  pool: ChannelPool,
  set: PutSet,
  inline: readonly Source[],
  parts: readonly Part[],
  { hasGzip = true, mayBeNew = true }: { readonly hasGzip?: boolean; readonly mayBeNew?: boolean } = {},
): Promise<Answer> {
  if (inline.length === 0) return ask(pool, set, 'parts', parts);
  if (set.sources.length === 1) return ask(pool, set, 'raw', parts);
  const tree = mayBeNew && parts.length === 0 ? newTreeOf(set.sources) : undefined;
  const staging = tree ? asOneTree(tree.folder, set.token) : besideTargets(set.sources, set.token);
  const { first, others } = divide(pool, hasGzip ? inline : []);
  const isCompressed = hasGzip && (await paysToCompress(pool, inline));
  let sent = 0;
  let isOver = false;
  const onBytes = (bytes: number) => {
    if (isOver) return; // what was on its way to be written when the pod had said no
    sent += bytes;
    set.onBytes(bytes);
  };
  const begunMs = performance.now();
  let tookMs = 0;
  const stop = new AbortController();
  const signal = set.signal ? AbortSignal.any([set.signal, stop.signal]) : stop.signal;
  const counted = {
    ...set,
    signal,
    onBytes,
    onTook: () => (tookMs = performance.now() - begunMs),
  };
  // The first lane would wait for one that cannot come.
  const bring = bringLanes(pool, counted, others, staging, isCompressed, () => stop.abort());
  try {
    // The first of several is never compressed, so that the pod can begin with its names at once.
    const payload = isCompressed && others.length === 0 ? 'tar.gz' : 'tar';
    const answer = await ask(pool, counted, payload, parts, hasGzip ? first : inline, others, [], staging, tree);
    if (answer.kind === 'ok' && tookMs > 0) pool.compression.learn(isCompressed, sent, tookMs, pool.roundTripMs);
    if (answer.kind !== 'lacks gzip' && answer.kind !== 'occupied') return answer;
    [hasGzip, mayBeNew] = answer.kind === 'occupied' ? [hasGzip, false] : [false, mayBeNew];
    isOver = true;
    set.onBytes(-sent);
  } catch (error) {
    // What went wrong in another lane is told by the first one only as "not staged".
    throw set.signal?.aborted ? error : ((await bring.failed()) ?? error);
  } finally {
    await bring.end();
  }
  return send(pool, set, inline, parts, { hasGzip, mayBeNew });
}

/** Less fits into the first window of a channel anyway. */
const leastCompressedBytes = 512 * 1024;
/** A nearer pod has it sooner than gzip is done. */
const leastCompressedMs = 15;

/** Whether these files arrive sooner compressed: there are enough of them, the way is long, and a sample of them shrinks. */
async function paysToCompress(pool: ChannelPool, sources: readonly Source[]): Promise<boolean> {
  const bytes = sources.reduce((sum, source) => sum + source.bytes, 0);
  return pool.compression.pays && bytes >= leastCompressedBytes && pool.roundTripMs >= leastCompressedMs && shrinks(sources);
}

/** Starts the other lanes. */
function bringLanes(
  pool: ChannelPool,
  set: PutSet,
  lanes: readonly Lane[],
  staging: Staging,
  isCompressed: boolean,
  onFailure: () => void,
) {
  const stop = new AbortController();
  let failure: Error | undefined;
  const bringOne = async (lane: Lane): Promise<void> => {
    const content = tarStream(lane.sources, staging.nameInTar, set.onBytes);
    const { exitCode, stderr } = await exec(pool, laneScript(lane, staging, isCompressed), {
      stdin: isCompressed ? compressed(content) : content,
      signal: stop.signal,
      ending: sendingEnding,
    });
    set.onTook?.();
    if (exitCode !== 0) throw remoteFailure(`Writing ${set.sources.length} files`, stderr);
  };
  const all = Promise.all(
    lanes.map((lane) =>
      bringOne(lane).catch((error: unknown) => {
        if (stop.signal.aborted) return;
        failure ??= error instanceof Error ? error : new Error(String(error));
        onFailure();
      }),
    ),
  );
  return {
    /** Why a lane failed, if one did. */
    failed: async () => {
      await Promise.race([all, delay(laneFailureMs, undefined, { ref: false })]);
      return failure;
    },
    /** Ends those that are still under way. */
    end: async () => {
      stop.abort();
      await all;
    },
  };
}

/** The answer of a lane that failed comes at about the time of the first one's. */
const laneFailureMs = 1_000;

/** @param arriving those of the parts that are on their way */
async function ask(
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
