import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelPool } from './channelPool.ts';
import { compressed, shrinks } from './compress.ts';
import { sendingEnding } from './ending.ts';
import { exec } from './exec.ts';
import type { Answer } from './putAnswer.ts';
import { divide, type Lane, laneScript } from './putLanes.ts';
import { newTreeOf } from './putNewScript.ts';
import { ask, type PutSet } from './putSet.ts';
import { remoteFailure } from './remoteFailure.ts';
import type { Source } from './source.ts';
import { asOneTree, besideTargets, type Staging } from './staging.ts';
import { tarStream } from './tarStream.ts';
import type { Part } from './uploadPart.ts';

/** The small files of a set over as many sessions as pay, and then all of it put in place. */
export async function sendSmall(
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
  return sendSmall(pool, set, inline, parts, { hasGzip, mayBeNew });
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
