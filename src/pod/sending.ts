import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { Abreast } from '../core/abreast.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { endIfSameSize } from './artifactCache.ts';
import { askRoom, checkRoom, defineHasRoom } from './diskRoom.ts';
import { exec } from './exec.ts';
import { defineSums, prologue } from './remoteShell.ts';
import { blockBytes } from './segments.ts';
import type { LookedAt } from './source.ts';
import { type Ahead, askParts, partOf, type Part, uploadPart } from './uploadPart.ts';

/** Large files on their way into their partial files. */
export interface Sending {
  readonly parts: readonly Part[];
  /** Settles when all has arrived. */
  readonly sent: Promise<void>;
  readonly stop: () => void;
}

interface SendOptions {
  readonly signal?: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  readonly ahead?: Ahead;
}

export function startSending(pool: ChannelPool, parts: readonly Part[], options: SendOptions): Sending {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const sendAll = async () => {
    // A large file fills the line by itself; small ones take turns.
    const abreast = new Abreast(parts.every(({ plan }) => plan.count <= 4) ? 4 : 1);
    for (const part of parts) await abreast.add(uploadPart(pool, part, { ...options, signal }));
    await abreast.done();
  };
  const sent = pool.during(sendAll);
  sent.catch(() => {}); // whoever cares awaits it as well
  return { parts, sent, stop: () => stop.abort() };
}

/**
 * Begins to send the only file of a set while it is still being read for its hash: when it is new on the pod, or is to
 * replace whatever is there and has another size, and the cache has none of its size, its hash decides nothing. As much as
 * the line carried lately in a round trip goes before the pod has answered that: each session there looks for itself first.
 *
 * @returns undefined when there is more to decide, or something in the way: the usual road finds out and tells
 */
export async function sendAhead(
  pool: ChannelPool,
  file: LookedAt,
  options: SendOptions & { readonly cacheFolder?: string },
): Promise<Sending | undefined> {
  if (file.expected.length > 0 && !file.expected.includes('-')) return undefined;
  const part = partOf(file, 0);
  const token = randomBytes(6).toString('hex');
  const looking = exec(pool, lookScript(part, token, options.cacheFolder), { signal: options.signal, readOnly: true }).then(
    ({ stdout }) => stdout,
    () => '',
  );
  const bytes = Math.floor((pool.upBytesPerMs * pool.roundTripMs) / blockBytes) * blockBytes;
  // Half of it at most, for the rest decides about the room.
  const isAhead = bytes > 0 && 2 * bytes <= file.bytes && pool.readyCount > 1;
  const ahead = isAhead
    ? { bytes, guard: guardScript(part, token, options.cacheFolder), isWanted: looking.then((said) => /^rpo-fresh$/m.test(said)) }
    : undefined;
  let isOver = false;
  // Sent in vain, what its sessions go on to confirm is no progress of whoever sends it in another way.
  const onBytes = (sent: number) => isOver || options.onBytes(sent);
  const begun = ahead && startSending(pool, [part], { ...options, onBytes, ahead });
  const said = await looking;
  if (begun && (await ahead.isWanted)) return begun;
  isOver = true;
  if (!/^rpo-new$/m.test(said)) return undefined;
  try {
    const resumed = partOf(file, 0);
    let bytesThere = 0;
    resumed.resumeFrom(said, (more) => (bytesThere += more));
    checkRoom(said, [resumed]);
    options.onBytes(bytesThere);
    return startSending(pool, [resumed], options);
  } catch {
    return undefined;
  }
}

/** Says `rpo-new` when the file may be sent without its hash, and `rpo-fresh` when nothing of it was sent before this. */
function lookScript(part: Part, token: string, cacheFolder: string | undefined): string {
  return `${prologue}${defineSums}${endUnlessNew(part, cacheFolder)}
${askParts([part])}${askRoom([part])}echo rpo-new
${endUnlessFresh(part, token)}echo rpo-fresh
`;
}

/** The same for a session that is sent the file already, without a process for each question. */
function guardScript(part: Part, token: string, cacheFolder: string | undefined): string {
  const folder = quote(posix.dirname(part.partPath));
  const done = quote(`${part.partPath}.done`);
  return `
trap 'exit 5' EXIT
${endUnlessNew(part, cacheFolder)}
${endUnlessFresh(part, token)}trap - EXIT
{ [ -d ${folder} ] || mkdir -p -- ${folder}; } && { [ -s ${done} ] || echo ${aheadMark(token)} >>${done}; } || exit 1
`;
}

/** What the sessions of one attempt write first into the notes of a part. */
function aheadMark(token: string): string {
  return `ahead.${token}`;
}

function endUnlessNew({ source: { remotePath, bytes, expected } }: Part, cacheFolder: string | undefined): string {
  const otherSize = expected.length > 0 ? 'false' : `[ -f "$t" ] && [ ! -L "$t" ] && [ $(($(size_of "$t"))) != ${bytes} ]`;
  return `
t=${quote(remotePath)}
have_sums && { { [ ! -e "$t" ] && [ ! -L "$t" ]; } || { ${otherSize}; }; } || exit 0
${cacheFolder === undefined ? '' : endIfSameSize(cacheFolder, bytes)}`;
}

/** There must be ample room as well, since others may have begun to write when one looks. */
function endUnlessFresh({ partPath, source: { bytes } }: Part, token: string): string {
  return `
v=; [ ! -s ${quote(`${partPath}.done`)} ] || read -r v <${quote(`${partPath}.done`)}
case $v in ''|${aheadMark(token)}) ;; *) exit 0;; esac
${defineHasRoom}has_room ${quote(posix.dirname(partPath))} ${Math.ceil((2 * bytes) / 1024)} || exit 0
`;
}
