import type { Rule } from './rule.ts';
import { FILE_RULES } from './rules/files.ts';
import { GPU_RULES } from './rules/gpu.ts';
import { LAUNCH_RULES } from './rules/launch.ts';
import { MEMORY_RULES } from './rules/memory.ts';
import { SERVICE_RULES } from './rules/services.ts';
import { TENSOR_RULES } from './rules/tensors.ts';
import { TRAINING_RULES } from './rules/training.ts';

/** Every rule, in order of precedence: the first that matches names the kind. */
export const RULES: readonly Rule[] = [
  ...MEMORY_RULES,
  ...TRAINING_RULES,
  ...TENSOR_RULES,
  ...GPU_RULES,
  ...SERVICE_RULES,
  ...FILE_RULES,
  ...LAUNCH_RULES,
];

const EXCEPTION_RULES = RULES.filter((rule) => rule.on === 'exception');
const LINE_RULES = RULES.filter((rule) => rule.on === 'line');

export interface Match {
  readonly rule: Rule;
  readonly match: RegExpExecArray;
}

function first(rules: readonly Rule[], text: string): Match | null {
  for (const rule of rules) {
    const match = rule.pattern.exec(text);
    if (match) return { rule, match };
  }
  return null;
}

/** The most specific kind of an exception, from its `Name: message` (the first 500 units are looked at). */
export function classifyException(text: string): Match | null {
  const start = text.length > 500 ? text.slice(0, 500) : text;
  let match = recent.get(start);
  if (match === undefined) {
    match = first(EXCEPTION_RULES, start);
    if (recent.size >= 100) recent.clear();
    recent.set(start, match);
  }
  return match;
}

/** Ranks fail alike, and loops fail again: what was said lately is not looked up again. */
const recent = new Map<string, Match | null>();

/**
 * What native programs (darknet, Caffe, CNTK, ONNX Runtime, Paddle, XLA, bitsandbytes) print of an error that a Python library would have raised: `CUDA Error: out of memory`,
 * `Check failed: error == cudaSuccess (35 vs. 0)  CUDA driver version is insufficient`, `Check failed: ok == OkStatus() (INTERNAL: …`,
 * `CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR ; GPU=0`, `Execution of replica 0 failed: INTERNAL: …`.
 */
const NATIVE =
  /^(?!.{0,160}[Ww]arning)(?:.{0,160}\W)?(?:(?:CUDA|[Cc]uda) (?:Runtime )?[Ee]rror: |cudaGetLastError |CU[A-Z]{2,6} failure \d+: |\w{1,60} == \w{0,60}(?:SUCCESS|Success) \(\d+ vs\. \d+\) +|Check failed: [^(]{1,60}(?:\(\))? \((?=[A-Z_]{5,30}: )|Error (?=CUDA driver )|Execution of replica \d+ failed: )(.{1,300})/;

/**
 * The last line of a program that glog or TensorFlow's logger aborts: `F0210 10:00:00.123456  4184 io.cpp:36] Check failed: fd != -1 (-1 vs. -1) File not found: net.prototxt`,
 * `2024-01-01 10:00:00.123456: F tensorflow/core/x.cc:73] Check failed: …`. It is read like an exception of that name.
 */
const FATAL =
  /^(?:F\d{4} [\d:.]{8,20} +\d{1,20} |[\d-]{10} [\d:.]{8,20}: F )[\w./+-]{1,160}:\d{1,6}\] (?=Check failed: |Non-OK-status: )(.{1,400})/;

/** What stands before, or within, a sentence that speaks of a failure instead of reporting one; Optuna’s of a trial, which is followed by the next one, or by a traceback. */
const ABOUT =
  /\bTrial \d{1,6} failed with parameters: |\b(?:if|when(?:ever)?|should|in case|unless) (?:you|your|the|an?|it|there|this|that|any)\b[^.]*$|\b(?:avoid(?:s|ing)?|prevent(?:s|ing)?|fight(?:s|ing)?|combat|mitigate|against|check(?:s|ing)? (?!failed)(?:for )?|detect(?:s|ing) |monitor(?:s|ing)? for|criteria|condition|tips?|hint|e\.g\.|for example|such as|docs? says?)\b[^.]*$/i;
/** Right before what is not there: `no mode collapse detected`. */
const ABSENT = /\b(?:no|without) (?:\w{1,20} )?$/i;
/** What follows such a sentence, or one about a failure that was overcome. */
const OVERCOME =
  /^ (?:means|usually|typically) |^\W{0,3}(?:\w+ )?(?:guards?|handl(?:ers?|ing)|protection|checks?|check(?:er|ing)|detect(?:ion|or)|criteri\w+|callback|penalty|threshold)\b|^.{0,40}?(?:\b(?:restarting|retrying|skipp(?:ed|ing)|ignor(?:ed|ing)(?! explicit)|earlier|previously|resuming)\b|\.{3} ?(?:none|no|ok|off)\b| -+> ?\w+)/i;

function isAbout(text: string, { index, 0: matched }: RegExpExecArray): boolean {
  const end = index + matched.length;
  const sentence = /^[^.]{0,160}/.exec(matched)![0];
  const before = text.slice(Math.max(0, index - 160), index);
  return ABSENT.test(before) || ABOUT.test(before + sentence) || OVERCOME.test(text.slice(end, end + 80));
}

/** What a line by itself says. Both ends of a long line are looked at: `Killed` stands behind the progress bar. */
export function classifyLine(text: string): Match | null {
  const ends = text.length > 1_000 ? `${text.slice(0, 600)} ${text.slice(-400)}` : text;
  const match = first(LINE_RULES, ends);
  if (match) return isAbout(ends, match.match) ? null : match;
  const native = NATIVE.exec(ends)?.[1];
  if (native !== undefined) return ABOUT.test(ends.slice(0, ends.indexOf(native))) ? null : classifyException(`CUDA error: ${native}`);
  const fatal = FATAL.exec(ends)?.[1];
  return fatal === undefined ? null : classifyException(fatal);
}

/**
 * Words of which every line rule's sample has one: lines without any are not looked at. Kept true by a test over all samples.
 * Case-sensitive alternatives keep it fast.
 */
export const LINE_GATE =
  /rror|ERROR|Exception: |Check failed|Non-OK-status|Killed|kill|OOM|out of mem|memory|o space left|low on resource|phemeral local|quota|nan|NaN|[Ll]oss (?:is|became|was)|Invalid loss|non-finite|ollapse|redict|xplo|radient norm|CUDA|NVML|NVRM|GPU (?:has|is)|Assertion|NCCL|DistBackend|CUDNN|CUBLAS|cuDNN|CuDNN|egmentation fault|SIG|signal|Abort|Fatal|terminate called|exitcode|exit|return code|│ (?:No such|Invalid|Missing|Got)|Could not consume|core dumped|corrupt|free\(\)|malloc|munmap|realloc|stack smashing|No module|module spec|Permission|uthentication|ncoder|retrained|re-trained|No such|can't open|CANCELLED|TIME LIMIT|PBS|pot |reempted|PREEMPT|TERM|Terminated|walltime|time limit|Hangup|Could not|Cannot find|FATAL|Primary config|segfault|Bus error|Illegal|Floating point|not found|on the pod|failed to run command|Unknown command|executable file|not recognized|fallen off|replica|not logged in|worker died|is not in struct|locating target|resolve host|unable to access|curl: |Err:|Failed to fetch|does not exist|doesn't exist|is missing|Parser key|c10d|required argument|cublas|cudaSuccess|cudaGetLast|watchdog|[Pp]reempt|subset of ranks|Termination timeout|Barrier timed|NVIDIA-SMI has|No devices were|terminated with code|Segfault|Cannot load symbol|Unable to load any|mismatched input|You must specify|Unrecognized|ssh: connect|rsync: |manifest unknown|pull access/;
