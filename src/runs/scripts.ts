import { posix } from 'node:path';
import { quote } from '../core/shell.ts';
import type { RunManifest } from './run.ts';

/** Folder of all runs of a project. */
export function runsFolder(remoteRoot: string): string {
  return posix.join(remoteRoot, '.runpod', 'runs');
}

/**
 * `rpo_stat PID` sets rpo_state, rpo_pgrp and rpo_start from /proc/PID/stat (proc(5): fields 3, 5 and 22). The line is
 * cut after its last `)`, because field 2 is the program's name and may hold anything. Only builtins: this runs in loops.
 * Where there is no /proc, it sets nothing.
 */
const statOf = `rpo_stat() {
  rpo_state= rpo_pgrp= rpo_start= rpo_line=
  { read -r rpo_line <"/proc/$1/stat"; } 2>/dev/null || :
  [ -n "$rpo_line" ] || return 0
  set -- \${rpo_line##*) }
  rpo_state=$1 rpo_pgrp=$3 rpo_start=\${20}
}`;

/**
 * `rpo_alive DIR`: true while the very process that DIR/pid names is there: not a later one with its number, and not a
 * zombie, which a container without an init keeps for ever (RunPod's PID 1 is `sleep`).
 */
const alive = `${statOf}
rpo_alive() {
  rpo_pid= rpo_was=
  { read -r rpo_pid rpo_was <"$1/pid"; } 2>/dev/null || return 1
  kill -0 "$rpo_pid" 2>/dev/null || return 1
  rpo_stat "$rpo_pid"
  case $rpo_state in Z | X) return 1 ;; esac
  [ -z "$rpo_was" ] || [ -z "$rpo_start" ] || [ "$rpo_was" = "$rpo_start" ]
}`;

/** `rpo_group PGID`: true while the process group has a member that is no zombie; it may outlive its leader. */
const group = `rpo_group() {
  [ -r /proc/self/stat ] || { kill -0 "-$1" 2>/dev/null; return; }
  for rpo_p in /proc/[0-9]*; do
    rpo_stat "\${rpo_p#/proc/}"
    [ "$rpo_pgrp" = "$1" ] || continue
    case $rpo_state in Z | X) ;; *) return 0 ;; esac
  done
  return 1
}`;

/**
 * The session leader of a run. It outlives SIGINT and SIGTERM to its group, so that it can write down how the command
 * ended. The command stands in a file of its own, so that a syntax error in it is its own exit status and not ours.
 */
function leader(folder: string): string {
  return `${statOf}
trap : INT TERM HUP
d=${quote(folder)}
rpo_stat "$$"
printf '%s %s\\n' "$$" "$rpo_start" >"$d/pid.new" && mv "$d/pid.new" "$d/pid"
if command -v bash >/dev/null 2>&1; then bash "$d/command.sh"; else sh "$d/command.sh"; fi
s=$?
printf '%s\\n' "$s" >"$d/exit.new" && mv "$d/exit.new" "$d/exit"
`;
}

/**
 * What the leader runs. The trap waits for the program in the foreground (a shell runs traps after it), which got the
 * signal too, and then ends with its status instead of going on to the next command of the line.
 */
function commandFile(setUp: string, command: string): string {
  return `trap 'exit $?' INT TERM HUP\n${setUp}\n${command}\n`;
}

/**
 * Takes run.json's line from stdin (with many sources it is longer than an argument may be), starts the leader in a
 * session of its own with stdin from /dev/null, and returns when it has written its pid.
 *
 * It must not be put in the background with `&`: a shell without job control makes an asynchronous command ignore
 * SIGINT (POSIX 2.11), Python then never raises KeyboardInterrupt, and a run could not be stopped gently.
 * `setsid -f` (util-linux) forks itself; elsewhere Python's own os.setsid does, and resets SIGINT.
 */
export function startScript(manifest: RunManifest, remoteRoot: string, setUp: string): string {
  const folder = posix.join(runsFolder(remoteRoot), manifest.id);
  const gitignore = quote(posix.join(remoteRoot, '.runpod', '.gitignore'));
  return `set -e
umask 022
mkdir -p ${quote(runsFolder(remoteRoot))}
[ -s ${gitignore} ] || echo '*' >${gitignore}
mkdir ${quote(folder)}
cd ${quote(folder)}
# A run that did not start leaves nothing behind. (dash says only "I/O error" of a full disk.)
failed() {
  [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -ge 64 ] 2>/dev/null || echo 'No space left on device' >&2
  cd / && rm -rf ${quote(folder)}
}
trap 's=$?; [ $s = 0 ] || failed; exit $s' EXIT
cat >run.json
printf '%s' ${quote(commandFile(setUp, manifest.command))} >command.sh
printf '%s' ${quote(leader(folder))} >run.sh
: >output.log
if setsid -f true 2>/dev/null; then
  setsid -f sh ./run.sh </dev/null >output.log 2>&1
else
  rpo_python=$(command -v python3 || command -v python) || { echo 'rpo: neither setsid nor python' >&2; exit 78; }
  "$rpo_python" -c 'import os, signal
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp("sh", ["sh", "./run.sh"])' </dev/null >output.log 2>&1
fi
n=0
while [ ! -s pid ] && [ "$n" -lt 100 ]; do n=$((n + 1)); sleep 0.05; done
[ -s pid ] || { echo 'rpo: the run did not start' >&2; exit 70; }
cat pid
`;
}

/** `rpo_time FILE`: its last change in seconds since 1970, with three decimals where stat knows them; 0 when it is not there. */
const time = `rpo_time() {
  rpo_t=$(stat -c %.3Y "$1" 2>/dev/null)
  case $rpo_t in '' | *[!0-9.]*) rpo_t=$(stat -c %Y "$1" 2>/dev/null || stat -f %m "$1" 2>/dev/null) ;; esac
  echo "\${rpo_t:-0}"
}`;

/**
 * Prints for each run folder one line `<id> <status> <pid or exit code> <stopped or -> <log bytes> <log mtime seconds> <now seconds>`,
 * of one that has ended also when run.json was written and when exit was, and then run.json's one line. `ids` empty: all of
 * them, newest last.
 */
export function listScript(remoteRoot: string, ids: readonly string[]): string {
  return `${alive}
${time}
cd ${quote(runsFolder(remoteRoot))} 2>/dev/null || exit 0
now=$(date +%s)
for d in ${ids.length > 0 ? ids.map(quote).join(' ') : '*'}; do
  [ -f "$d/run.json" ] || continue
  if [ -s "$d/exit" ]; then s="exited $(cat "$d/exit")"
  elif rpo_alive "$d"; then s="running $rpo_pid"
  elif [ -s "$d/exit" ]; then s="exited $(cat "$d/exit")"
  elif [ ! -e "$d/pid" ] && [ -n "$(find "$d/run.json" -newermt '-10 seconds' 2>/dev/null)" ]; then s='running 0'
  else s='vanished 0'; fi
  b=$(wc -c <"$d/output.log" 2>/dev/null || echo 0)
  m=$(stat -c %Y "$d/output.log" 2>/dev/null || stat -f %m "$d/output.log" 2>/dev/null || echo 0)
  [ -e "$d/stopped" ] && k=stopped || k=-
  n=$now
  case $s in exited*) n="$n $(rpo_time "$d/run.json") $(rpo_time "$d/exit")" ;; esac
  printf '%s %s %s %s %s %s\\n' "$d" "$s" "$k" $b "$m" "$n"
  head -n 1 "$d/run.json"
done
`;
}

/**
 * Writes output.log from byte `offset` on to stdout as it grows, and ends within half a second of the run's end.
 * It may end with bytes still unread (tail is killed by then): whoever follows reads on from the byte after the
 * last one it got until the log has no more.
 */
export function followScript(remoteRoot: string, id: string, offset: number): string {
  const folder = posix.join(runsFolder(remoteRoot), id);
  return `${alive}
d=${quote(folder)}
tail -c +${offset + 1} -f "$d/output.log" &
t=$!
trap 'kill $t 2>/dev/null' EXIT
while [ ! -s "$d/exit" ] && rpo_alive "$d"; do
  kill -0 $t 2>/dev/null || exit 75
  sleep 0.5
done
`;
}

/** output.log from byte `offset` on, at most `limit` bytes. */
export function readScript(remoteRoot: string, id: string, offset: number, limit: number): string {
  const log = posix.join(runsFolder(remoteRoot), id, 'output.log');
  // The exit status of a pipe is its last command's, so a log that is not there is looked for first.
  return `[ -r ${quote(log)} ] || { echo ${quote(`${log} is not there`)} >&2; exit 66; }
tail -c +${offset + 1} ${quote(log)} | head -c ${limit}`;
}

/** First a line `<bytes> <line ends>` of output.log as it is now, then its last bytes, at most `limit`. */
export function readEndScript(remoteRoot: string, id: string, limit: number): string {
  const log = posix.join(runsFolder(remoteRoot), id, 'output.log');
  // All three of the same moment: it may grow meanwhile.
  return `[ -r ${quote(log)} ] || { echo ${quote(`${log} is not there`)} >&2; exit 66; }
b=$(($(wc -c <${quote(log)})))
echo "$b $(($(head -c "$b" ${quote(log)} | wc -l)))"
n=${limit}
[ "$n" -lt "$b" ] || n=$b
tail -c +"$((b - n + 1))" ${quote(log)} | head -c "$n"`;
}

/**
 * Ends a run's process group, gently first: SIGINT (Python: KeyboardInterrupt, so that a checkpoint can be saved),
 * after `waits[0]` seconds SIGTERM, after `waits[1]` SIGKILL. Prints the last signal that was sent.
 */
export function stopScript(remoteRoot: string, id: string, waits: readonly [number, number]): string {
  const folder = posix.join(runsFolder(remoteRoot), id);
  return `${alive}
d=${quote(folder)}
${group}
rpo_wait() { n=0; while [ "$n" -lt "$1" ]; do rpo_group "$leader" || return 0; n=$((n + 1)); sleep 0.2; done; return 1; }
[ -s "$d/exit" ] && { echo none; exit 0; }
rpo_alive "$d" || { echo none; exit 0; }
leader=$rpo_pid
: >"$d/stopped"
sent=INT; kill -INT "-$leader" 2>/dev/null || :
if ! rpo_wait ${Math.round(waits[0] * 5)}; then
  sent=TERM; kill -TERM "-$leader" 2>/dev/null || :
  if ! rpo_wait ${Math.round(waits[1] * 5)}; then
    sent=KILL; kill -KILL "-$leader" 2>/dev/null || :
    rpo_wait 25 || :
    # The leader was killed with its group, so it is for us to write down how the run ended.
    [ -s "$d/exit" ] || { echo 137 >"$d/exit.new" && mv "$d/exit.new" "$d/exit"; }
  fi
fi
echo "$sent"
`;
}
