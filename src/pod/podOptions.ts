import type { PodEntry } from '../project/schema.ts';
import type { PodOptions } from './pod.ts';
import { optionsOfSshConfig } from './sshConfig.ts';

/** Where a RunPod pod is now. */
export type FindPod = (podId: string) => Promise<{ readonly host: string; readonly port: number; readonly user: string }>;

/**
 * An entry of pods.json as what is needed to reach it. A pod given by its id is looked up now, and again before each reconnect.
 *
 * @throws UserError 'unsupported', 'not-configured', 'bad-config' (~/.ssh/config), and what `findPod` throws
 */
export async function podOptions(entry: PodEntry, base: Omit<PodOptions, 'host'>, findPod: FindPod): Promise<PodOptions> {
  if ('sshConfigHost' in entry) {
    const { hostKeys, ...rest } = base;
    return { ...(await optionsOfSshConfig(entry.sshConfigHost)), ...rest, ...(hostKeys === undefined ? {} : { hostKeys }) };
  }
  if ('podId' in entry) {
    const { podId, identityFile } = entry;
    // Remembered by its id: the next address is the same pod, and the next pod at this address is another.
    return { ...base, ...(await findPod(podId)), identityFile, hostKeyAlias: podId, locate: () => findPod(podId) };
  }
  const { host, port, user, identityFile } = entry;
  return { ...base, host, port, user, identityFile };
}
