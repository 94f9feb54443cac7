import { UserError } from '../core/errors.ts';
import type { ChannelPool } from './channelPool.ts';
import type { Ending } from './ending.ts';
import { exec } from './exec.ts';
import type { PutFile } from './pod.ts';
import { remoteFailure } from './remoteFailure.ts';
import { changedMeanwhile, hasChanged, type Source } from './source.ts';

/** Runs a putScript. Once it has said that all is in place, no cancel and no lost connection undoes that. */
export async function askPod(
  pool: ChannelPool,
  script: string,
  options: {
    readonly stdin?: AsyncIterable<Uint8Array>;
    readonly signal?: AbortSignal;
    readonly ending: Ending;
    /** It has read all that was sent. */
    readonly onTook: () => void;
  },
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  let stdout = '';
  try {
    const onStdout = (chunk: Buffer) => {
      if (stdout === '' && chunk.toString('latin1').startsWith('rpo-took')) options.onTook();
      stdout += chunk.toString('latin1');
    };
    return await exec(pool, script, { ...options, onStdout });
  } catch (error) {
    if (!/^rpo ok.*\n/m.test(stdout)) throw error;
    return { stdout, stderr: '' };
  }
}

/** Indices of the files that were there already, of those that took the place of a stranger, and of those that came from the cache. */
export interface Outcome {
  readonly same: ReadonlySet<number>;
  readonly strangers: ReadonlySet<number>;
  readonly taken?: ReadonlySet<number>;
}

export type Answer =
  (Outcome & { readonly kind: 'ok' | 'send'; readonly said: string }) | { readonly kind: 'lacks tar' | 'lacks gzip' | 'occupied' };

/**
 * Reads what a script of `putScript` or its like said.
 *
 * @throws UserError for all that is no answer to go on with
 */
export async function answerOf(stdout: string, stderr: string, sources: readonly Source[], taken?: ReadonlySet<number>): Promise<Answer> {
  const [, word, rest = ''] = /^rpo (\w+) ?(.*)$/m.exec(stdout) ?? [];
  const words = rest.split(' ').filter(Boolean);
  switch (word) {
    case 'ok':
    case 'send':
      return { kind: word, same: new Set(words.map(Number)), strangers: strangersIn(stdout), taken, said: stdout };
    case 'occupied':
      return { kind: word };
    case 'refused':
      throw refusal(words.map((index) => sources[Number(index)]?.remotePath ?? '?'));
    case 'lacks':
      if (words[0] === 'tar' || words[0] === 'gzip') return { kind: `lacks ${words[0]}` };
      throw new UserError(
        'unsupported',
        'The pod has none of sha256sum, shasum, openssl and python3, so nothing sent there can be verified. Install coreutils there.',
      );
    default:
      throw await failure(words[0], stderr, sources);
  }
}

/** How it went with each of them. */
export function putOf(sources: readonly Source[], outcome: Outcome | undefined): readonly PutFile[] {
  return sources.map(({ remotePath, sha256, bytes }, index) => ({
    remotePath,
    sha256,
    bytes,
    changed: !outcome?.same.has(index),
    replacedStranger: outcome?.strangers.has(index) ?? false,
    reused: (outcome?.taken?.has(index) ?? false) && !outcome?.same.has(index),
  }));
}

function strangersIn(said: string): ReadonlySet<number> {
  const indices = /^rpo-kept((?: \d+)*)$/m.exec(said)?.[1] ?? '';
  return new Set(indices.split(' ').filter(Boolean).map(Number));
}

/** The error for copies that are not as expected. */
export function refusal(paths: readonly string[]): UserError {
  const names = paths.length === 1 ? `${paths[0]} was` : `${paths.length} files were`;
  const list = paths.length === 1 ? '' : ` (${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : ''})`;
  return new UserError(
    'remote-changed',
    `${names} changed on the pod${list} since they were last deployed. Nothing was written. Fetch and merge that work, or deploy again with --force to overwrite it.`,
    { details: { files: paths } },
  );
}

/** The error where something stands that no file may replace. */
export function blocked(by: 'directory' | 'special', what: string, details: Readonly<Record<string, unknown>>): UserError {
  const why =
    by === 'directory'
      ? 'on the pod there is a folder of that name. Remove or rename it there'
      : 'what is there on the pod is no file but a device, a pipe or a socket, and nothing was replaced. Choose another path';
  return new UserError('remote-failed', `${what} failed: ${why}.`, { details });
}

async function failure(step: string | undefined, stderr: string, sources: readonly Source[]): Promise<UserError> {
  const what = sources.length === 1 ? `Writing ${sources[0]?.remotePath}` : `Writing ${sources.length} files`;
  const details = { files: sources.map(({ remotePath }) => remotePath), step };
  if (step === 'directory' || step === 'special') return blocked(step, what, details);
  if (step === 'verify' && stderr.trim() === '') {
    for (const source of sources) if (await hasChanged(source)) return changedMeanwhile(source);
    return new UserError('transfer-corrupt', `${what} failed: what arrived is not what was sent. Nothing was replaced; try again.`, {
      details,
    });
  }
  return remoteFailure(what, stderr, details);
}
