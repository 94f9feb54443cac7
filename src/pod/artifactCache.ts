import { posix } from 'node:path';
import { quote, quoteAll } from '../core/shell.ts';
import type { PutOptions } from './pod.ts';
import type { PlannedFile } from './putScript.ts';

/**
 * Checkpoints, encoders and data come again under other names. Each file of some size that was put on the pod has a second
 * name in a folder there, `<sha256>-<bytes>`: a hard link, which costs no room and no time. It is proof of nothing: training
 * may write over the file in place, and then both names have the new bytes. So what is taken is hashed first, and an entry
 * that is not what it says is dropped.
 *
 * What is taken never shares its bytes with another file that somebody may write to: an entry that nothing else has is
 * linked, since the cache itself never writes, any other is copied. Where no link can be made (another file system)
 * nothing is kept, because a copy would cost time and room at every upload.
 */
export interface CacheUse {
  readonly folder: string;
  /** Of each file that is large enough, by its index in the set: its entry, and other paths that may hold its bytes. */
  readonly places: ReadonlyMap<number, readonly [entry: string, ...others: string[]]>;
}

/** Bytes; a smaller file is there about as soon as one has asked for it. */
export const leastCachedBytes = 1024 * 1024;

/** What only the cache still holds takes at most this much, 10 GB, and at most a fifth of what is free. */
const mostKb = 10_000_000;
const partOfFree = 5;

/** Where each of these files may be on the pod already. */
export async function useOf(
  cache: NonNullable<PutOptions['cache']>,
  files: readonly Pick<PlannedFile, 'remotePath' | 'sha256' | 'bytes'>[],
): Promise<CacheUse> {
  const places = new Map<number, [string, ...string[]]>();
  for (const [index, { remotePath, sha256, bytes }] of files.entries()) {
    if (bytes < leastCachedBytes) continue;
    const others = (await cache.pathsOf(sha256)).filter((path) => path !== remotePath);
    places.set(index, [posix.join(cache.folder, `${sha256}-${bytes}`), ...others]);
  }
  return { folder: cache.folder, places };
}

/** Of a single file that is sent while it is being read: the pod names its entry when it knows the hash. */
export function useUnread({ folder }: NonNullable<PutOptions['cache']>, { bytes }: Pick<PlannedFile, 'bytes'>): CacheUse {
  return { folder, places: new Map(bytes < leastCachedBytes ? [] : [[0, ['']]]) };
}

/** Script: ends it with 0 when the cache has something of this size, so that a hash decides. */
export function endIfSameSize(folder: string, bytes: number): string {
  return `set -- ${quote(folder)}/*-${bytes}; [ ! -e "$1" ] || exit 0`;
}

/**
 * Script: says which of these files may be had on the pod, as `rpo-held [INDEX]…`, and makes room for the others if there is
 * too little. By size only: the hash is compared when one is taken.
 */
export function askHeld({ folder, places }: CacheUse, files: readonly (Pick<PlannedFile, 'bytes'> & { readonly index: number })[]): string {
  const asked = files.flatMap(({ index, bytes }) => {
    const [...paths] = places.get(index) ?? [];
    return [`changed ${index} && hold ${index} ${bytes} ${quoteAll(paths)}`];
  });
  return `${definePrune(folder)}
held=; need=0
hold() {
  i=$1; b=$2; shift 2
  for v do if [ -f "$v" ] && [ "$(($(size_of "$v")))" = "$b" ]; then held="$held $i"; wanted="$wanted \${v##*/}"; return; fi; done
  need=$((need + b / 1024))
}
${asked.join('\n')}
echo "rpo-held$held"
[ $need = 0 ] || prune $need
`;
}

/** The indices that askHeld() told. */
export function heldIn(said: string): ReadonlySet<number> {
  const indices = /^rpo-held((?: \d+)*)$/m.exec(said)?.[1] ?? '';
  return new Set(indices.split(' ').filter(Boolean).map(Number));
}

/** Defines `take INDEX SHA256 TO PATH…`, which leaves the hash in `$qINDEX` as of a file that was proved, or fails with `cache`. */
export function defineTake(folder: string): string {
  return `
C=${quote(folder)}
take() {
  i=$1; x=$2; t=$3; shift 3
  for f do
    [ -f "$f" ] && bring || continue
    if [ "$(sums "$t")" = "$x" ]; then touch -- "$t"; eval "q$i=$x"; return; fi
    case $f in "$C"/*) rm -f -- "$f";; esac
  done
  fail cache
}
# Of two that link the same entry at once, at most one finds that there are two names.
bring() {
  rm -f -- "$t"
  case $f in "$C"/*)
    if [ ! -L "$f" ] && ln -- "$f" "$t" && [ -O "$t" ]; then set -- $(ls -nd -- "$t"); [ "$2" != 2 ] || return 0; fi
    rm -f -- "$t";;
  esac
  cp --reflink=auto -- "$f" "$t" || cp -- "$f" "$t"
} 2>/dev/null
`;
}

/** Script: takes one file into its staging folder. */
export function takeOne({ places }: CacheUse, { sha256 }: PlannedFile, index: number, staged: string): string {
  return `take ${index} ${sha256} ${quoteAll([staged, ...(places.get(index) ?? [])])}`;
}

/** Script: gives the files that were put in place their second names. @param when the condition on which that of a file was put */
export function keepInCache({ folder, places }: CacheUse, files: readonly PlannedFile[], when: (index: number) => string): string {
  if (places.size === 0) return '';
  const lines = [...places].map(([index, [entry]]) => {
    const { remotePath = '', bytes } = files[index] ?? {};
    return `${when(index)}store ${quote(remotePath)} ${entry === '' ? `"$C/$W-${bytes}"` : quote(entry)}`;
  });
  return `${definePrune(folder)}
store() { [ -d "$C" ] || mkdir -p -- "$C"; ln -f -- "$1" "$2"; } 2>/dev/null
${lines.join('\n')}
prune 0
`;
}

/**
 * Defines `prune KB`, which removes of what only the cache still holds the longest unused, until the rest is within its
 * allowance when so much more has been written. `$wanted` stays. Only the time of the last change of its names tells of use
 * (`ls -c`): the time of modification is the file's own.
 */
function definePrune(folder: string): string {
  return `
C=${quote(folder)}; wanted=
prune() (
  cd -- "$C" 2>/dev/null || exit
  a=; s=0
  LC_ALL=C ls -nct | while read -r v n v v b v v v m; do
    [ "$n" = 1 ] && [ -f "$m" ] || continue
    case "$wanted " in *" $m "*) continue;; esac
    [ -n "$a" ] || allow "$1"
    s=$((s + b / 1024)); [ $s -le $a ] || rm -f -- "$m"
  done
)
allow() {
  v=$(df -Pk . 2>/dev/null | tail -n 1); v=\${v%%%*}
  n=$1; set -- \${v% *}; eval "a=\\\${$#}"
  case $a in ''|*[!0-9]*) a=${mostKb};; *) a=$(((a - n) / ${partOfFree})); [ $a -le ${mostKb} ] || a=${mostKb};; esac
}
`;
}
