import { isUserError, throwIfCancelled } from '../core/errors.ts';
import { type CacheUse, heldIn, useOf, useUnread } from './artifactCache.ts';
import type { ChannelPool } from './channelPool.ts';
import { checkRoom } from './diskRoom.ts';
import type { FileToPut, PutFile, PutOptions } from './pod.ts';
import { type Answer, type Outcome, putOf } from './putAnswer.ts';
import { ask, type PutSet } from './putSet.ts';
import { largeBytes, stripesFor } from './segments.ts';
import { type Sending, sendAhead, startSending } from './sending.ts';
import { sendSmall } from './sendSmall.ts';
import { inspect, type LookedAt, type Source } from './source.ts';
import { newToken } from './staging.ts';
import { partOf, type Part, StartedOver } from './uploadPart.ts';

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
  const answer = await (sending && isEarly ? placeWhileSending(pool, set, parts, sending) : sendSmall(pool, set, inline, parts));
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
