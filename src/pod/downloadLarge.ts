import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { open, readdir, readFile, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isUserError, UserError } from '../core/errors.ts';
import { partMark } from '../core/partialFile.ts';
import { quote } from '../core/shell.ts';
import type { ByteReader } from './byteReader.ts';
import type { ChannelPool } from './channelPool.ts';
import { localFailure, pathBeside } from './localFile.ts';
import type { TransferOptions } from './pod.ts';
import { readAnswer } from './readAnswer.ts';
import { defineSums, prologue } from './remoteShell.ts';
import { blockBytes, BlockPlan, type Segment, segmentsOf, stripesFor } from './segments.ts';

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

/** A session has asked for so many blocks that have not come yet: a window and one more, so that the line never waits for a request. */
const askedAhead = 3;

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
  const ours = partName(basename(localPath));
  const partPath = pathBeside(localPath, ours + shortHash([file.remotePath, file.bytes, file.version]));
  const donePath = `${partPath}.done`;
  const plan = new BlockPlan(file.bytes);
  const discard = async () => {
    await rm(partPath, { force: true });
    await rm(donePath, { force: true });
  };
  let bytesDone = 0;
  const progress = (bytes: number) => options.onProgress?.({ bytesDone: (bytesDone += bytes), bytesTotal: file.bytes });
  let target: FileHandle | undefined;
  let done: FileHandle | undefined;
  try {
    const noted = await readFile(donePath, 'latin1').catch(() => '');
    const begun = noted === '' ? undefined : await openIfThere(partPath);
    const [into, notes] = [(target = begun ?? (await open(partPath, 'w+'))), (done = await open(donePath, begun ? 'a' : 'w'))];
    if (begun) for (const block of noted.split('\n').filter(Boolean)) progress(plan.finish(Number(block)));
    await checkRoom(localPath, plan.bytesLeft);
    const hasher = new FollowingHash(into, plan);
    const store = async (block: number, content: Buffer) => {
      await into.write(content, 0, content.length, block * blockBytes);
      plan.finish(block);
      await notes.write(`${block}\n`);
      hasher.goOn();
    };
    if (!plan.isComplete) await pool.during(() => fetchOnce(pool, file, plan, { store, onBytes: progress, signal: options.signal }));
    return {
      sha256: await hasher.finish(),
      bytes: file.bytes,
      commit: async () => {
        await rename(partPath, localPath).catch((error: unknown) => Promise.reject(localFailure(localPath, error)));
        await rm(donePath, { force: true });
        await removeParts(localPath, ours);
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
    await target?.close();
    await done?.close();
  }
}

/** Of a partial file's name: what those of one target have in common. */
function partName(target: string): string {
  return `${partMark}${shortHash(target).slice(0, 8)}-`;
}

function shortHash(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 16);
}

/** Undefined when somebody has taken the partial file away, and left the notes about it. */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r+').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
}

/** What came of other versions of the file, and was never finished. That some of it stays does no harm. */
async function removeParts(localPath: string, ours: string): Promise<void> {
  const start = basename(pathBeside(localPath, ours));
  const names = await readdir(dirname(localPath)).catch(() => []);
  for (const name of names) if (name.startsWith(start)) await rm(join(dirname(localPath), name), { force: true }).catch(() => {});
}

/** The file on the pod became shorter while it was read: what has come is of no use. */
class Shortened extends Error {}

async function fetchOnce(
  pool: ChannelPool,
  { remotePath }: RemoteLarge,
  plan: BlockPlan,
  {
    store,
    onBytes,
    signal,
  }: {
    readonly store: (block: number, content: Buffer) => Promise<void>;
    readonly onBytes: (bytes: number) => void;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const onAbort = () => stop.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();

  const stripes = stripesFor(pool.roundTripMs);
  async function session(): Promise<void> {
    // A block arrives in the first while the last one is written from the second; then they change places.
    let memories = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)] as const;
    let storing: Promise<void> = Promise.resolve();
    const takeSegment = async (reader: ByteReader, { first, blocks }: Segment) => {
      for (let block = first; block < first + blocks; block++) {
        const memory = memories[0].subarray(0, plan.endOf(block) - block * blockBytes);
        if ((await reader.fill(memory, onBytes)) < memory.length) throw new Shortened();
        come++;
        wake();
        await storing;
        memories = [memories[1], memories[0]];
        storing = store(block, memory);
        storing.catch(() => {}); // told when it is waited for
      }
    };
    const asked: Segment[] = [];
    let wake = () => {};
    let come = 0; // of the first segment asked for
    const waitingFor = () => asked.reduce((sum, { blocks }) => sum + blocks, -come);
    async function* requests(): AsyncGenerator<Buffer> {
      for (const segment of segmentsOf(plan, stripes)) {
        asked.push(segment);
        yield Buffer.from(`${segment.first} ${segment.blocks} ${plan.lengthOf(segment)}\n`);
        while (waitingFor() >= askedAhead) await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    await readAnswer(pool, sendScript(remotePath), { signal: stop.signal, stdin: requests() }, async (reader) => {
      // The stream ends when all that was asked for has come.
      while (await reader.hasMore()) {
        const segment = asked[0];
        if (segment === undefined) throw new Shortened();
        await takeSegment(reader, segment);
        asked.shift();
        come = 0;
      }
      if (asked.length > 0) throw new Shortened();
      await storing;
    }).finally(() => storing.catch(() => {})); // the file is not closed under it
  }

  let failed: { readonly error: unknown } | undefined;
  const sessions = Array.from({ length: plan.sessions(stripes) }, () =>
    session().catch((error: unknown) => {
      failed ??= { error };
      stop.abort();
    }),
  );
  await Promise.all(sessions);
  signal?.removeEventListener('abort', onAbort);
  if (failed) throw failed.error;
}

/**
 * Reads "FIRST BLOCKS BYTES\n" and sends that segment. The last one is cut to its length: the file may have grown
 * meanwhile. When it has shrunk the session ends, or this side would wait for the rest of a segment and the pod for a request.
 */
function sendScript(remotePath: string): string {
  return `${prologue}${defineSums}
f=${quote(remotePath)}
while read -r k n b; do
  if [ "$b" = $((n * ${blockBytes})) ]; then dd if="$f" bs=${blockBytes} count="$n" skip="$k" 2>/dev/null
  else dd if="$f" bs=${blockBytes} count="$n" skip="$k" 2>/dev/null | head -c "$b"; fi
  [ "$(size_of "$f")" -ge $((k * ${blockBytes} + b)) ] || exit 0
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
  private readonly memory = Buffer.allocUnsafeSlow(blockBytes);
  private next = 0;
  private running: Promise<void> = Promise.resolve();
  private isRunning = false;

  constructor(
    private readonly file: FileHandle,
    private readonly plan: BlockPlan,
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
        buffer: this.memory.subarray(0, this.plan.endOf(this.next) - this.next * blockBytes),
        position: this.next * blockBytes,
      });
      this.hash.update(buffer.subarray(0, bytesRead));
    }
  }
}
