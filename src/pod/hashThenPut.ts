import { quote } from '../core/shell.ts';
import type { ChannelPool } from './channelPool.ts';
import { placingEnding } from './ending.ts';
import { changedScript, hashAll, hashFiles, readChanged } from './lookFiles.ts';
import type { HashedFile, HashOptions, PutAfterHash, PutFile } from './pod.ts';
import { answerOf, askPod, putOf } from './putAnswer.ts';
import { putOneScript } from './putOneScript.ts';
import { putScript } from './putScript.ts';
import { hasOddNames } from './remoteShell.ts';
import { scriptToRead } from './request.ts';
import { inspect, sameContent, type Source } from './source.ts';
import { besideTargets, newToken } from './staging.ts';
import { tarStream } from './tarStream.ts';

export interface HashedThenPut {
  /** As hashFiles() gives them; of before the put. */
  readonly hashes: ReadonlyMap<string, string | null>;
  /** Left out when nothing was put. */
  readonly put?: readonly PutFile[];
}

/** How a script says that the pod has something else than it is thought to have. */
const otherwise = 'rpo otherwise';

/**
 * `Pod.hashThenPut`: one request whose script looks, and then reads another one from stdin, which puts. That one is made while
 * the pod looks already, and it goes on only if the pod has of every path what it is thought to have.
 */
export async function hashThenPut(
  pool: ChannelPool,
  remotePaths: readonly string[],
  next: () => Promise<PutAfterHash | undefined>,
  options: HashOptions = {},
): Promise<HashedThenPut> {
  const paths = [...new Set(remotePaths)];
  const { memory, signal } = options;
  const asked = next();
  asked.catch(() => {}); // told at the end
  if (memory === undefined || paths.length === 0 || hasOddNames(paths)) {
    const [hashes] = await Promise.all([hashFiles(pool, paths, options), asked]);
    return { hashes };
  }
  const known = paths.map((path) => memory.get(path));
  let sent: { readonly sources: readonly Source[]; readonly noted: Promise<void> | undefined } | undefined;
  async function* follow(): AsyncGenerator<Uint8Array> {
    const wanted = await asked.catch(() => undefined);
    if (!wanted || wanted.files.length === 0) return;
    const sources = await inspect(wanted.files, signal);
    const noted = wanted.onInspected?.(new Map(sources.map(({ remotePath, sha256 }) => [remotePath, sha256])));
    sent = { sources, noted };
    const { script, content } = scriptOf(sources, wanted);
    yield Buffer.from(scriptToRead(goOnIf(answerWhen(paths, known, wanted.thought)) + script));
    yield* content;
  }
  const script = `${changedScript(paths, known)}IFS= read -r rpo_line && eval "$rpo_line"\n`;
  const stdin = follow();
  const [{ stdout, stderr }] = await Promise.all([askPod(pool, script, { stdin, signal, ending: placingEnding, onTook: () => {} }), asked]);
  await sent?.noted;
  const hashes = readChanged(stdout, paths, known, memory);
  if (!hashes) return { hashes: await hashAll(pool, paths, signal) };
  if (!sent || new RegExp(`^${otherwise}$`, 'm').test(stdout)) return { hashes };
  const answer = await answerOf(stdout, stderr, sent.sources);
  return answer.kind === 'ok' ? { hashes, put: putOf(sent.sources, answer) } : { hashes };
}

/** What changedScript() finds, in the words of goOnIf(), when the pod has of each path what it is thought to have. */
function answerWhen(
  paths: readonly string[],
  known: readonly (HashedFile | undefined)[],
  thought: ReadonlyMap<string, string | null>,
): string {
  const differing = paths.flatMap((path, index) => {
    const sha256 = thought.get(path) ?? null;
    // One with the stamp it is known by is not mentioned.
    return sha256 !== null && known[index]?.sha256 === sha256 ? [] : [{ index, sha256 }];
  });
  const lines = differing.map(({ index, sha256 }) => (sha256 === null ? `${index} -` : String(index)));
  return [...lines, ...differing.flatMap(({ sha256 }) => sha256 ?? [])].join('\n');
}

/** Part of the second script: ends it unless what differs, and the hashes of that, are these lines. */
function goOnIf(lines: string): string {
  return `
case $d in
*"$nl"*) f=$(printf '%s\\n' "$d" | sed 's/ [^-].*//');;
*"\t"*) f=\${d%% *};;
*) f=$d;;
esac
[ -z "$s" ] || f=$f$nl$s
[ "$f" = ${quote(lines)} ] || { echo ${otherwise}; exit 0; }
`;
}

function scriptOf(
  sources: readonly Source[],
  { keepStrangers }: PutAfterHash,
): { readonly script: string; readonly content: AsyncIterable<Buffer> } {
  const token = newToken();
  const [one] = sources;
  if (one && sources.length === 1) return { script: putOneScript(one, token, keepStrangers), content: sameContent(one, () => {}) };
  return {
    script: putScript(sources, token, 'tar', [], [], keepStrangers),
    content: tarStream(sources, besideTargets(sources, token).nameInTar, () => {}),
  };
}
