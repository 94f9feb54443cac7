import type { Readable } from 'node:stream';
import { isUserError, UserError } from '../core/errors.ts';
import { timeSpan } from '../core/timeSpan.ts';
import type { ChannelPool } from './channelPool.ts';
import { connectionLost } from './connectError.ts';
import { commandEnding, type Ending, readingEnding } from './ending.ts';
import type { ExecOptions, ExecResult } from './pod.ts';
import { startRequest } from './request.ts';

/** `Pod.exec` on a channel of the pool. */
export async function exec(
  pool: ChannelPool,
  command: string,
  options: ExecOptions & { readonly ending?: Ending } = {},
): Promise<ExecResult> {
  const ending = options.ending ?? (options.readOnly ? readingEnding : commandEnding);
  const cancelled = () => new UserError('cancelled', ending.cancelled);
  if (options.signal?.aborted) throw cancelled();
  const request = await startRequest(pool, command, options.stdin, options.signal).catch((error: unknown) => {
    throw options.signal?.aborted ? cancelled() : error;
  });
  let stopped: Error | undefined;
  let settleStop: (error: Error) => void = () => {};
  const stop = new Promise<never>((_, reject) => (settleStop = reject));
  stop.catch(() => {});
  const end = (error: Error) => {
    if (stopped) return;
    stopped = error;
    void request.terminate(ending.graceMs).then(() => settleStop(error));
  };
  const stdout = collect(request.stdout, options.onStdout, options.discardOutput, end);
  const stderr = collect(request.stderr, options.onStderr, options.discardOutput, end);
  const onAbort = () => end(cancelled());
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  const { timeoutMs } = options;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () =>
            end(
              new UserError(
                'timeout',
                `The command had not ended after ${timeSpan(timeoutMs)} and was ended on the pod. Give it more time, or start it as a run.`,
              ),
            ),
          timeoutMs,
        );
  // A source of stdin that fails leaves a command that waits for the rest.
  request.sent.catch((error: unknown) => end(error instanceof Error ? error : new Error(String(error))));
  try {
    // After `stop` was called only its own error tells the truth: a command ended by us also has an exit code.
    const exitCode = await Promise.race([request.exit.then((code) => (stopped ? stop : code)), stop]);
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } catch (error) {
    if (stopped) throw error === stopped ? error : await stop.catch((reason: unknown) => reason);
    throw isUserError(error, 'connection-lost') ? connectionLost(pool.name, error, ending.lost) : error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * Decoded as a whole at the end, so that no character is cut at a chunk's edge. A listener that throws ends the command:
 * inside ssh2 its error would end the whole connection.
 */
function collect(
  stream: Readable,
  listener: ((chunk: Buffer) => void) | undefined,
  discard = false,
  onError: (error: Error) => void,
): () => string {
  const chunks: Buffer[] = [];
  const keep = !(listener && discard);
  stream.on('data', (chunk: Buffer) => {
    if (keep) chunks.push(chunk);
    try {
      listener?.(chunk);
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
    }
  });
  stream.resume();
  return () => Buffer.concat(chunks).toString('utf8');
}
