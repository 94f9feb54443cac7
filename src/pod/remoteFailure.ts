import { UserError } from '../core/errors.ts';

/** The error for work on the pod that failed, from what its tools said (in English: see `prologue`). */
export function remoteFailure(what: string, stderr: string, details: Readonly<Record<string, unknown>> = {}): UserError {
  const said = stderr.trim().split('\n').filter(Boolean).slice(-2).join('; ');
  if (/No space left on device|Disk quota exceeded|File too large|not enough space|Wrote only \d+ of \d+ bytes/i.test(stderr)) {
    return new UserError(
      'remote-full',
      `${what} failed: the pod has no room left (${said}). Delete checkpoints or caches there (\`du -xsh /workspace/*\`), or give the pod a larger volume. What was there before is untouched.`,
      { details },
    );
  }
  if (/Permission denied|Operation not permitted|Read-only file system/i.test(stderr)) {
    return new UserError(
      'remote-denied',
      `${what} failed: the pod does not permit it (${said}). Check the owner and mode of that folder, or deploy below /workspace.`,
      { details },
    );
  }
  return new UserError('remote-failed', `${what} failed on the pod: ${said || 'it did not say why'}.`, { details });
}
