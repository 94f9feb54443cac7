import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { posix } from 'node:path';
import { isUserError, UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { sendingEnding } from './ending.ts';
import { exec } from './exec.ts';
import { remoteFailure } from './remoteFailure.ts';
import { defineSums, prologue } from './remoteShell.ts';
import { blockBytes, BlockPlan, segmentsOf, stripesFor } from './segments.ts';
import { openSource, type LookedAt, type RandomAccess, type Source } from './source.ts';

/**
 * A large file on its way into a partial file beside its target. The partial file is named after the target and the
 * version of the source, so that a later call goes on where one was cut short, never mixes two versions, and two equal
 * files of one folder do not share it. It needs no hash, so that a file can be sent while it is being read for its own.
 */
export interface Part {
  /** In the set. */
  readonly index: number;
  readonly source: LookedAt;
  readonly partPath: string;
  readonly plan: BlockPlan;
  readonly bytesLeft: number;
  /** Takes over what the pod says it has: lines `rpo-part INDEX (FIRST BLOCKS)…`. */
  resumeFrom(said: string, onBytes: (bytes: number) => void): void;
}

/** @param source a local file, or content that was hashed already */
export function partOf(source: LookedAt | Source, index: number): Part {
  const plan = new BlockPlan(source.bytes);
  const { from, remotePath, bytes, version } = source;
  const content = 'localPath' in from ? [from.localPath, bytes, version] : ['sha256' in source ? source.sha256 : ''];
  const key = createHash('sha256').update(JSON.stringify([posix.basename(remotePath), ...content]));
  return {
    index,
    source,
    plan,
    partPath: posix.join(posix.dirname(remotePath), `.rpo-part-${key.digest('hex').slice(0, 24)}`),
    get bytesLeft() {
      return plan.bytesLeft;
    },
    resumeFrom(said, onBytes) {
      const line = new RegExp(`^rpo-part ${index}((?: \\d+)*)`, 'm').exec(said)?.[1] ?? '';
      for (const [, segment = ''] of line.matchAll(/ (\d+ \d+)/g)) finish(plan, segment, onBytes);
    },
  };
}

/** @param segment as the pod notes it: `FIRST BLOCKS` */
function finish(plan: BlockPlan, segment: string, onBytes: (bytes: number) => void): void {
  const [first = NaN, blocks = 0] = segment.split(' ').map(Number);
  for (let block = first; block < Math.min(first + blocks, plan.count); block++) {
    const bytes = plan.finish(block);
    if (bytes > 0) onBytes(bytes);
  }
}

/** Script: what there is already of each part; it is young again, so that nobody tidies it up meanwhile. */
export function askParts(parts: readonly Part[]): string {
  return `
part() { d=; if [ -f "$2" ] && [ -f "$2.done" ]; then touch -c -- "$2" "$2.done" 2>/dev/null; d=$(sed '/[a-z]/d' "$2.done" | tr '\\n' ' '); fi; echo "rpo-part $1 $d"; }
${parts.map(({ index, partPath }) => `part ${index} ${quote(partPath)}`).join('\n')}
`;
}

/** What may be sent before the pod has said whether it is wanted. */
export interface Ahead {
  readonly bytes: number;
  /** Script: ends it with 5 when it is not, before anything is written. */
  readonly guard: string;
  readonly isWanted: Promise<boolean>;
}

/** The guard found that it is not wanted, or not in this way. */
class Unwanted extends Error {}

/** Of a segment, in memory at a time for each session. */
const chunkBytes = 256 * 1024;

interface UploadOptions {
  readonly signal?: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  readonly ahead?: Ahead;
}

/**
 * Sends what the plan still lacks; goes on by itself after a lost connection, as long as each attempt gets further. What was
 * sent ahead and is not wanted is left at that.
 */
export async function uploadPart(pool: ChannelPool, part: Part, options: UploadOptions): Promise<void> {
  const content = await openSource(part.source);
  let { ahead } = options;
  try {
    for (let before = -1; !part.plan.isComplete || before === -1;) {
      const left = part.plan.bytesLeft;
      try {
        await uploadOnce(pool, part, content, { ...options, ahead });
        return;
      } catch (error) {
        if (ahead && !(await ahead.isWanted)) return;
        ahead = undefined;
        if (error instanceof Unwanted) {
          part.plan.startOver();
          continue;
        }
        if (!isUserError(error, 'connection-lost') || left === before) throw error;
        before = left;
        part.plan.startOver();
      }
    }
  } finally {
    await content.close();
  }
}

async function uploadOnce(
  pool: ChannelPool,
  { plan, partPath }: Part,
  content: RandomAccess,
  { ahead, ...options }: UploadOptions,
): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // one for each session
  const onAbort = () => stop.abort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();

  const stripes = stripesFor(pool.roundTripMs);
  const begunMs = performance.now();
  const bytesBefore = plan.bytesLeft;
  let mayBeAhead = ahead?.bytes ?? Infinity;
  let isOver = false;
  async function* segments(): AsyncGenerator<Uint8Array> {
    const chunk = Buffer.allocUnsafeSlow(chunkBytes); // the same again and again: a request takes the next only when this has gone
    for (const segment of segmentsOf(plan, stripes)) {
      const length = plan.lengthOf(segment);
      if ((mayBeAhead -= length) < 0 && !(await ahead?.isWanted)) return;
      if (isOver) return;
      yield Buffer.from(`${segment.first} ${segment.blocks} ${length}\n`);
      for (let at = 0; at < length; at += chunkBytes) {
        const piece = chunk.subarray(0, Math.min(chunkBytes, length - at));
        await content.read(segment.first * blockBytes + at, piece);
        if (stop.signal.aborted) return; // or it would go on until the word of that has reached the pod
        yield piece;
      }
    }
  }
  async function session(guard = ''): Promise<void> {
    let unfinished = '';
    const { exitCode, stderr } = await exec(pool, receiveScript(partPath, guard), {
      stdin: segments(),
      signal: stop.signal,
      ending: sendingEnding,
      discardOutput: true,
      onStdout: (chunk) => {
        const lines = (unfinished + chunk.toString('latin1')).split('\n');
        unfinished = lines.pop() ?? '';
        for (const segment of lines) finish(plan, segment, options.onBytes);
      },
    });
    if (exitCode === 5 && guard) throw new Unwanted();
    if (exitCode === 3)
      throw new UserError(
        'unsupported',
        'The `dd` on the pod cannot read whole blocks from a pipe (iflag=fullblock). Install coreutils or busybox there.',
      );
    if (exitCode !== 0) throw remoteFailure(`Writing ${partPath}`, stderr, { path: partPath });
  }

  let failed: { readonly error: unknown } | undefined;
  const start = (count: number, guard?: string) =>
    Array.from({ length: count }, () =>
      session(guard).catch((error: unknown) => {
        failed ??= { error }; // the first failure is the reason; the others end because of it
        // Where one guard ends its session the others do too.
        if (error instanceof Unwanted) isOver = true;
        else stop.abort();
      }),
    );
  const wanted = Math.max(1, plan.sessions(stripes));
  // Only over sessions that wait already: others would not be there before the answer.
  const early = ahead ? start(Math.min(wanted, pool.readyCount), ahead.guard) : [];
  const isWanted = ahead === undefined || (await ahead.isWanted);
  const sessions = [...early, ...start(isWanted && !failed ? wanted - early.length : 0)];
  await Promise.all(sessions);
  options.signal?.removeEventListener('abort', onAbort);
  if (failed) throw failed.error;
  if (plan.isComplete) pool.upBytesPerMs = bytesBefore / (performance.now() - begunMs);
}

/**
 * Reads "FIRST BLOCKS BYTES\n" and a segment, again and again. `dd` with fullblock takes exactly its blocks from the
 * stream; only the last segment of a file may be shorter, and it is the last of its session. A line that was cut looks to
 * dd like the end of its input, so what it says it read has to be what was announced: after a short last block the file
 * has its whole size, and not before.
 */
function receiveScript(partPath: string, guard: string): string {
  const folder = quote(posix.dirname(partPath));
  return `${prologue}${defineSums}${guard}
f=${quote(partPath)}
{ [ -d ${folder} ] || mkdir -p -- ${folder}; } && : >>"$f" && : >>"$f.done" || exit 1
while read -r k n b; do
  m=$(dd of="$f" bs=${blockBytes} count="$n" seek="$k" conv=notrunc iflag=fullblock 2>&1) || { printf '%s\\n' "$m" >&2; dd iflag=fullblock count=0 </dev/null 2>/dev/null && exit 1; exit 3; }
  if [ "$b" = $((n * ${blockBytes})) ]; then case $m in "$n+0 "*) ;; *) exit 0 ;; esac
  else [ "$(size_of "$f")" = $((k * ${blockBytes} + b)) ] || exit 0; fi
  echo "$k $n" >>"$f.done" && echo "$k $n" || exit 1
done
`;
}

/** So many blocks are hashed by one start of a program on the pod, as long as more are coming. */
const hashedAtOnce = 8;

/** The parts are being sent anew, in other segments than the pod was told of. */
export class StartedOver extends Error {}

/**
 * Stdin for `hashPart`, part by part: which blocks to hash next, `FIRST BLOCKS`, as their arrival becomes known here. The
 * last ones, which are all on their way, are told ahead as `FIRST BLOCKS wait`: the pod sees them arrive half a round trip
 * before we know. Then `end`, and `whole SHA256` for the shell that reads on.
 *
 * @param hashOf what a file is to be, by its index in the set
 * @throws StartedOver
 */
export async function* blocksToHash(
  parts: readonly Part[],
  hashOf: (index: number) => string | Promise<string>,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  const attempts = parts.map(({ plan }) => plan.attempt);
  const check = () => {
    if (parts.some((part, index) => part.plan.attempt !== attempts[index])) throw new StartedOver();
  };
  const nextChange = async (plan: BlockPlan) => {
    await Promise.race([plan.whenChanged(), aborted]);
    check();
  };
  for (const { plan, index } of parts) {
    for (let at = 0; at < plan.count;) {
      if (signal?.aborted) return;
      let to = at;
      while (to < plan.count && plan.isDone(to)) to++;
      const next = plan.isHandedOut ? plan.underWayAt(at) : undefined;
      if (to - at >= hashedAtOnce || (to > at && plan.isHandedOut)) {
        yield Buffer.from(`${at} ${to - at}\n`);
        at = to;
      } else if (next) {
        yield Buffer.from(`${at} ${next.blocks} wait\n`);
        at += next.blocks;
      } else await nextChange(plan);
    }
    yield Buffer.from('end\n');
    const sha256 = await Promise.race([hashOf(index), aborted]);
    if (sha256 === undefined) return;
    check();
    yield Buffer.from(`whole ${sha256}\n`);
  }
  for (const { plan } of parts) while (!plan.isComplete && !signal?.aborted) await nextChange(plan);
}

/**
 * The same as `blocks | sumin` below in one process: nothing goes through a pipe, and no process is started for each segment and
 * each look at the notes. It reads stdin byte by byte, as a shell does, since what follows `end` is not its. Exit code 8: it began, and
 * what it was told or what it read broke off; with any other this python never got so far, and stdin is untouched.
 */
const hashInPython = `
import hashlib, os, sys, time
os.readv, time.monotonic
def broke_off(*why): os._exit(8)
sys.excepthook = broke_off
path, mine = sys.argv[1], b"for " + sys.argv[2].encode() + b"\\n"
part = None
room = memoryview(bytearray(${blockBytes}))
total = hashlib.sha256()
def line():
    said = b""
    while True:
        byte = os.read(0, 1)
        if byte == b"\\n": return said.split()
        if not byte: broke_off()
        said += byte
def arrived(segment):
    told = 0
    while True:
        with open(path + ".done", "rb") as notes: said = b"\\n" + notes.read()
        if not said.rpartition(b"\\nfor ")[2].startswith(mine[4:]): broke_off()
        if b"\\n" + segment + b"\\n" in said: return
        if time.monotonic() - told > .02:
            os.write(3, b"rpo-wait\\n")
            told = time.monotonic()
        time.sleep(.002)
while True:
    first, *rest = line()
    if first == b"end": break
    if len(rest) > 1: arrived(first + b" " + rest[0])
    if part is None: part = os.open(path, os.O_RDONLY)
    os.lseek(part, int(first) * ${blockBytes}, 0)
    for _ in range(int(rest[0])):
        count = os.readv(part, [room])
        total.update(room[:count])
print(total.hexdigest())
`;

/**
 * Script: defines `hash_part FILE`, which reads what `blocksToHash` tells and leaves the hash of all of it in `$q`; false
 * when it was not told to the end. A later attempt that takes over, after a line that went without a word, ends this one.
 */
export const hashPart = `
arrived() {
  while c="$nl$(cat -- "$f.done")$nl"; do
    case \${c##*for } in "$R$nl"*) ;; *) return 1;; esac
    case $c in *"$nl$k $n$nl"*) return 0;; esac
    echo rpo-wait >&3 && { sleep 0.02 2>/dev/null || sleep 1; } || return 1
  done
}
blocks() {
  while read -r k n v; do
    if [ "$k" = end ]; then return; fi
    if [ -n "$v" ]; then arrived || return; fi
    dd if="$f" bs=${blockBytes} skip="$k" count="$n" 2>/dev/null
  done
}
hash_part() {
  f=$1; exec 3>&1
  echo "for $R" >>"$f.done" || return 1
  # Programs of that name may be another Python, lack their libraries, or print before they begin.
  q=$(python3 -ISc ${quote(hashInPython)} "$f" "$R" 2>/dev/null)
  case $?$q in 8*|129*|130*|137*|143*) return 1;; 0?*) q=\${q##*"$nl"};; *) q=$(blocks | sumin);; esac
  read -r v W && [ "$v" = whole ]
}
`;
