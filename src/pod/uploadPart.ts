import { setMaxListeners } from 'node:events';
import { posix } from 'node:path';
import { isUserError, UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { sendingEnding } from './ending.ts';
import { exec } from './exec.ts';
import { remoteFailure } from './remoteFailure.ts';
import { defineSums, prologue } from './remoteShell.ts';
import { blockBytes, BlockPlan, segmentsOf } from './segments.ts';
import { openSource, type RandomAccess, type Source } from './source.ts';

/**
 * A large file on its way into a partial file beside its target. The partial file is named after the content, so that a
 * later call goes on where one was cut short, and never mixes two versions.
 */
export interface Part {
  /** In the set. */
  readonly index: number;
  readonly source: Source;
  readonly partPath: string;
  readonly plan: BlockPlan;
  readonly bytesLeft: number;
  /** Takes over what the pod says it has: lines `rpo-part INDEX (FIRST BLOCKS)…`. */
  resumeFrom(said: string, onBytes: (bytes: number) => void): void;
}

export function partOf(source: Source, index: number): Part {
  const plan = new BlockPlan(source.bytes);
  return {
    index,
    source,
    plan,
    partPath: posix.join(posix.dirname(source.remotePath), `.rpo-part-${source.sha256.slice(0, 24)}`),
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

/** Script: what there is already of each part. */
export function askParts(parts: readonly Part[]): string {
  return `
part() { d=; if [ -f "$2" ] && [ -f "$2.done" ]; then d=$(tr '\\n' ' ' <"$2.done"); fi; echo "rpo-part $1 $d"; }
${parts.map(({ index, partPath }) => `part ${index} ${quote(partPath)}`).join('\n')}
`;
}

/** Sends what the plan still lacks; goes on by itself after a lost connection, as long as each attempt gets further. */
export async function uploadPart(
  pool: ChannelPool,
  part: Part,
  options: { readonly signal?: AbortSignal; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const content = await openSource(part.source);
  try {
    for (let before = -1; !part.plan.isComplete || before === -1;) {
      const left = part.plan.bytesLeft;
      try {
        await uploadOnce(pool, part, content, options);
        return;
      } catch (error) {
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
  options: { readonly signal?: AbortSignal; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // one for each session
  const onAbort = () => stop.abort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();

  async function* segments(): AsyncGenerator<Uint8Array> {
    for (const segment of segmentsOf(plan)) {
      const bytes = await content.read(segment.first * blockBytes, plan.lengthOf(segment));
      yield Buffer.from(`${segment.first} ${segment.blocks} ${bytes.length}\n`);
      yield bytes;
    }
  }
  async function session(): Promise<void> {
    let unfinished = '';
    const { exitCode, stderr } = await exec(pool, receiveScript(partPath), {
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
    if (exitCode === 3)
      throw new UserError(
        'unsupported',
        'The `dd` on the pod cannot read whole blocks from a pipe (iflag=fullblock). Install coreutils or busybox there.',
      );
    if (exitCode !== 0) throw remoteFailure(`Writing ${partPath}`, stderr, { path: partPath });
  }

  let failed: { readonly error: unknown } | undefined;
  const sessions = Array.from({ length: Math.max(1, plan.sessions) }, () =>
    session().catch((error: unknown) => {
      failed ??= { error }; // the first failure is the reason; the others end because of it
      stop.abort();
    }),
  );
  await Promise.all(sessions);
  options.signal?.removeEventListener('abort', onAbort);
  if (failed) throw failed.error;
}

/**
 * Reads "FIRST BLOCKS BYTES\n" and a segment, again and again. `dd` with fullblock takes exactly its blocks from the
 * stream; only the last segment of a file may be shorter, and it is the last of its session. A line that was cut looks to
 * dd like the end of its input, so what it says it read has to be what was announced: after a short last block the file
 * has its whole size, and not before.
 */
function receiveScript(partPath: string): string {
  return `${prologue}${defineSums}
f=${quote(partPath)}
dd iflag=fullblock count=0 </dev/null 2>/dev/null || exit 3
mkdir -p -- ${quote(posix.dirname(partPath))} && : >>"$f" && : >>"$f.done" || exit 1
while read -r k n b; do
  m=$(dd of="$f" bs=${blockBytes} count="$n" seek="$k" conv=notrunc iflag=fullblock 2>&1) || { printf '%s\\n' "$m" >&2; exit 1; }
  if [ "$b" = $((n * ${blockBytes})) ]; then case $m in "$n+0 "*) ;; *) exit 0 ;; esac
  else [ "$(size_of "$f")" = $((k * ${blockBytes} + b)) ] || exit 0; fi
  echo "$k $n" >>"$f.done" && echo "$k $n" || exit 1
done
`;
}
