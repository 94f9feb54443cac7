import { posix } from 'node:path';
import { quote } from '../core/shell.ts';
import { type CacheUse, keepInCache } from './artifactCache.ts';
import type { PutOptions } from './pod.ts';
import { answers, type PlannedFile, removeRemains, tellStrangers, trapUndo, walkFolders } from './putScript.ts';
import { defineSums, hasOddNames, prologue } from './remoteShell.ts';

/**
 * The script that puts one small file in place, whose bytes come after it on stdin: what `putScript` does for a set, with a
 * third of the processes and a script short enough to be read in a millisecond, since this is what a person waits for.
 * It looks at the old copy after the payload has come, just before the rename. It answers as `putScript` does.
 */
export function putOneScript(file: PlannedFile, token: string, strangers: PutOptions['keepStrangers'], cache?: CacheUse): string {
  const folder = posix.dirname(file.remotePath);
  const name = posix.basename(file.remotePath);
  const allowed =
    file.expected.length === 0 ? '' : `case ' ${file.expected.join(' ')} ' in *" $h "*) ;; *) result refused 0; exit 0;; esac`;
  return `${prologue}${defineSums}${answers}
f=${quote(file.remotePath)}; d=${quote(folder)}; t=${quote(posix.join(folder, `.rpo-${token}`))}; kept=
has256=; command -v sha256sum >/dev/null 2>&1 && has256=1
have_sums || { result lacks sums; exit 0; }
[ -f "$f" ] || special "$f"
umask 022
${walkFolders([folder])}${removeRemains}undo() { cd /; rm -rf -- "$t"; [ -z "$kept" ] || rm -rf -- "$K"; unmakeFolders; }
${trapUndo}
noteFolders
removeRemains "$d"
[ -d "$d" ] || mkdir -p -- "$d" || fail folder
cat >"$t" || fail stage
h=-; if [ -f "$f" ]; then
  ${hashBoth(file.remotePath)}
else ${hashOne('w', '$t')} || fail stage; fi
[ "$w" = ${file.sha256} ] || fail verify
if [ "$h" = ${file.sha256} ]; then ${file.modeAsked ? `chmod ${file.mode} -- "$f" 2>/dev/null; ` : ''}result ok 0; exit 0; fi
${allowed}
${file.mode === '644' ? '' : `chmod ${file.mode} -- "$t" || fail mode`}
trap '' HUP INT TERM
${strangers ? keepStranger(file, folder, strangers) : ''}
[ -f "$f" ] || special "$f"
mv -f -- "$t" "$f" || fail rename
${name.endsWith('.py') ? forget(folder, name) : ''}
trap - EXIT
${strangers ? tellStrangers(strangers) : ''}
${cache ? keepInCache(cache, [file], () => '') : ''}
result ok
`;
}

/** Sets `w` to the SHA-256 of what came and `h` to that of what is there. One process for both, unless their names cannot be told apart in what it prints. */
function hashBoth(remotePath: string): string {
  if (hasOddNames([remotePath])) return `${hashOne('w', '$t')} && ${hashOne('h', '$f')} || fail look`;
  return `if [ -n "$has256" ]; then v=$(sha256sum -- "$t" "$f"); else v=$(sums "$t" "$f"); fi || fail look
  # Of one that cannot be read some tools say nothing, and do not fail either.
  case $v in *"$nl"*) ;; *) fail look;; esac
  w=\${v%% *}; w=\${w%%"$nl"*}; h=\${v#*"$nl"}; h=\${h%% *}`;
}

/** The name is on stdin, so nothing but the sum is printed; a substitution of one command is one process. */
function hashOne(variable: string, path: string): string {
  return `{ if [ -n "$has256" ]; then ${variable}=$(sha256sum <"${path}"); else ${variable}=$(sums "${path}"); fi && ${variable}=\${${variable}%% *}; }`;
}

function keepStranger(file: PlannedFile, folder: string, { root, folder: kept }: NonNullable<PutOptions['keepStrangers']>): string {
  const below = posix.join(kept, folder.startsWith(root === '/' ? '' : root) ? folder.slice(root === '/' ? 0 : root.length) : folder);
  return `
case ' - ${file.ours.join(' ')} ' in *" $h "*) ;; *)
  K=${quote(kept)}; kept=' 0'
  mkdir -p -- ${quote(below)} && { ln -- "$f" ${quote(below)}/ 2>/dev/null || cp -pPf -- "$f" ${quote(below)}/; } || fail keep;;
esac
`;
}

/** Python takes a .pyc for fresh when its source has the same size and the same second, as one deployed twice in a second may. */
function forget(folder: string, name: string): string {
  const compiled = `${quote(posix.join(folder, '__pycache__', `${name.slice(0, -3)}.`))}*.pyc`;
  return `for v in ${compiled}; do if [ -e "$v" ]; then rm -f -- ${compiled}; break; fi; done`;
}
