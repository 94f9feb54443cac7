import { posix } from 'node:path';
import { quote } from '../core/shell.ts';
import type { Pod } from '../pod/pod.ts';

/** Where large files that were put on the pod have their second names, below the remote root. See pod/artifactCache.ts. */
export const cacheFolder = '.runpod/cache';

/** How many bytes would be free without the cache: of what it holds, that which has no other name any more. */
export async function cacheSize(pod: Pod, remoteRoot: string, signal?: AbortSignal): Promise<number> {
  const folder = quote(posix.join(remoteRoot, cacheFolder));
  const { stdout } = await pod.exec(`cd -- ${folder} 2>/dev/null && LC_ALL=C ls -n`, { signal, readOnly: true });
  return [...stdout.matchAll(/^-\S* +1 +\d+ +\d+ +(\d+) .*$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
