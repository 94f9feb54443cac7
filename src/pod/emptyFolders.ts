import { resolve } from 'node:path';
import { chunks } from '../core/chunks.ts';
import { quote, quoteAll } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { exec } from './exec.ts';
import { LocalTarget } from './localFile.ts';
import { remoteFailure } from './remoteFailure.ts';
import { prologue } from './remoteShell.ts';

/** `Pod.getEmptyFolders`. */
export async function getEmptyFolders(
  pool: ChannelPool,
  remoteFolder: string,
  localFolder: string,
  options: { readonly signal?: AbortSignal; readonly wants?: (path: string) => boolean } = {},
): Promise<void> {
  const wanted = (await listEmptyFolders(pool, remoteFolder, options)).filter(options.wants ?? (() => true));
  const target = new LocalTarget(resolve(localFolder));
  await target.during(async () => {
    for (const path of wanted) await target.makeFolderFor(target.pathOf(`${path}/what is in it`));
  });
}

async function listEmptyFolders(
  pool: ChannelPool,
  remoteFolder: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const script = `${prologue}
cd -- ${quote(remoteFolder)} 2>/dev/null || exit 0
if find . -maxdepth 0 -printf '' 2>/dev/null; then find . -mindepth 1 -name '.rpo-*' -prune -o -type d -empty -printf '%p\\0'
else find . -name '.rpo-*' -prune -o -type d -exec sh -c 'for f do [ "$f" = . ] || [ -n "$(ls -A "$f")" ] || printf "%s\\0" "$f"; done' sh {} +; fi 2>/dev/null
exit 0
`;
  const { stdout } = await exec(pool, script, { signal: options.signal, readOnly: true });
  return stdout.split('\0').flatMap((path) => (path.startsWith('./') ? [path.slice(2)] : []));
}

/** `Pod.makeFolders`. */
export async function makeFolders(
  pool: ChannelPool,
  remotePaths: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  if (remotePaths.length === 0) return;
  const groups = chunks(remotePaths, 200);
  const script = `${prologue}umask 022\n${groups.map((group) => `mkdir -p -- ${quoteAll(group)} || exit 1`).join('\n')}`;
  const { exitCode, stderr } = await exec(pool, script, { signal: options.signal });
  if (exitCode !== 0) throw remoteFailure('Making folders', stderr, { files: remotePaths });
}
