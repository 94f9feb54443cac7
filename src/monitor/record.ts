/** What a log record that is a JSON object says of a failure. */
export interface ErrorRecord {
  /** Its message; may be empty. */
  readonly message: string;
  /** Lines of the traceback it carries, outermost first; empty when it has none. */
  readonly trace: readonly string[];
}

/** `{"level":"error","msg":"…"}` of structlog, loguru, python-json-logger, zap and their kin; or a traceback inside a string. */
const ERROR_RECORD =
  /^\s*\{.*(?:"(?:level|levelname|log\.level|log_level|severity|lvl)" ?: ?"(?:error|critical|fatal|exception)"|Traceback \(most recent call last\))/i;
/** A record is a line somebody wrote; a longer one is a dump. */
const MAX_RECORD = 32_000;
const MESSAGES: readonly string[] = ['message', 'msg', 'event', 'text', 'error', 'err', 'reason', 'detail'];

/** `{"log":"loss 0.5\\n","stream":"stdout","time":"…"}`: how Docker keeps a container's output. */
const CONTAINER = /^\{"log":"(?:[^"\\]|\\.)*","stream":"std(?:out|err)"/;

/** What a program printed, of a line in which its container keeps it; null when it is no such line. */
export function readContainerRecord(text: string): string | null {
  if (!CONTAINER.test(text)) return null;
  try {
    const { log } = JSON.parse(text) as { log: string };
    return (
      log
        .replace(/\n$/, '')
        .split('\r')
        .findLast((part) => part !== '') ?? ''
    );
  } catch {
    return null;
  }
}

/** The failure that a line in JSON tells, or null. The line is parsed only when it says that it is an error. */
export function readErrorRecord(text: string): ErrorRecord | null {
  if (text.length > MAX_RECORD || !ERROR_RECORD.test(text)) return null;
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof record !== 'object' || record === null) return null;
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(record)) if (typeof value === 'string') fields.set(name.toLowerCase(), value);
  const trace = [...fields.values()].find((value) => value.includes('Traceback (most recent call last)'));
  const message = MESSAGES.map((name) => fields.get(name)).find((value) => value !== undefined && value !== trace);
  return { message: message ?? '', trace: trace?.split('\n') ?? [] };
}
