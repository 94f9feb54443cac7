import { quote, quoteAll } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { trapEnd } from './putScript.ts';
import { prologue } from './remoteShell.ts';
import type { Source } from './source.ts';
import type { Staging } from './staging.ts';

/**
 * A set of small files goes over several sessions at once: one channel carries its window of 2 MB a round trip. The first
 * lane is the request that puts the set in place (`putScript`); the others only bring files into the staging folders, and
 * tell it by a file of their own when they are done. Only sessions that wait already are worth it.
 */
export interface Lane {
  /** From 1. */
  readonly number: number;
  readonly sources: readonly Source[];
}

/** Less is sent before a second session has begun to read. */
const leastBytes = 512 * 1024;
/** A nearer pod has the bytes sooner than a second session helps. */
const leastRoundTripMs = 5;

/** The sources of the first lane, and further lanes; about as many bytes in each. */
export function divide(
  pool: ChannelPool,
  sources: readonly Source[],
): { readonly first: readonly Source[]; readonly others: readonly Lane[] } {
  const bytes = sources.reduce((sum, source) => sum + source.bytes, 0);
  const isFar = pool.roundTripMs >= leastRoundTripMs;
  const count = isFar ? Math.max(1, Math.min(pool.readyCount, Math.floor(bytes / leastBytes))) : 1;
  const lanes: Source[][] = Array.from({ length: count }, () => []);
  let before = 0;
  for (const source of sources) {
    lanes[bytes === 0 ? 0 : Math.min(count - 1, Math.floor((before / bytes) * count))]?.push(source);
    before += source.bytes;
  }
  const [first = [], ...others] = lanes;
  return { first, others: others.flatMap((some, index) => (some.length > 0 ? [{ number: index + 1, sources: some }] : [])) };
}

/** Part of `putScript`: lets the other lanes begin, before the payload. */
export function openLanes(folder: string): string {
  return `L=${quote(folder)}; mkdir -p -- "$L" && : >"$L/open" || fail folder`;
}

/**
 * Part of `putScript` when it fails, before it removes the staging folders: a lane that still takes files out of its tar makes
 * them anew, and has to see by then that nobody will remove them but itself. A rename leaves no moment in between.
 */
export function closeLanes(folder: string): string {
  return `mv -f -- ${quote(folder)} ${quote(`${folder}.end`)} 2>/dev/null && rm -rf -- ${quote(`${folder}.end`)}`;
}

/** Part of `putScript`: waits for the other lanes, after the payload. */
export function awaitLanes(others: readonly Lane[]): string {
  return `
i=0
for v in ${others.map(({ number }) => number).join(' ')}; do
  until [ -e "$L/$v" ]; do
    i=$((i+1)); [ -e "$L/open" ] && [ $i -lt ${laneWaits} ] || fail lane
    sleep 0.02 2>/dev/null || sleep 1
  done
done
`;
}

/** Of 20 ms: a lane that is behind the first one by more than ten minutes will not come. */
const laneWaits = 30_000;

/**
 * Takes a tar into the staging folders once the first lane has looked and made them. Should that have ended by then, what was
 * brought goes again.
 */
export function laneScript(lane: Lane, staging: Staging, isCompressed: boolean): string {
  return `${prologue}
L=${quote(staging.lanesIn)}; n=${lane.number}
i=0; until [ -e "$L/open" ]; do i=$((i+1)); [ $i -lt ${laneWaits} ] || exit 1; sleep 0.02 2>/dev/null || sleep 1; done
umask 022
# To rename needs no room on a disk that is full. The first lane removes what there is, unless it has ended.
undo() { mv -f -- "$L/open" "$L/failed" 2>/dev/null || [ -e "$L/failed" ] || rm -rf -- ${quoteAll(staging.foldersOf(lane.sources))}; }
${trapEnd('undo')}
${isCompressed ? 'gzip -dc | ' : ''}tar -xomf - -C ${quote(staging.tarIn)} || exit 1
trap '' HUP INT TERM
[ -e "$L/open" ] && : >"$L/$n" || exit 1
trap - EXIT
`;
}
