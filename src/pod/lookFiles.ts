import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { exec } from './exec.ts';
import type { ListOptions, RemoteFile } from './pod.ts';
import { remoteFailure } from './remoteFailure.ts';
import { defineSums, prologue } from './remoteShell.ts';

interface HashOptions {
  readonly signal?: AbortSignal;
}

/** What find says about links that lead nowhere or in a circle: nothing is lost by them. */
const brokenLink = /File system loop detected|Too many levels of symbolic links|No such file or directory/;

/**
 * `Pod.listFiles`. Our own staging folders are no files of the user. NUL between entries, since a name may hold a newline.
 * Only GNU find knows when links to folders lead in a circle; with any other they are not entered, links to files still are.
 */
export async function listFiles(pool: ChannelPool, remoteFolder: string, options: ListOptions = {}): Promise<readonly RemoteFile[]> {
  const script = `${prologue}
f=${quote(remoteFolder)}
[ -d "$f" ] || { [ ! -e "$f" ] || exit 4; exit 3; }
cd -- "$f" || exit 1
if find . -maxdepth 0 -printf '' 2>/dev/null; then find -L . -name '.rpo-*' -prune -o -type f -printf '%s %T@ %p\\0'
else find . -name '.rpo-*' -prune -o \\( -type f -o -type l \\) -exec sh -c 'for f do [ -f "$f" ] && s=$(stat -L -c "%s %Y" -- "$f") && printf "%s %s\\0" "$s" "$f"; done; :' sh {} +; fi
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

/** `Pod.hashFiles`. */
export async function hashFiles(
  pool: ChannelPool,
  remotePaths: readonly string[],
  options: HashOptions = {},
): Promise<ReadonlyMap<string, string | null>> {
  const paths = [...new Set(remotePaths)];
  if (paths.length === 0) return new Map();
  const groups = Array.from({ length: Math.ceil(paths.length / 200) }, (_, index) => paths.slice(index * 200, (index + 1) * 200));
  const script = `${prologue}${defineSums}
have_sums || { echo lacks; exit 0; }
i=-1
# Prints "INDEX HASH" for each regular file; all of a group by one call, one by one only if one of them cannot be read.
hashes() {
  is=
  for f do shift; i=$((i+1)); if [ -f "$f" ]; then is="$is $i"; set -- "$@" "$f"; fi; done
  [ $# = 0 ] && return
  all=$(sums "$@" 2>/dev/null)
  n=0; for h in $all; do n=$((n+1)); done
  if [ $n != $# ]; then all=; for f do h=$(sums "$f") || h=; all="$all \${h:-unreadable}"; done; fi
  set -- $is
  for h in $all; do echo "$1 $h"; shift; done
}
${groups.map((group) => `hashes ${group.map(quote).join(' ')}`).join('\n')}
`;
  const { stdout, stderr } = await exec(pool, script, { signal: options.signal, readOnly: true });
  if (/^lacks$/m.test(stdout))
    throw new UserError('unsupported', 'The pod has none of sha256sum, shasum, openssl and python3. Install coreutils there.');
  const found = new Map<string, string | null>(paths.map((path) => [path, null]));
  for (const [, index, hash] of stdout.matchAll(/^(\d+) (\w+)$/gm)) {
    const path = paths[Number(index)] ?? '';
    if (hash === 'unreadable') throw remoteFailure(`Reading ${path}`, stderr || 'Permission denied', { path });
    found.set(path, hash ?? null);
  }
  return found;
}
