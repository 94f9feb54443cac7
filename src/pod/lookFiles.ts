import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { exec } from './exec.ts';
import type { HashedFile, HashOptions, ListOptions, RemoteFile } from './pod.ts';
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
  const { memory } = options;
  const known = paths.map((path) => memory?.get(path));
  const { stdout, stderr } = await exec(pool, hashScript(paths, memory && known), { signal: options.signal, readOnly: true });
  if (/^lacks$/m.test(stdout))
    throw new UserError('unsupported', 'The pod has none of sha256sum, shasum, openssl and python3. Install coreutils there.');
  const nowS = Number(/^now (\d+)$/m.exec(stdout)?.[1]);
  const found = new Map<string, string | null>(paths.map((path, index) => [path, known[index]?.sha256 ?? null]));
  for (const [, index, word = '', stamp = ''] of stdout.matchAll(/^(\d+) (\w+|-) ?(.*)$/gm)) {
    const path = paths[Number(index)] ?? '';
    if (word === 'unreadable') throw remoteFailure(`Reading ${path}`, stderr || 'Permission denied', { path });
    if (word !== '-' && stamp !== '' && isOld(stamp, nowS)) memory?.set(path, { stamp, sha256: word });
    found.set(path, word === '-' ? null : word);
  }
  return found;
}

/** A write within the clock's step of the one before it leaves size and times as they were, so nothing is concluded from a young stamp. */
function isOld(stamp: string, nowS: number): boolean {
  const [, modifiedS = NaN, changedS = NaN] = stamp.split(' ').map(Number);
  return Math.max(modifiedS, changedS) < nowS - 2;
}

/**
 * Prints `INDEX HASH [STAMP]` for each regular file that was read, `INDEX -` where there is none, nothing for one that has the
 * stamp it is known by, and `now SECONDS`. One by one only if one of them cannot be read. The lines go through sed, since a shell
 * writes each by itself, and each would be a packet.
 */
function hashScript(paths: readonly string[], known: readonly (HashedFile | undefined)[] | undefined): string {
  const withStamps = known !== undefined && !hasOddNames(paths);
  return `${prologue}${defineSums}${defineLists(paths)}
have_sums || { echo lacks; exit 0; }
all() {
${paths.map((path, index) => `u ${index} ${quote(path)} ${withStamps ? quote(known[index]?.stamp ?? '') : ''}`).join('\n')}
}
answer() {
n=0
u() { if [ -f "$2" ]; then n=$((n+1)); eval "i$n=$1; p$1=$n; w$n=\\$3; s$n="; else echo "$1 -"; fi; }
all
[ $n != 0 ] || return
${withStamps ? readStamps : ''}
need=; j=0
while [ $j -lt $n ]; do
  j=$((j+1)); eval "s=\\$s$j; w=\\$w$j"
  [ -n "$s" ] && [ "$s" = "$w" ] || need="$need $j"
done
[ -n "$need" ] || return
# By the numbers of the first pass: what came or went since must not shift them.
u() { eval "m=\\\${p$1-}"; [ -n "$m" ] || return; case "$need " in *" $m "*) tell "$2";; esac; }
all=$(all | sumlist 2>/dev/null)
m=0; for h in $all; do m=$((m+1)); done
set -- $need
if [ $m = $# ]; then
  for h in $all; do eval "echo \\"\\$i$1 $h \\$s$1\\""; shift; done
else
  u() { [ -f "$2" ] || return; h=$(sums "$2") || h=; echo "$1 \${h:-unreadable}"; }
  all
fi
}
answer | sed ''
`;
}

/** Size, time of modification, time of change and inode: the last two tell what a tool that sets times hides. */
const readStamps = `
IFS=$nl; j=0
u() { eval "m=\\\${p$1-}"; [ -n "$m" ] && tell "$2"; }
for v in $(all | xargs -0 stat -L -c '%s %.9Y %.9Z %i' 2>/dev/null); do j=$((j+1)); case $v in *.*.*) eval "s$j=\\$v";; esac; done
unset IFS
if [ $j != $n ]; then while [ $j -gt 0 ]; do eval "s$j="; j=$((j-1)); done; fi
echo "now $(date +%s)"
`;
