/**
 * Why something a user asked for could not be done. Code branches on the reason, never on the text.
 * One word per thing a user would do differently about it.
 */
export type Reason =
  | 'not-configured' // no runpod.json, no pod chosen, no command for a model
  | 'bad-config' // a value in runpod.json or pods.json is wrong
  | 'bad-argument' // a value given on the command line, by an agent, in a dialog
  | 'unreachable' // no TCP connection: host, port, network, pod not running
  | 'interactive-only' // ssh.runpod.io: no exec, no files
  | 'auth-failed' // the server refused every key
  | 'key-missing' // the identity file is not there or cannot be read
  | 'key-permissions' // the identity file can be read by others
  | 'key-passphrase' // the identity file is encrypted and no passphrase was given
  | 'host-key-changed' // not the key we remembered
  | 'host-key-unknown' // strict, and never seen
  | 'connection-lost' // was connected, is not any more
  | 'local-missing' // a local file is not there
  | 'local-failed' // a local file cannot be read or written
  | 'outside-project' // a local file that has no place on the pod
  | 'remote-missing' // a file on the pod is not there
  | 'remote-changed' // the pod's copy is not what we last deployed
  | 'remote-denied' // no permission on the pod
  | 'remote-full' // no space left on the pod
  | 'remote-failed' // the pod answered, and it did not work
  | 'transfer-corrupt' // the bytes that arrived are not the bytes sent
  | 'unsupported' // the pod or this machine lacks something needed
  | 'timeout'
  | 'cancelled'
  | 'run-unknown' // no run with that id
  | 'not-allowed' // an owner's limit on what agents may do
  | 'run-failed'; // training ended with a failure

/**
 * The one error that may be shown as it is, without a stack: its message is a whole sentence of what
 * happened, followed by what to do next. Anything else that reaches a face is a bug of ours.
 */
export class UserError extends Error {
  override readonly name = 'UserError';

  constructor(
    readonly reason: Reason,
    message: string,
    options?: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.details = options?.details ?? {};
  }

  /** Facts for a program: fingerprints, paths, ids. Never needed to understand the message. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** True for a UserError, with that reason if one is given; works across bundles, where `instanceof` does not. */
export function isUserError(error: unknown, reason?: Reason): error is UserError {
  return error instanceof Error && error.name === 'UserError' && (reason === undefined || (error as UserError).reason === reason);
}

/** The sentence for any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Throws the 'cancelled' UserError when the signal is already aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new UserError('cancelled', `${what} was cancelled.`);
}
