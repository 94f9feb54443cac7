import { isUserError, messageOf, UserError } from '../core/errors.ts';
import { timeSpan } from '../core/timeSpan.ts';

/** What is known about an attempt when it fails. */
export interface Attempt {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly timeoutMs: number;
  /** Labels of the keys that were shown to the server. */
  readonly offered: readonly string[];
}

interface SshError extends Error {
  readonly level?: string;
  readonly code?: string | number;
}

/** The sentence for a connection that could not be made; a UserError passes through. */
export function connectError(error: unknown, attempt: Attempt): UserError {
  if (isUserError(error)) return error;
  const { host, port } = attempt;
  const address = `${host}:${port}`;
  const fail = (reason: UserError['reason'], message: string) => new UserError(reason, message, { cause: error, details: { host, port } });
  const { level, code, message } =
    error instanceof Error ? (error as SshError) : { level: undefined, code: undefined, message: String(error) };

  if (level === 'client-authentication') {
    const keys = attempt.offered.length > 0 ? `It refused ${attempt.offered.join(', ')}.` : 'No key could be offered.';
    return fail(
      'auth-failed',
      `${address} does not let ${attempt.user} in. ${keys} Add the matching public key (the .pub file) to your RunPod account settings under "SSH public keys" and restart the pod, ` +
        'or append it to ~/.ssh/authorized_keys on the pod; and check that the user name is right (RunPod: root).',
    );
  }
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return fail(
        'unreachable',
        `The name ${host} has no address${code === 'EAI_AGAIN' ? ' right now' : ''}. Check its spelling and that this machine is online.`,
      );
    case 'ECONNREFUSED':
      return fail(
        'unreachable',
        `${address} refuses connections: nothing listens there. The pod may be stopped, still starting, or restarted with another port. ` +
          'Open its Connect menu and compare the address under "SSH over exposed TCP".',
      );
    case 'ETIMEDOUT':
      return fail(
        'unreachable',
        `${address} did not answer within ${timeSpan(attempt.timeoutMs)}. Check that the pod is running, that host and port are the present ones, and that no firewall or VPN is in between.`,
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return fail(
        'unreachable',
        `There is no route to ${host}. Check that this machine is online (VPN, Wi-Fi) and that the address is right.`,
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return fail(
        'unreachable',
        `${address} closed the connection during the greeting. The pod may still be starting, or its sshd refuses this machine; try again in a moment.`,
      );
    default:
  }
  if (level === 'protocol' || level === 'client-timeout' || /identification|banner|handshake|protocol/i.test(message)) {
    if (level === 'client-timeout' || /timed out/i.test(message)) {
      return fail(
        'unreachable',
        `${address} accepted the connection but did not answer as an SSH server. Check that the port is the one mapped to 22 and not an HTTP port of the pod.`,
      );
    }
    if (level === 'handshake' || /no matching|key exchange/i.test(message)) {
      return fail(
        'unsupported',
        `${address} and this program have no way of talking in common (${message}). Update the sshd on that machine.`,
      );
    }
    return fail(
      'unreachable',
      `What answers at ${address} is not an SSH server, or it hung up before its greeting. Check that the port is the one mapped to 22.`,
    );
  }
  return fail('unreachable', `No SSH connection to ${address}: ${messageOf(error)}. Check host and port, and that the pod is running.`);
}

/** The error for work that was under way when the connection went. */
export function connectionLost(
  name: string,
  cause?: unknown,
  state = 'What runs on the pod goes on; try again when it can be reached.',
): UserError {
  return new UserError('connection-lost', `The connection to ${name} was lost. ${state}`, { cause });
}
