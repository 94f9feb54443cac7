import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import { connectionLost } from './connectError.ts';
import type { Connection } from './connection.ts';

/**
 * A session that waits on the pod for one line of shell, so that a request costs one round trip.
 *
 * The command given to sshd is understood by any login shell (no quote, backslash, `!` or newline inside the single
 * quotes). It reads a line and runs it; that line, sent ahead of need, takes over the container's environment, says
 * where it stands and reads the request. `read` takes its input byte by byte, so all that follows a line reaches the
 * command that the line starts, untouched.
 */
const bootstrap = `exec sh -c 'IFS= read -r rpo_line; eval "$rpo_line"'`;

/**
 * Container environment. RunPod sets a pod's variables for PID 1 only; a session of sshd has none of them. The official
 * images leave a copy in /etc/rp_environment (written without escaping, so it is tried in a subshell first: a syntax
 * error would end this shell). Others are known as pods by RUNPOD_POD_ID in PID 1's environment, and from there we take
 * what this session lacks; any other machine's PID 1 is left alone. PATH is a special case: every session has one, but
 * an image's own (conda, CUDA) is in PID 1's.
 * NUL and newline change places while it is read, since a shell variable cannot hold a NUL: one fork for all of it.
 */
export const takeEnvironment = (copy = '/etc/rp_environment', first = '/proc/1/environ') => `
rpo_c=; rpo_e=
if [ -r ${copy} ] && (. ${copy}) >/dev/null 2>&1 </dev/null; then . ${copy} >/dev/null 2>&1 </dev/null; rpo_c=1; fi
[ -r ${first} ] && rpo_e=$(tr '\\n\\0' '\\1\\n' 2>/dev/null <${first})
case $rpo_e in RUNPOD_POD_ID=*|*"$rpo_nl"RUNPOD_POD_ID=*)
  set -f; IFS=$rpo_nl; rpo_1=$(printf '\\1')
  for rpo_kv in $rpo_e; do
    rpo_k=\${rpo_kv%%=*}; rpo_v=\${rpo_kv#*=}
    case $rpo_k in ''|[0-9]*|*[!A-Za-z0-9_]*|HOME|USER|LOGNAME|PWD|OLDPWD|SHELL|SHLVL|TERM|HOSTNAME|MAIL|IFS|_) continue;; esac
    while case $rpo_v in *"$rpo_1"*) :;; *) false;; esac; do rpo_v=\${rpo_v%%"$rpo_1"*}$rpo_nl\${rpo_v#*"$rpo_1"}; done
    if [ "$rpo_k" = PATH ]; then [ -n "$rpo_c" ] || { PATH=$rpo_v:$PATH; export PATH; }
    elif eval '[ -z "\${'"$rpo_k"'+x}" ]'; then export "$rpo_k=$rpo_v"; fi
  done
  unset IFS; set +f
esac
unset rpo_c rpo_e rpo_kv rpo_k rpo_v rpo_1
`;

/**
 * Says `<nonce> <process group>`; the group is field 5 of stat(5), and our comm "(sh)" holds no space. Before that the nonce on
 * stderr: what follows on either is the request's.
 */
const announce = (nonce: string) => `
rpo_g=$$; if [ -r /proc/$$/stat ]; then read -r rpo_a rpo_a rpo_a rpo_a rpo_g rpo_a </proc/$$/stat; unset rpo_a; fi
printf '%s\\n' ${nonce} >&2; printf '%s %s\\n' ${nonce} "$rpo_g"; unset rpo_g
`;

/** Several lines as one line of shell that has the same effect; `rpo_nl` must hold a newline. */
export function asOneLine(script: string): string {
  return `eval ${script.split('\n').map(quote).join('"$rpo_nl"')}\n`;
}

/** Characters: the nonce, a blank and a number. */
const longestAnnouncement = 64;

const momentMs = 100;

/** A slow machine takes a second; a login script that waits for somebody to type takes for ever. */
const readyWithinMs = 30_000;

function notReady(pod: string): UserError {
  return new UserError(
    'timeout',
    `${pod} lets you in, but its login shell was not ready after ${readyWithinMs / 1000} s. Look whether ~/.profile or ~/.bashrc there waits for input or for a program that hangs.`,
  );
}

/** The machine lets us in and ends whatever we start: it runs a command of its own instead. */
export class NoShell extends UserError {
  constructor(pod: string) {
    super(
      'unsupported',
      `${pod} lets you in but runs no commands: its sshd has a ForceCommand, or the login shell is not one. Single files can go there if it offers SFTP; training needs a shell, so remove that setting or use another user.`,
    );
  }
}

export class WarmChannel {
  private constructor(
    readonly channel: ClientChannel,
    readonly connection: Connection,
    /**
     * Process group of everything the request starts, or 0 when the pod did not say. Settles when its shell reads requests;
     * what was sent before waits there. Rejects with NoShell, UserError 'timeout', 'connection-lost'.
     */
    readonly processGroup: Promise<number>,
  ) {
    processGroup.catch(() => {}); // whoever sends a request awaits it as well
  }

  /**
   * Opens a session. What a login script prints before our shell is ready is dropped.
   *
   * @throws SessionRefused, UserError 'connection-lost'.
   */
  static async open(connection: Connection): Promise<WarmChannel> {
    const channel = await connection.openSessionEarly(bootstrap);
    const nonce = `rpo-${randomBytes(9).toString('base64url')}`;
    const announced = whenAnnounced(channel, connection, nonce);
    // A default IFS ends in a newline, which is the one way to name one in a single line without a fork.
    channel.write('rpo_nl="${IFS#??}"; ' + asOneLine(takeEnvironment() + announce(nonce) + 'IFS= read -r rpo_line; eval "$rpo_line"'));
    // Flowing, or the end of a parked channel would go unnoticed.
    channel.resume();
    channel.stderr.resume();
    return new WarmChannel(channel, connection, announced);
  }

  /** Sends the line that is waited for, and what that one reads; the rest of stdin belongs to it. Its output waits until somebody reads. */
  send(line: string): void {
    this.channel.pause();
    this.channel.stderr.pause();
    this.channel.write(line);
  }

  /**
   * The "signal" request of RFC 4254, 6.9, which OpenSSH delivers to the whole process group. It may follow our EOF, but
   * ssh2's own `channel.signal` does nothing once stdin was ended, so it is sent one floor below.
   */
  signal(name: 'TERM' | 'KILL'): void {
    const channel = this.channel as unknown as {
      readonly outgoing: { readonly id: number; readonly state: string };
      readonly _client: { readonly _protocol: { signal(id: number, name: string): void } };
    };
    if (channel.outgoing.state === 'open' || channel.outgoing.state === 'eof') channel._client._protocol.signal(channel.outgoing.id, name);
  }
}

function whenAnnounced(channel: ClientChannel, connection: Connection, nonce: string): Promise<number> {
  const askedMs = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(notReady(connection.name));
      channel.destroy();
    }, readyWithinMs);
    dropUntil(channel.stderr, new RegExp(`${nonce}\\n`), { onEnd: (end) => end() });
    dropUntil(channel, new RegExp(`${nonce} (\\d+)\\n`), {
      onFound: (processGroup) => {
        clearTimeout(timer);
        forget();
        connection.answeredWithin(performance.now() - askedMs);
        resolve(Number(processGroup));
      },
      onEnd: (end) => setTimeout(tellWhy, momentMs, end),
    });
    // The end of a connection ends its channels first, so a moment has to tell which of the two it was.
    const tellWhy = (end: () => void) => {
      clearTimeout(timer);
      forget();
      reject(connection.isOpen ? new NoShell(connection.name) : connectionLost(connection.name));
      setImmediate(end); // who reads it is to know why first
    };
    const forget = connection.onClosed(() => reject(connectionLost(connection.name)));
  });
}

/**
 * Keeps from a stream's readers what comes before a line and the line itself. A greeting of any length may come first.
 *
 * @param onEnd told when it ends before; the end is kept back until the function that it is given is called
 */
function dropUntil(
  stream: Readable,
  line: RegExp,
  { onFound, onEnd }: { readonly onFound?: (told: string | undefined) => void; readonly onEnd: (end: () => void) => void },
): void {
  let text = '';
  let hasEnded = false;
  const passOn = () => Reflect.deleteProperty(stream, 'push');
  stream.push = (chunk: Buffer | null) => {
    if (chunk === null) {
      const isFirst = !hasEnded;
      hasEnded = true;
      if (isFirst) onEnd(() => passOn() && stream.push(null));
      return false;
    }
    text += chunk.toString('latin1');
    const found = line.exec(text);
    if (!found) {
      text = text.slice(-longestAnnouncement);
      return true;
    }
    passOn();
    onFound?.(found[1]);
    const restBytes = text.length - found.index - found[0].length;
    return restBytes === 0 || stream.push(chunk.subarray(chunk.length - restBytes));
  };
}
