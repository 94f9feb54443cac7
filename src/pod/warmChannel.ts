import { randomBytes } from 'node:crypto';
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

/** Says `<nonce> <process group>`; the group is field 5 of stat(5), and our comm "(sh)" holds no space. */
const announce = (nonce: string) => `
rpo_g=$$; if [ -r /proc/$$/stat ]; then read -r rpo_a rpo_a rpo_a rpo_a rpo_g rpo_a </proc/$$/stat; unset rpo_a; fi
printf '%s %s\\n' ${nonce} "$rpo_g"; unset rpo_g
`;

/** Several lines as one line of shell that has the same effect; `rpo_nl` must hold a newline. */
export function asOneLine(script: string): string {
  return `eval ${script.split('\n').map(quote).join('"$rpo_nl"')}\n`;
}

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
    /** Process group of everything the request starts, or 0 when the pod did not say. */
    readonly processGroup: number,
  ) {}

  /**
   * Opens a session and waits until its shell is ready to read. What a login script prints before that is dropped.
   *
   * @throws SessionRefused, NoShell, UserError 'connection-lost'.
   */
  static async open(connection: Connection): Promise<WarmChannel> {
    const channel = await connection.openSession(bootstrap);
    const nonce = `rpo-${randomBytes(9).toString('base64url')}`;
    // A default IFS ends in a newline, which is the one way to name one in a single line without a fork.
    const askedMs = performance.now();
    channel.write('rpo_nl="${IFS#??}"; ' + asOneLine(takeEnvironment() + announce(nonce) + 'IFS= read -r rpo_line; eval "$rpo_line"'));
    const processGroup = await new Promise<number>((resolve, reject) => {
      let text = '';
      const onData = (chunk: Buffer) => {
        text += chunk.toString('latin1');
        const ready = new RegExp(`${nonce} (\\d+)\\n`).exec(text);
        if (!ready) {
          // A greeting of any length may come first; only the tail can hold the nonce.
          text = text.slice(-256);
          return;
        }
        connection.answeredWithin(performance.now() - askedMs);
        finish(() => resolve(Number(ready[1])));
      };
      // The end of a connection ends its channels first, so a moment has to tell which of the two it was.
      const tellWhy = () => reject(connection.isOpen ? new NoShell(connection.name) : connectionLost(connection.name));
      const onClose = () => finish(() => setTimeout(tellWhy, momentMs));
      const dropStderr = () => {};
      const timer = setTimeout(() => {
        channel.destroy();
        finish(() => reject(notReady(connection.name)));
      }, readyWithinMs);
      const finish = (then: () => void) => {
        clearTimeout(timer);
        forget();
        // Flowing on, or the end of a parked channel would go unnoticed.
        channel.off('data', onData).off('close', onClose).resume();
        channel.stderr.off('data', dropStderr).resume();
        then();
      };
      channel.on('data', onData).on('close', onClose);
      channel.stderr.on('data', dropStderr);
      const forget = connection.onClosed(onClose);
    });
    return new WarmChannel(channel, connection, processGroup);
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
