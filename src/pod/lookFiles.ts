import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { exec } from './exec.ts';
import type { HashedFile, HashMemory, HashOptions, ListOptions, RemoteFile } from './pod.ts';
import { remoteFailure } from './remoteFailure.ts';
import { defineLists, defineSums, hasOddNames, prologue } from './remoteShell.ts';

/** What find says about links that lead nowhere or in a circle: nothing is lost by them. */
const brokenLink = /File system loop detected|Too many levels of symbolic links|No such file or directory/;

/**
 * `Pod.listFiles`. Our own staging folders and the cache of large files are no files of the user. NUL between entries, since a name may hold a newline.
 * Only GNU find knows when links to folders lead in a circle; with any other they are not entered, links to files still are.
 */
export async function listFiles(pool: ChannelPool, remoteFolder: string, options: ListOptions = {}): Promise<readonly RemoteFile[]> {
  const script = `${prologue}
f=${quote(remoteFolder)}
[ -d "$f" ] || { [ ! -e "$f" ] || exit 4; exit 3; }
cd -- "$f" || exit 1
if find . -maxdepth 0 -printf '' 2>/dev/null; then find -L . \\( -name '.rpo-*' -o -path '*/.runpod/cache' \\) -prune -o -type f -printf '%s %T@ %p\\0'
else find . \\( -name '.rpo-*' -o -path '*/.runpod/cache' \\) -prune -o \\( -type f -o -type l \\) -exec sh -c 'for f do [ -f "$f" ] && s=$(stat -L -c "%s %Y" -- "$f") && printf "%s %s\\0" "$s" "$f"; done; :' sh {} +; fi
`;
  const { exitCode, stdout, stderr } = await exec(pool, script, { signal: options.signal, readOnly: true });
  const files = stdout.split('\0').flatMap((entry) => {
    const fields = /^(\d+) ([\d.]+) \.\/([\s\S]+)$/.exec(entry);
    return fields ? [{ path: fields[3] ?? '', bytes: Number(fields[1]), mtimeMs: Number(fields[2]) * 1000 }] : [];
  });
  if (exitCode === 3 || exitCode === 4) {
    if (!options.mustExist) return [];
    const what = exitCode === 3 ? 'is not on the pod. Check the path' : 'is not a folder. Download it as a file, or check the path';
    throw new UserError('remote-missing', `${remoteFolder} ${what} (\`ls ${posix.dirname(remoteFolder)}\` there).`, {
      details: { path: remoteFolder },
    });
  }
  // A folder that vanished or may not be read is only told about when nothing was found: the rest is still true.
  const trouble = stderr.split('\n').filter((line) => line !== '' && !brokenLink.test(line));
  if (exitCode !== 0 && files.length === 0 && trouble.length > 0)
    throw remoteFailure(`Listing ${remoteFolder}`, trouble.join('\n'), { path: remoteFolder });
  return files;
}

/**
 * `Pod.hashFiles`. With a memory, files that have the stamp of the last time are not read: `stat` tells it for all of them by
 * one process. Only GNU stat tells times finely enough; with any other everything is read.
 */
export async function hashFiles(
  pool: ChannelPool,
  remotePaths: readonly string[],
  options: HashOptions = {},
): Promise<ReadonlyMap<string, string | null>> {
  const paths = [...new Set(remotePaths)];
  if (paths.length === 0) return new Map();
  const { memory, signal } = options;
  return (
    (memory !== undefined && !hasOddNames(paths) ? await hashWhatChanged(pool, paths, memory, signal) : undefined) ??
    (await hashAll(pool, paths, signal))
  );
}

/** @returns undefined when the pod lacks a tool for it, or one of the files cannot be read */
async function hashWhatChanged(
  pool: ChannelPool,
  paths: readonly string[],
  memory: HashMemory,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string | null> | undefined> {
  const known = paths.map((path) => memory.get(path));
  const { stdout } = await exec(pool, changedScript(paths, known), { signal, readOnly: true });
  return readChanged(stdout, paths, known, memory);
}

/** What a changedScript said; undefined as above. */
export function readChanged(
  stdout: string,
  paths: readonly string[],
  known: readonly (HashedFile | undefined)[],
  memory: HashMemory,
): ReadonlyMap<string, string | null> | undefined {
  const [, differing, hashes = ''] = /^([\s\S]*)^hashes\n([\s\S]*)^end$/m.exec(stdout) ?? [];
  if (differing === undefined) return undefined;
  const nowS = Number(/^now (\d+)$/m.exec(differing)?.[1]);
  const told = [...differing.matchAll(/^(\d+) ([^\t\n]+)/gm)];
  const sums = hashes.match(/^[0-9a-f]{64}$/gm) ?? [];
  // One that went or cannot be read after its stamp was asked would give all that follow the hash of their neighbour.
  if (told.filter(([, , stamp]) => stamp !== '-').length !== sums.length) return undefined;
  const read = sums.values();
  const found = new Map<string, string | null>(paths.map((path, index) => [path, known[index]?.sha256 ?? null]));
  for (const [, index, stamp = ''] of told) {
    const path = paths[Number(index)] ?? '';
    const sha256 = stamp === '-' ? null : read.next().value;
    if (sha256 === undefined) return undefined;
    if (sha256 !== null && isOld(stamp, nowS)) memory.set(path, { stamp, sha256 });
    found.set(path, sha256);
  }
  return found;
}

/**
 * Prints `INDEX STAMP<tab>PATH` for each regular file that has not the stamp it is known by, `INDEX -` where there is none,
 * nothing for any other, after a line `now SECONDS`; then `hashes` and the SHA-256 of those with a stamp, in that order; `end`.
 * All but that line is in `$d` and `$s` then. It reads nothing from stdin.
 * All of it is left to programs that take many names at once: a shell needs longer for a thousand names than the line for a
 * round trip. The stamp is asked before the hash: a file that is written to meanwhile gets another one than it is known by.
 * Without GNU's xargs and stat there is no `end`.
 */
export function changedScript(paths: readonly string[], known: readonly (HashedFile | undefined)[]): string {
  return `${prologue}${defineSums}${defineLists(paths)}
[ -n "$fast" ] || command -v sha256sum >/dev/null 2>&1 || command -v shasum >/dev/null 2>&1 || exit 0
n=${quote(paths.join('\n'))}
k=${quote(known.map((file) => file?.stamp ?? '').join('\n'))}
date '+now %s' &
d=$({ printf '%s\\n' "$n"; echo; printf '%s\\n' "$k"; echo .
  printf '%s\\n' "$n" | xargs -d '\\n' stat -L -c '%F\t%s %.9Y %.9Z %i\t%n' 2>/dev/null; echo "ended $?"; } | awk -F '\t' '
  part == 0 { if ($0 == "") part++; else path[n++] = $0; next }
  part == 1 { if (m == n) part++; else known[m++] = $0; next }
  /^ended (0|123)$/ { ended = 1; next }
  $2 !~ /^[0-9]+ [0-9]+[.][0-9]+ [0-9]+[.][0-9]+ [0-9]+$/ { bad = 1 }
  $1 ~ /^regular / { found[substr($0, length($1) + length($2) + 3)] = $2 }
  END { if (bad || !ended) exit 1
    for (i = 0; i < n; i++) { p = path[i]
      if (!(p in found)) print i " -"
      else if (found[p] != known[i]) print i " " found[p] "\t" p } }') || exit 0
wait
printf '%s\\nhashes\\n' "$d"
s=; v=\${d#* }; v=\${v%% *}
case $d in *"\t"*)
  # The one small file that somebody works at needs fewer processes.
  if [ "\${d#*"$nl"}" = "$d" ] && [ \${#v} -lt 8 ]; then s=$(sum_of "\${d#*\t}")
  else s=$(printf '%s\\n' "$d" | sed -n 's/^[^\t]*\t//p' | tr '\\n' '\\0' | sumlist); fi;;
esac
printf '%s\\nend\\n' "$s"
`;
}

/**
 * A stamp is size, time of modification, time of change and inode: the last two tell what a tool that sets times hides. A write within the clock's step of the one before it leaves size and times as they were, so nothing is concluded from a young stamp.
 */
function isOld(stamp: string, nowS: number): boolean {
  const [, modifiedS = NaN, changedS = NaN] = stamp.split(' ').map(Number);
  return Math.max(modifiedS, changedS) < nowS - 2;
}

export async function hashAll(
  pool: ChannelPool,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string | null>> {
  const { stdout, stderr } = await exec(pool, hashScript(paths), { signal, readOnly: true });
  if (/^lacks$/m.test(stdout))
    throw new UserError('unsupported', 'The pod has none of sha256sum, shasum, openssl and python3. Install coreutils there.');
  const found = new Map<string, string | null>();
  for (const [, index, word = ''] of stdout.matchAll(/^(\d+) (\w+|-)$/gm)) {
    const path = paths[Number(index)] ?? '';
    if (word === 'unreadable') throw remoteFailure(`Reading ${path}`, stderr || 'Permission denied', { path });
    found.set(path, word === '-' ? null : word);
  }
  return found;
}

/**
 * Prints `INDEX HASH` for each regular file, `INDEX -` where there is none. One by one only if one of them cannot be read.
 * The lines go through sed, since a shell writes each by itself, and each would be a packet.
 */
function hashScript(paths: readonly string[]): string {
  return `${prologue}${defineSums}${defineLists(paths)}
have_sums || { echo lacks; exit 0; }
all() {
${paths.map((path, index) => `u ${index} ${quote(path)}`).join('\n')}
}
answer() {
n=0
u() { if [ -f "$2" ]; then n=$((n+1)); eval "i$n=$1; p$1=$n"; else echo "$1 -"; fi; }
all
[ $n != 0 ] || return
# By the numbers of the first pass: what came or went since must not shift them.
u() { eval "m=\\\${p$1-}"; [ -z "$m" ] || tell "$2"; }
all=$(all | sumlist 2>/dev/null)
m=0; for h in $all; do m=$((m+1)); done
if [ $m = $n ]; then
  m=0; for h in $all; do m=$((m+1)); eval "echo \\"\\$i$m $h\\""; done
else
  u() { [ -f "$2" ] || return; h=$(sums "$2") || h=; echo "$1 \${h:-unreadable}"; }
  all
fi
}
answer | sed ''
`;
}
