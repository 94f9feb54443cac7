import { UserError } from '../core/errors.ts';
import type { PodEntry } from '../project/schema.ts';
import type { PodOptions } from './pod.ts';
import { optionsOfSshConfig } from './sshConfig.ts';

/**
 * An entry of pods.json as what is needed to reach it.
 *
 * @throws UserError 'unsupported', 'not-configured', 'bad-config' (~/.ssh/config)
 */
export async function podOptions(entry: PodEntry, base: Omit<PodOptions, 'host'>): Promise<PodOptions> {
  if ('sshConfigHost' in entry) {
    const { hostKeys, ...rest } = base;
    return { ...(await optionsOfSshConfig(entry.sshConfigHost)), ...rest, ...(hostKeys === undefined ? {} : { hostKeys }) };
  }
  if ('podId' in entry) {
    throw new UserError(
      'unsupported',
      `A pod given by its id (${entry.podId}) cannot be looked up yet. Add it with the SSH line that RunPod shows under Connect, "SSH over exposed TCP".`,
    );
  }
  const { host, port, user, identityFile } = entry;
  return { ...base, host, port, user, identityFile };
}
