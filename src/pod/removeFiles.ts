import { posix } from 'node:path';
import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { commandEnding } from './ending.ts';
import { exec } from './exec.ts';
import type { FileToRemove } from './pod.ts';
import { refusal } from './putAnswer.ts';
import { remoteFailure } from './remoteFailure.ts';
import { defineSums, prologue } from './remoteShell.ts';

/** `Pod.removeFiles`: looks at all of them before the first goes. */
export async function removeFiles(
  pool: ChannelPool,
  files: readonly FileToRemove[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  if (files.length === 0) return [];
  const script = `${prologue}${defineSums}
have_sums || { echo lacks >&2; exit 1; }
bad=
look() { [ -e "$2" ] || [ -L "$2" ] || return; if [ -f "$2" ] && [ "$(sum_of "$2")" = "$3" ]; then eval "go$1=1"; else bad="$bad $1"; fi; }
${files.map(({ remotePath, expected }, index) => `look ${index} ${quote(remotePath)} ${quote(expected)}`).join('\n')}
[ -z "$bad" ] || { echo "rpo refused$bad"; exit 0; }
remove() { eval "[ -n \\"\\\${go$1-}\\" ]" || return; rm -f -- "$2" || exit 1; echo "rpo removed $1"; rmdir -- "$3" 2>/dev/null; }
${files.map(({ remotePath }, index) => `remove ${index} ${quote(remotePath)} ${quote(posix.dirname(remotePath))}`).join('\n')}
exit 0
`;
  const { exitCode, stdout, stderr } = await exec(pool, script, { signal: options.signal, ending: commandEnding });
  const pathOf = (index: string) => files[Number(index)]?.remotePath ?? '?';
  const refused = /^rpo refused(.*)$/m.exec(stdout)?.[1]?.trim();
  if (refused) throw refusal(refused.split(' ').map(pathOf));
  if (exitCode !== 0) throw remoteFailure(`Deleting ${files.length === 1 ? pathOf('0') : `${files.length} files`}`, stderr);
  return [...stdout.matchAll(/^rpo removed (\d+)$/gm)].map(([, index = '']) => pathOf(index));
}
