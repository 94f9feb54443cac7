import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { appendFile, open, readFile, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isUserError, UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { localFailure } from './localFile.ts';
import type { TransferOptions } from './pod.ts';
import { readAnswer } from './readAnswer.ts';
import { prologue } from './remoteShell.ts';
import { blockBytes, segmentBlocks, segmentBytes, SegmentPlan, stripes } from './segments.ts';

/** A large file of the pod as it was looked at. */
export interface RemoteLarge {
  readonly remotePath: string;
  readonly bytes: number;
  /** Differs when the file was written to or replaced since: its time and inode. */
  readonly version: string;
}

/** A file that has come and waits for the pod's word on its hash. */
export interface Incoming {
  readonly sha256: string;
  readonly bytes: number;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** A session asks for so many segments ahead, so that the line never waits for a request. */
const askedAhead = 2;

/**
 * Fetches a large file into a partial file beside its target, over several sessions. The partial file stays when the
 * transfer is cancelled or fails on the way, and a later call for the same version of the file goes on from there.
 *
 * @returns undefined when the file became shorter meanwhile.
 */
export async function downloadLarge(
  pool: ChannelPool,
  file: RemoteLarge,
  localPath: string,
  options: TransferOptions,
): Promise<Incoming | undefined> {
  const key = createHash('sha256')
    .update(JSON.stringify([file.remotePath, file.bytes, file.version]))
    .digest('hex')
    .slice(0, 16);
  const partPath = join(dirname(localPath), `.${basename(localPath)}.rpo-part-${key}`);
  const donePath = `${partPath}.done`;
  const plan = new SegmentPlan(file.bytes);
  const discard = async () => {
    await rm(partPath, { force: true });
    await rm(donePath, { force: true });
  };
  let bytesDone = 0;
  const progress = (bytes: number) => options.onProgress?.({ bytesDone: (bytesDone += bytes), bytesTotal: file.bytes });
  let handle: FileHandle | undefined;
  try {
    const before = await readFile(donePath, 'latin1').catch(() => '');
    handle = await open(partPath, before === '' ? 'w+' : 'r+');
    for (const index of before.split('\n').filter(Boolean)) progress(plan.finish(Number(index)));
    await checkRoom(localPath, plan.bytesLeft);
    const target = handle;
    const hasher = new FollowingHash(target, plan);
    const store = async (index: number, content: AsyncIterable<Buffer>) => {
      let at = plan.offsetOf(index);
      for await (const chunk of content) {
        await target.write(chunk, 0, chunk.length, at);
        at += chunk.length;
        progress(chunk.length);
      }
      if (at < plan.offsetOf(index) + plan.lengthOf(index)) {
        progress(plan.offsetOf(index) - at); // taken back: it will come again
        throw new Shortened();
      }
      plan.finish(index);
      await appendFile(donePath, `${index}\n`);
      hasher.goOn();
    };
    if (!plan.isComplete) await fetchOnce(pool, file, plan, store, options.signal);
    return {
      sha256: await hasher.finish(),
      bytes: file.bytes,
      commit: async () => {
        await rename(partPath, localPath).catch((error: unknown) => Promise.reject(localFailure(localPath, error)));
        await rm(donePath, { force: true });
      },
      discard,
    };
  } catch (error) {
    if (error instanceof Shortened) {
      await discard();
      return undefined;
    }
    throw isUserError(error) || !('code' in (error as object)) ? error : localFailure(localPath, error);
  } finally {
    await handle?.close();
  }
}

/** The file on the pod became shorter while it was read: what has come is of no use. */
class Shortened extends Error {}

async function fetchOnce(
  pool: ChannelPool,
  { remotePath }: RemoteLarge,
  plan: SegmentPlan,
  store: (index: number, content: AsyncIterable<Buffer>) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const onAbort = () => stop.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();

  async function session(): Promise<void> {
    const asked: number[] = [];
    let wake = () => {};
    async function* requests(): AsyncGenerator<Buffer> {
      for (;;) {
        while (asked.length >= askedAhead) await new Promise<void>((resolve) => (wake = resolve));
        const index = plan.take();
        if (index === undefined) return;
        asked.push(index);
        yield Buffer.from(`${index} ${plan.lengthOf(index)}\n`);
      }
    }
    await readAnswer(pool, sendScript(remotePath), { signal: stop.signal, stdin: requests() }, async (reader) => {
      // The stream ends when all that was asked for has come.
      while (await reader.hasMore()) {
        const index = asked[0];
        if (index === undefined) throw new Shortened();
        await store(index, reader.bytes(plan.lengthOf(index)));
        asked.shift();
        wake();
      }
      if (asked.length > 0) throw new Shortened();
    });
  }

  let failed: { readonly error: unknown } | undefined;
  const sessions = Array.from({ length: Math.min(stripes, plan.left) }, () =>
    session().catch((error: unknown) => {
      failed ??= { error };
      stop.abort();
    }),
  );
  await Promise.all(sessions);
  signal?.removeEventListener('abort', onAbort);
  if (failed) throw failed.error;
}

/** Reads "INDEX BYTES\n" and sends that segment. The last one is cut to its length: the file may have grown meanwhile. */
function sendScript(remotePath: string): string {
  return `${prologue}
f=${quote(remotePath)}
while read -r k n; do
  if [ "$n" = ${segmentBytes} ]; then dd if="$f" bs=${blockBytes} count=${segmentBlocks} skip=$((k * ${segmentBlocks})) 2>/dev/null
  else dd if="$f" bs=${blockBytes} count=${segmentBlocks} skip=$((k * ${segmentBlocks})) 2>/dev/null | head -c "$n"; fi
done
`;
}

/** @throws UserError 'local-failed' when the disk is known to be too full. */
async function checkRoom(localPath: string, neededBytes: number): Promise<void> {
  const facts = await statfs(dirname(localPath)).catch(() => undefined); // some file systems do not tell
  if (!facts || facts.bavail * facts.bsize >= neededBytes) return;
  throw new UserError(
    'local-failed',
    `This machine has no room for ${localPath}: ${Math.ceil(neededBytes / 1e6)} MB are to be written and ${Math.floor((facts.bavail * facts.bsize) / 1e6)} MB are free. Make room and try again.`,
    { details: { path: localPath } },
  );
}

/** Hashes a file from its beginning as far as it is there without a gap, while the rest is still coming. */
class FollowingHash {
  private readonly hash = createHash('sha256');
  private next = 0;
  private running: Promise<void> = Promise.resolve();
  private isRunning = false;

  constructor(
    private readonly file: FileHandle,
    private readonly plan: SegmentPlan,
  ) {}

  goOn(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.running = this.run().finally(() => (this.isRunning = false));
    this.running.catch(() => {}); // told by finish()
  }

  async finish(): Promise<string> {
    await this.running;
    await this.run();
    return this.hash.digest('hex');
  }

  private async run(): Promise<void> {
    for (; this.next < this.plan.count && this.plan.isDone(this.next); this.next++) {
      const { buffer, bytesRead } = await this.file.read({
        buffer: Buffer.allocUnsafe(this.plan.lengthOf(this.next)),
        position: this.plan.offsetOf(this.next),
      });
      this.hash.update(buffer.subarray(0, bytesRead));
    }
  }
}
