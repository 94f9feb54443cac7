/** What launchers and loggers put before each line a process prints. */
export interface Prefixed {
  /** The line without prefixes; its own indentation is kept. */
  readonly text: string;
  /** Who printed it (rank, pid, worker), or '' when the line does not say. */
  readonly who: string;
  /** Units cut off. */
  readonly cut: number;
}

/**
 * Prefixes that name the printing process. The sample stands beside each; at most one space after it belongs to it, the rest is the line's indentation.
 */
const WHO: readonly RegExp[] = [
  /^\[(rank\d+)\]:? ?/, // [rank3]: RuntimeError: ...            (torch >= 2.2)
  /^\[(?:default)?(\d{1,4})\]:/, // [default0]:Training epoch 0   (torchrun --tee)
  /^\[(\d+,\d+)\]<std(?:err|out)>: ?/, // [1,3]<stderr>: ...      (mpirun)
  /^(\d{1,4}): (?=\s|[A-Z]\w*(?:Error|Exception)|Traceback|RuntimeError)/, // 12: Traceback ...   (srun -l)
  /^\(([\w.:-]+(?: [\w.:=-]+)? ?(?:pid|ip)=[^)]{1,80})\) ?/, // (train_fn pid=123, ip=10.0.0.1) ...  (Ray, vLLM)
  /^\((pid=\d+)\) ?/, // (pid=123) ...
  // A host's name has a digit, a point or a dash: `wandb: ` and `error: ` are none.
  /^(?=[^:]*[\d.-])((?:[\w-]{1,60}\.){0,6}[a-z\d][\w-]{0,60}): (?=\[rank\d|Traceback \(| {2}|[\w.]+(?:Error|Exception)\b)/, // 172.27.221.56: [rank5]:   File ...   (pdsh, DeepSpeed on several hosts)
];

/** Prefixes of loggers: a time, often with name and level. Bounded wherever two parts could share what they match: a rule of dashes behind a time is an ordinary line. */
const LOGGER: readonly RegExp[] = [
  // 2024-06-01T10:00:00.123456789Z stderr F text   (Kubernetes) is one of them
  // 2024-05-01 12:00:00,123 - name - ERROR - text ; [2024-05-01T12:00:00Z] text ; 05/15 03:33:41 - mmengine - INFO - text ; 2024-05-01 12:00:00.123456: E text   (TensorFlow)
  /^[\[(]?\d{2,4}[-/]\d\d(?:[-/]\d{2,4})?[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[\])]?(?: (?:stdout|stderr) [FP](?= |$))?(?:[ :|-]{1,20}(?:[\w.\[\]$<>]{1,60}(?:[:-]{1,2}[\w.\[\]$<>]{1,60}){0,8}[ :|-]{1,20}){0,3}?(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)[ :|\]-]+)?(?:\[[\w.:/-]+\] ?)?(?: - )?(?:: (?=[IWEF] ))? ?/,
  // ERROR 09-12 03:04:05 core.py:700] text ; ERROR 05-01 10:00:00 [core.py:396] text   (vLLM, glog)
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL|[IWEF]\d{4})\s{1,20}[\d:. -]{1,60}(?:\d{1,20} )?\[?[\w./]{1,200}(?::\d{1,9})?\] ?/,
  // [ERROR] text
  /^\[(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\] /,
  // ERROR:root:text
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+:/,
];

const MAYBE = /^[\[(\d]|^(?:[IWEF]\d{4}|DEBUG|INFO|WARN|ERROR|CRIT)|^[\w.-]{1,60}: (?:\[rank|Traceback| {2}|[\w.]+(?:Error|Exception)\b)/;

/** Cuts launchers' and loggers' prefixes off a line. */
export function stripPrefix(line: string): Prefixed {
  let text = line;
  let who = '';
  for (let round = 0; round < 4 && MAYBE.test(text); round++) {
    const before = text.length;
    for (const pattern of WHO) {
      const match = pattern.exec(text);
      if (!match) continue;
      // The inner prefix knows best: a host has many ranks.
      who = alone(match[1]!);
      text = text.slice(match[0].length);
      break;
    }
    for (const pattern of LOGGER) {
      const match = pattern.exec(text);
      if (!match || match[0] === '') continue;
      text = text.slice(match[0].length);
      break;
    }
    if (text.length === before) break;
  }
  return { text, who, cut: line.length - text.length };
}

/** A copy that stands for itself: a slice keeps the whole block alive that it was cut from, and who printed is remembered for long. */
function alone(text: string): string {
  return ` ${text}`.slice(1);
}
