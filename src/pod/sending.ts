import { Abreast } from '../core/abreast.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { endIfSameSize } from './artifactCache.ts';
import { askRoom, checkRoom } from './diskRoom.ts';
import { exec } from './exec.ts';
import { defineSums, prologue } from './remoteShell.ts';
import type { LookedAt } from './source.ts';
import { askParts, partOf, type Part, uploadPart } from './uploadPart.ts';

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
}

export function startSending(pool: ChannelPool, parts: readonly Part[], options: SendOptions): Sending {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const sendAll = async () => {
    // A large file fills the line by itself; small ones take turns.
    const abreast = new Abreast(parts.every(({ plan }) => plan.count <= 4) ? 4 : 1);
    for (const part of parts) await abreast.add(uploadPart(pool, part, { signal, onBytes: options.onBytes }));
    await abreast.done();
  };
  const sent = pool.during(sendAll);
  sent.catch(() => {}); // whoever cares awaits it as well
  return { parts, sent, stop: () => stop.abort() };
}

/**
 * Begins to send the only file of a set while it is still being read for its hash: when it is new on the pod, or is to
 * replace whatever is there and has another size, and the cache has none of its size, its hash decides nothing.
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
  try {
    const { stdout } = await exec(pool, lookScript(part, options.cacheFolder), { signal: options.signal, readOnly: true });
    if (!/^rpo-new$/m.test(stdout)) return undefined;
    let bytesThere = 0;
    part.resumeFrom(stdout, (bytes) => (bytesThere += bytes));
    checkRoom(stdout, [part]);
    options.onBytes(bytesThere);
  } catch {
    return undefined;
  }
  return startSending(pool, [part], options);
}

function lookScript(part: Part, cacheFolder: string | undefined): string {
  const { remotePath, bytes, expected } = part.source;
  const otherSize = expected.length > 0 ? 'false' : `[ -f "$t" ] && [ ! -L "$t" ] && [ $(($(size_of "$t"))) != ${bytes} ]`;
  return `${prologue}${defineSums}
t=${quote(remotePath)}
have_sums && { { [ ! -e "$t" ] && [ ! -L "$t" ]; } || { ${otherSize}; }; } || exit 0
${cacheFolder === undefined ? '' : endIfSameSize(cacheFolder, bytes)}
${askParts([part])}${askRoom([part])}echo rpo-new
`;
}
