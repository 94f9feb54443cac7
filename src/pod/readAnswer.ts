import { setTimeout as delay } from 'node:timers/promises';
import { isUserError, UserError } from '../core/errors.ts';
import { ByteReader } from './byteReader.ts';
import type { ChannelPool } from './channelPool.ts';
import { connectionLost } from './connectError.ts';
import { fetchingEnding } from './ending.ts';
import { startRequest, type Stdin } from './request.ts';

/** Runs a script whose stdout is read by `read` as it comes; gives back what that made of it, and stderr. */
export async function readAnswer<T>(
  pool: ChannelPool,
  script: string,
  options: { readonly signal?: AbortSignal; readonly stdin?: Stdin },
  read: (reader: ByteReader) => Promise<T>,
): Promise<{ readonly value: T; readonly stderr: string }> {
  const { signal } = options;
  const cancelled = () => new UserError('cancelled', fetchingEnding.cancelled);
  const request = await startRequest(pool, script, options.stdin, signal).catch((error: unknown) => {
    throw signal?.aborted ? cancelled() : error;
  });
  const said: Buffer[] = [];
  request.stderr.on('data', (chunk: Buffer) => said.push(chunk)).resume();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(cancelled());
  });
  aborted.catch(() => {});
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const reader = new ByteReader(request.stdout);
  const lost = request.exit.then(() => new Promise<never>(() => {})); // only its failure counts here: reading goes on to the end
  lost.catch(() => {});
  const reading = read(reader);
  try {
    const value = await Promise.race([reading, aborted, lost]);
    reader.drop();
    await Promise.race([request.exit, aborted]);
    return { value, stderr: Buffer.concat(said).toString('utf8') };
  } catch (error) {
    reader.drop();
    await reading.catch(() => {}); // or it would go on writing files while the caller takes them away
    // Mostly it has said what there is to say; but a full disk here must not have gigabytes sent to it.
    const isOver = await Promise.race([request.exit.then(Boolean, Boolean).then(() => true), delay(250, false, { ref: false })]);
    if (!isOver) await request.terminate();
    throw isUserError(error, 'connection-lost') ? connectionLost(pool.name, error, fetchingEnding.lost) : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
