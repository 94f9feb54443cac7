import { UserError } from '../core/errors.ts';
import { lastLine } from '../core/lastLine.ts';
import { quote } from '../core/shell.ts';
import type { Pod } from '../pod/pod.ts';
import { brokenDriver } from './gpu.ts';

/** What nvidia-smi tells of one GPU; null: this GPU does not tell ("[N/A]"). */
export interface Gpu {
  readonly index: number;
  readonly name: string;
  readonly usePercent: number | null;
  readonly memoryUsedMiB: number | null;
  readonly memoryMiB: number | null;
  readonly celsius: number | null;
}

/** A process that holds memory of a GPU; of other containers, too, as far as the driver shows them. */
export interface GpuProcess {
  readonly pid: number;
  /** Its program, as nvidia-smi calls it. */
  readonly program: string;
  readonly memory: string;
  /** The process that leads its session; null where the process is not one of this pod. */
  readonly session: number | null;
}

export interface GpuStatus {
  readonly gpus: readonly Gpu[];
  readonly processes: readonly GpuProcess[];
  /** Why there is nothing to tell, and what to do; null when nvidia-smi answered. */
  readonly problem: string | null;
}

/**
 * A driver that hangs must not hang us. `own PID PROGRAM`: whether a process of that id is here and is that program:
 * in a container nvidia-smi may tell ids of the machine, which mean other processes here.
 */
const functions = `smi() { if command -v timeout >/dev/null 2>&1; then timeout 20 nvidia-smi "$@"; else nvidia-smi "$@"; fi; }
processes() { smi --query-compute-apps=pid,process_name,used_memory --format=csv,noheader; }
base() { b=\${1%% *}; printf '%s' "\${b##*/}"; }
own() {
  [ -r "/proc/$1/stat" ] || return 1
  want=$(base "$2")
  [ "$want" = "$(base "$(readlink "/proc/$1/exe" 2>/dev/null)")" ] ||
    [ "$want" = "$(base "$(tr '\\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)")" ] ||
    [ "$want" = "$(cat "/proc/$1/comm" 2>/dev/null)" ]
}
# Fields of /proc/PID/stat behind the program's name, which may hold blanks: 4 is the session, 20 when it started.
field() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f "$2"; }
`;

/** All of it in one trip. */
const statusScript = `${functions}
command -v nvidia-smi >/dev/null 2>&1 || { echo missing; exit 0; }
out=$(smi --query-gpu=index,name,utilization.gpu,memory.used,memory.total,temperature.gpu --format=csv,noheader,nounits 2>&1) ||
  { printf 'error %s %s\\n' "$?" "$(printf '%s\\n' "$out" | head -n 1)"; exit 0; }
printf '%s\\n' "$out" | sed 's/^/gpu /'
processes 2>/dev/null | while IFS= read -r line; do
  pid=\${line%%,*}; rest=\${line#*, }
  own "$pid" "\${rest%, *}" && session=$(field "$pid" 4) || session=
  printf 'process %s|%s\\n' "$session" "$line"
done
exit 0`;

/** What the GPUs do, and for whom. One round trip. */
export async function gpuStatus(pod: Pod, signal?: AbortSignal): Promise<GpuStatus> {
  const { stdout } = await pod.exec(statusScript, { timeoutMs: 60_000, signal, readOnly: true });
  return parseGpuStatus(stdout);
}

/** What the script above answers. */
export function parseGpuStatus(text: string): GpuStatus {
  const lines = text.split('\n');
  const rest = (start: string) => lines.flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []));
  if (lines.includes('missing')) return { gpus: [], processes: [], problem: 'There is no GPU, or no nvidia-smi to ask it.' };
  const [failure] = rest('error ');
  if (failure !== undefined) return { gpus: [], processes: [], problem: problemOf(failure) };
  const gpus = rest('gpu ').flatMap((line): Gpu[] => {
    const [index, name, ...values] = line.split(', ');
    if (!/^\d+$/.test(index ?? '') || name === undefined) return [];
    const [usePercent = null, memoryUsedMiB = null, memoryMiB = null, celsius = null] = values.map((value) =>
      /^[\d.]+$/.test(value.trim()) ? Number(value) : null,
    );
    return [{ index: Number(index), name, usePercent, memoryUsedMiB, memoryMiB, celsius }];
  });
  const processes = rest('process ').flatMap((line): GpuProcess[] => {
    const [, session = '', pid, program = '', memory = ''] = /^(\d*)\|(\d+), (.*), ([^,]*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), program, memory, session: session === '' ? null : Number(session) }];
  });
  return { gpus, processes, problem: gpus.length > 0 ? null : 'nvidia-smi lists no GPU.' };
}

/** `STATUS FIRST-LINE` of an nvidia-smi that failed. */
function problemOf(failure: string): string {
  const [, status = '', said = ''] = /^(\d+) ?(.*)$/.exec(failure) ?? [];
  // What timeout(1) says of a program that it had to end.
  if (status === '124') return 'nvidia-smi did not answer within 20 s: the driver hangs. Start another pod.';
  const seen = `nvidia-smi failed with exit code ${status}${said === '' ? '' : `: ${said}`}`;
  return `${seen}${/[.!?]$/.test(seen) ? '' : '.'} ${brokenDriver(said) ?? 'Start the pod again with a GPU, or train on the CPU.'}`;
}

/**
 * SIGTERM, and SIGKILL to what still lives after that, to exactly one process: one that nvidia-smi reports now and that is
 * this very program here. Which signal it took is the exit code of the script.
 */
function killScript(pid: number, waitSeconds: number): string {
  return `${functions}
pid=${pid}
line=$(processes 2>/dev/null | grep "^$pid, " | head -n 1)
[ -n "$line" ] || exit 3
rest=\${line#*, }
own "$pid" "\${rest%, *}" || exit 4
born=$(field "$pid" 20)
# A zombie is no longer on the GPU. Another start time: another process, to which the number went.
alive() { [ "$(field "$pid" 20)" = "$born" ] && [ "$(field "$pid" 1)" != Z ]; }
for signal in TERM KILL; do
  alive || break
  kill -s "$signal" "$pid" || exit 5
  last=$signal
  n=0
  while alive && [ "$n" -lt ${waitSeconds * 5} ]; do sleep 0.2 2>/dev/null || sleep 1; n=$((n + 1)); done
done
alive && exit 6
printf '%s\\n' "$last"`;
}

/**
 * Ends one process on a GPU.
 *
 * @param waitSeconds How long it may take to end after each signal.
 * @returns The signal that it took.
 * @throws UserError 'bad-argument' for a process that is not on a GPU, 'unsupported' for one of another container,
 *   'remote-denied' for one of another user, 'remote-failed' when it lives on
 */
export async function killGpuProcess(
  pod: Pod,
  pid: number,
  { waitSeconds = 10, signal }: { readonly waitSeconds?: number; readonly signal?: AbortSignal } = {},
): Promise<'TERM' | 'KILL'> {
  const timeoutMs = 60_000 + 2000 * waitSeconds;
  const { exitCode, stdout, stderr } = await pod.exec(`sh -c ${quote(killScript(pid, waitSeconds))}`, { timeoutMs, signal });
  switch (exitCode) {
    case 0:
      return stdout.trim() === 'KILL' ? 'KILL' : 'TERM';
    case 3:
      throw new UserError(
        'bad-argument',
        `nvidia-smi reports no process ${pid} on a GPU of ${pod.name}. \`rpo gpu\` lists those there are.`,
      );
    case 4:
      throw new UserError(
        'unsupported',
        `Process ${pid} is on the GPU, but is none of this container: nvidia-smi tells the number it has on the machine. Restart the pod to end it, or ask whoever started it.`,
      );
    case 5:
      throw new UserError('remote-denied', `Process ${pid} may not be ended by this user: ${lastLine(stderr)}.`);
    case 6:
      throw new UserError(
        'remote-failed',
        `Process ${pid} lives on after SIGKILL: it waits for the driver. Only a restart of the pod ends it.`,
      );
    default:
      throw new UserError('remote-failed', `Process ${pid} could not be ended: ${lastLine(stderr)}. Look with \`rpo gpu\`.`);
  }
}
