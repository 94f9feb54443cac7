import { posix } from 'node:path';
import { chunks } from '../core/chunks.ts';
import { quote, quoteAll } from '../core/shell.ts';
import { askRoom } from './diskRoom.ts';
import { askHeld, type CacheUse, defineTake, keepInCache, takeOne } from './artifactCache.ts';
import { defineLists, defineSums, prologue } from './remoteShell.ts';
import type { PutOptions } from './pod.ts';
import { awaitLanes, closeLanes, type Lane, openLanes } from './putLanes.ts';
import { stagedPath, stagingFolder } from './staging.ts';
import { askParts, hashPart, type Part } from './uploadPart.ts';

/** One file as the script sees it. */
export interface PlannedFile {
  readonly remotePath: string;
  readonly bytes: number;
  /** Empty: it is known only when the file has been read to its end, and stdin tells it after the blocks (`blocksToHash`). */
  readonly sha256: string;
  /** Octal, for chmod. */
  readonly mode: string;
  /** Set the mode of an identical copy too: it was asked for. */
  readonly modeAsked: boolean;
  /** What the pod's copy may be now: SHA-256s and '-' for "not there"; empty: anything. */
  readonly expected: readonly string[];
  /** The SHA-256s that may be replaced without keeping them. */
  readonly ours: readonly string[];
}

/**
 * How the new bytes come: after the script on stdin, as a tar (compressed or not) or as the one file itself; or all of them lie in parts
 * already. 'probe' only looks, and tells what has to be sent.
 */
export type Payload = 'tar' | 'tar.gz' | 'raw' | 'parts' | 'probe';

/** Files of one folder that are handled by one call of each tool: a shell takes quadratic time to collect them. */
const groupSize = 100;

/**
 * The script that puts a set of files in place, all or none, in one request:
 *
 * 1. look: hash what is there, stop when a copy is not what was expected, or when nothing differs
 * 2. stage: make folders, hash the large files while they arrive (stdin tells it which blocks to expect), take the payload,
 *    and what the pod has under another name
 * 3. verify: hash what else arrived, set modes, and look again: an upload takes time
 * 4. commit: keep the old files as hard links, rename folder by folder, put the old ones back if one rename fails;
 *    what Python compiled of the old ones goes
 *
 * Whatever ends it before the commit (an error, a signal, the end of the connection) removes all it made.
 * The files are walked once a step by `all`, with the functions b(egin folder), u(se this file?) and g(roup of those used in a
 * folder) of that step. Starting a process costs the pod more than all the rest, so what need not be done folder by folder is
 * done for all files by one.
 * A symbolic link in a target's place is itself replaced, as git and rsync do; what it points to is left alone.
 *
 * It says one line: `rpo ok [index of each identical file]…`, `rpo refused INDEX…`, `rpo failed STEP`, `rpo lacks sums|tar|gzip`;
 * when probing, `rpo send [index of each identical file]…` with what askParts, askHeld and askRoom say before it.
 * Before that comes `rpo-took` when a tar was read, and `rpo-kept [index of each file that replaced a stranger]…` when strangers are to be kept.
 */
export function putScript(
  files: readonly PlannedFile[],
  token: string,
  payload: Payload,
  parts: readonly Part[],
  arriving: readonly Part[],
  strangers: PutOptions['keepStrangers'],
  lanes: readonly Lane[] = [],
  lanesIn = '',
  cache?: CacheUse,
  taken: ReadonlySet<number> = new Set(),
): string {
  const groups = groupFiles(files);
  const folders = [...new Set(groups.map((group) => group.folder))];
  const all = groups.map(({ folder, members }) =>
    [
      `b ${quote(folder)} && { set --`,
      ...members.map(({ file, index }) => {
        const expected = file.expected.length > 0 ? quote(` ${file.expected.join(' ')} `) : '';
        const facts = `w=${file.sha256 || '$W'}; x=${expected}; p=${file.modeAsked ? '1' : ''}; m=${file.mode}; y=${quote(` ${file.ours.join(' ')} `)}`;
        return `n=${quote(posix.basename(file.remotePath))}; ${facts}; u ${index} && set -- "$@" "./$n"`;
      }),
      'g "$@"; }',
    ].join('\n'),
  );
  const staging = [
    ...chunks(folders, groupSize).map(
      (some) =>
        `"$@" ${quoteAll(some.flatMap((folder) => [stagingFolder(folder, token), `${stagingFolder(folder, token)}.old`]))} || return`,
    ),
    ...(lanes.length > 0 ? [`"$@" ${quote(lanesIn)}`] : []),
  ];
  // Nothing needs to be compared where nothing is.
  const mayAllBeNew = files.every(({ expected }) => expected.length === 0 || expected.includes('-'));
  const modes = [...new Set(files.map(({ mode }) => mode))];
  const single = files[0];
  const take: Record<Payload, string> = {
    tar: 'tar -xomf - -C /',
    'tar.gz': 'gzip -dc | tar -xomf - -C /',
    raw: `cat >${quote(stagedPath(single?.remotePath ?? '/', token))}`,
    parts: ':',
    probe: ':',
  };

  return `${prologue}${defineSums}
R=.rpo-${token}; saved=; kept=; W=
${answers}
all() {
${all.join('\n')}
}
staging() {
${staging.join('\n')}
}
${walkFolders(folders)}
none() { b() { f=$1; }; g() { :; }; }
have_sums || { result lacks sums; exit 0; }
${payload.startsWith('tar') || payload === 'probe' ? lackTar(files.length > parts.length) : ''}
${payload === 'tar.gz' || lanes.length > 0 ? 'command -v gzip >/dev/null 2>&1 || { result lacks gzip; exit 0; }' : ''}
big=${parts.length > 0 ? 1 : ''}; ${defineLists(files.map(({ remotePath }) => remotePath))}

look() {
  c=0; bad=; none
  u() { eval "e$1="; if [ -f "$f/$n" ]; then c=$((c+1)); eval "e$1=$c"; else special "$f/$n"; fi; return 1; }
  all
  [ $c = 0 ] && return
  k=0
  u() { existed "$1" && tell "$f/$n"; return 1; }
  for v in $(all | sumlist); do k=$((k+1)); eval "h$k=$v"; done
  [ $k = $c ] || fail look
}
now() { eval "j=\\\${e$1-}"; h=-; if [ -n "$j" ]; then eval "h=\\$h$j"; fi; }
changed() { eval "[ -z \\"\\\${s$1-}\\" ]"; }
existed() { eval "[ -n \\"\\\${e$1-}\\" ]"; }

# Python takes a .pyc for fresh when its source has the same size and the same second, as one deployed twice in a second may.
forget() {
  [ -d ../__pycache__ ] || return 0
  for v do shift; case $v in *.py) v=\${v#./}; set -- "$@" "../__pycache__/\${v%.py}."*.pyc;; esac; done
  [ $# = 0 ] || rm -f -- "$@"
}

putBack() {
  [ -n "$saved" ] || return 0
  b() { cd -- "$1"; }
  u() { changed "$1" || return 1; existed "$1" && return 0; [ -e "$R/$n" ] || rm -f -- "./$n"; return 1; }
  g() { [ $# = 0 ] || (cd -- "$R.old" && mv -f -- "$@" ../) 2>/dev/null; }
  all
}

look
same=; differ=${files.length}
none
u() {
  now "$1"; eval "o$1=$h"
  if [ "$h" = "$w" ]; then eval "s$1=1"; same="$same $1"; differ=$((differ-1)); return 1; fi
  case $x in ''|*" $h "*) ;; *) bad="$bad $1";; esac
  return 1
}
${mayAllBeNew ? '[ $c = 0 ] || ' : ''}all
[ -z "$bad" ] || { result refused$bad; exit 0; }
if [ -n "$same" ]; then
  for M in ${modes.join(' ')}; do
    u() { [ "$m" = $M ] && [ -n "$p" ] && ! changed "$1"; }
    b() { cd -- "$1" 2>/dev/null; }
    g() { [ $# = 0 ] || chmod $M -- "$@" 2>/dev/null; }
    all
  done
  cd /
else changed() { :; }
fi
[ $differ != 0 ] || { result ok$same; exit 0; }
${
  payload === 'probe'
    ? `${askParts(parts)}${
        cache
          ? askHeld(
              cache,
              parts.map(({ index, source: { bytes } }) => ({ index, bytes })),
            )
          : ''
      }${askRoom(parts)}result send$same; exit 0`
    : ''
}

umask 022
undo() {
  cd /
  ${lanes.length > 0 ? closeLanes(lanesIn) : ''}
  staging rm -rf --
  [ -z "$kept" ] || rm -rf -- "$K"
  unmakeFolders
}
${arriving.length > 0 ? hashPart : ''}
${trapUndo}
noteFolders
${removeRemains}
b() { removeRemains "$1"; return 1; }
all
staging mkdir -p -- || fail folder
${lanes.length > 0 ? openLanes(lanesIn) : ''}
${arriving.map((part) => checkPart(part, files[part.index]?.sha256 ?? '')).join('')}
${take[payload]} || fail stage
${payload.startsWith('tar') ? 'echo rpo-took' : ''}
${lanes.length > 0 ? awaitLanes(lanes) : ''}
# Last, so that a payload that breaks off leaves the parts for the next attempt.
${cache && taken.size > 0 ? defineTake(cache.folder) : ''}
${parts
  .map((part) => {
    const { index, partPath, source } = part;
    const staged = stagedPath(source.remotePath, token);
    const file = files[index];
    const remains = quote(`${partPath}.done`);
    return cache && file && taken.has(index)
      ? `changed ${index} && { ${takeOne(cache, file, index, staged)}; rm -f -- ${quote(partPath)} ${remains}; }`
      : `changed ${index} && { mv -f -- ${quote(partPath)} ${quote(staged)} && rm -f -- ${remains} || fail stage; }`;
  })
  .join('\n')}

unproved() { changed "$1" && eval "[ -z \\"\\\${q$1-}\\" ]"; }
none
u() { unproved "$1" && echo "$w"; return 1; }
want=$(all)
u() { unproved "$1" && tell "$f/$R/$n"; return 1; }
[ -z "$want" ] || [ "$(all | sumlist)" = "$want" ] || fail verify
${modes.map((mode) => setMode(mode, payload, parts)).join('')}
${files.some((file) => file.expected.length > 0) ? recheck : ''}
trap '' HUP INT TERM
if [ $c != 0 ]; then :
${keepFiles}
${strangers ? keepStrangers(strangers) : ''}
${files.length > 1 ? keepOld : ''}
fi
saved=${files.length > 1 ? '1' : ''}
b() { cd -- "$1/$R"; }
u() { changed "$1"; }
g() { [ $# = 0 ] && return; mv -f -- "$@" ../ || { putBack; fail rename; }; forget "$@"; }
all
trap - EXIT
cd /; staging rm -rf --
${strangers ? tellStrangers(strangers) : ''}
${cache ? keepInCache(cache, files, (index) => `changed ${index} && `) : ''}
result ok$same
`;
}

/** How a script says how it went. */
export const answers = `
result() { printf 'rpo %s\\n' "$*"; }
fail() { result failed "$1"; exit 1; }
# A folder is not replaced, nor is what is no file at all: a device, a pipe, a socket.
special() { [ -d "$1" ] && fail directory; [ -e "$1" ] && fail special; }
`;

/** Until the commit, any end takes away what was made. A connection that is gone must not end the script before it has tidied up. */
export const trapUndo = trapEnd('undo');

/** Any end of the script calls the function, which then no second signal breaks off: a cancel ends both the input and the process group. */
export function trapEnd(name: string): string {
  return `trap "trap '' HUP INT TERM; ${name}" EXIT
trap '' PIPE
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM`;
}

/** Defines removeRemains FOLDER: what a killed upload left there long ago. */
export const removeRemains = `
removeRemains() { for v in "$1"/.rpo-*; do if [ -e "$v" ]; then find "$1" -maxdepth 1 -name '.rpo-*' -mtime +1 -exec rm -rf {} + ; break; fi; done 2>/dev/null; }
`;

/** Defines noteFolders, which remembers which of these folders and those above them are missing, and unmakeFolders, which removes those again. */
export function walkFolders(folders: readonly string[]): string {
  // Deepest first, so that what was made can be taken away again in this order.
  const ancestors = [...new Set(folders.flatMap(ancestorsOf))].sort((a, b) => b.length - a.length);
  return `dirs() {
${ancestors.map((folder, index) => `d ${index} ${quote(folder)}`).join('\n')}
}
noteFolders() { d() { [ -d "$2" ] || eval "m$1=1"; }; dirs; }
unmakeFolders() { d() { eval "[ -n \\"\\\${m$1-}\\" ]" && rmdir -- "$2" 2>/dev/null; }; dirs; }`;
}

/** A part is hashed while it arrives; one that is not as it should be is of no use to a later attempt either. */
function checkPart({ index, partPath, source }: Part, sha256: string): string {
  return `
if changed ${index}; then
  hash_part ${quote(partPath)} || fail stage
  [ "$q" = ${sha256 || '"$W"'} ] && [ "$(($(size_of "$f")))" = ${source.bytes} ] || { rm -f -- "$f" "$f.done"; fail verify; }
  q${index}=$q
else while read -r v W && [ "$v" != whole ]; do :; done; fi
`;
}

function lackTar(needed: boolean): string {
  return needed ? 'command -v tar >/dev/null 2>&1 || { result lacks tar; exit 0; }' : '';
}

/** What tar or cat wrote under our umask has its mode already; parts, and modes that others may write by, have not. */
function setMode(mode: string, payload: Payload, parts: readonly Part[]): string {
  const fromTar = payload.startsWith('tar') && (parseInt(mode, 8) & ~0o755) === 0;
  if (parts.length === 0 && (fromTar || (payload === 'raw' && mode === '644'))) return '';
  return `
b() { cd -- "$1/$R"; }
u() { [ "$m" = ${mode} ] && changed "$1"; }
g() { [ $# = 0 ] || chmod ${mode} -- "$@" || fail mode; }
all
`;
}

/**
 * Defines `keep FOLDER FILE…`. A hard link costs nothing; some network file systems have none, and Linux gives none of a file
 * of somebody else (fs.protected_hardlinks), though it may be replaced.
 */
export const keepFiles = `
keep() { k=$1; shift; ln -- "$@" "$k/" 2>/dev/null && return; for v do [ -e "$k/$v" ] || cp -pPf -- "$v" "$k/" || return 1; done; }
`;

const recheck = `
look
none
u() { [ -n "$x" ] || return 1; now "$1"; eval "[ \\"\\\${o$1--}\\" = \\"$h\\" ]" || bad="$bad $1"; return 1; }
all
[ -z "$bad" ] || { result refused$bad; exit 0; }
`;

/** A set is renamed folder by folder, so the old ones are kept until the last is done. */
const keepOld = `
b() { cd -- "$1"; }
u() { changed "$1" && existed "$1"; }
g() { [ $# = 0 ] || keep "$R.old" "$@" || fail keep; }
all
`;

/** How many folders of strangers stay. */
const mostKept = 10;

/** What is replaced and was not ours can be had back: a second name for it costs nothing, and a copy little. */
function keepStrangers({ root, folder }: NonNullable<PutOptions['keepStrangers']>): string {
  return `
K=${quote(folder)}; Z=${quote(root === '/' ? '' : root)}
b() { cd -- "$1" && t=$K\${1#"$Z"}; }
u() { changed "$1" && existed "$1" || return 1; eval "v=\\\${o$1--}"; case $y in *" $v "*) return 1;; *) kept="$kept $1";; esac; }
g() { [ $# = 0 ] || { mkdir -p -- "$t" && keep "$t" "$@"; } || fail keep; }
all
`;
}

export function tellStrangers({ folder }: NonNullable<PutOptions['keepStrangers']>): string {
  return `
if [ -n "$kept" ] && cd -- ${quote(posix.dirname(folder))}; then
  # Sorted by the clocks of those who deployed; the last to come stays, whatever its own says.
  set -- */; while [ $# -gt ${mostKept} ]; do [ "$1" = ${quote(`${posix.basename(folder)}/`)} ] || rm -rf -- "$1"; shift; done
fi
printf 'rpo-kept%s\\n' "$kept"
`;
}

/** By folder; a folder of many files counts as several. */
function groupFiles(files: readonly PlannedFile[]) {
  const byFolder = new Map<string, { file: PlannedFile; index: number }[]>();
  files.forEach((file, index) => {
    const folder = posix.dirname(file.remotePath);
    const members = byFolder.get(folder) ?? [];
    byFolder.set(folder, members);
    members.push({ file, index });
  });
  return [...byFolder].flatMap(([folder, all]) => chunks(all, groupSize).map((members) => ({ folder, members })));
}

function ancestorsOf(folder: string): string[] {
  return folder === '/' ? [] : [folder, ...ancestorsOf(posix.dirname(folder))];
}
