import { dirname, posix, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfCancelled, UserError } from '../core/errors.ts';
import { quote, quoteAll } from '../core/shell.ts';
import { ByteReader } from './byteReader.ts';
import type { ChannelPool } from './channelPool.ts';
import { IncomingFile, LocalTarget } from './localFile.ts';
import type { GotFile, TransferOptions } from './pod.ts';
import { defineSums, prologue } from './remoteShell.ts';
import { startRequest } from './request.ts';

/** Larger ones go one by one: they fill the line by themselves. */
const smallBytes = 8 * 1024 * 1024;
const groupSize = 200;
const attempts = 3;

/**
 * `Pod.getFile`: as many bytes as the file had when it was looked at, so that one still being appended to (a log) gives a
 * consistent beginning. The pod hashes the same bytes at the same time.
 */
export async function getFile(pool: ChannelPool, remotePath: string, localPath: string, options: TransferOptions = {}): Promise<GotFile> {
  const target = new LocalTarget(dirname(resolve(localPath)));
  await target.makeFolderFor(localPath);
  const file = quote(remotePath);
  const script = `${prologue}${defineSums}
f=${file}
[ -e "$f" ] || { echo rpo missing; exit 0; }
[ -f "$f" ] || { echo rpo folder; exit 0; }
[ -r "$f" ] || { echo rpo denied; exit 0; }
s=$(size_of "$f"); s=$((s))
echo rpo size $s
have_sums && { head -c $s <"$f" | sumin >&2; } &
head -c $s <"$f"
wait
`;
  for (let attempt = 1; ; attempt++) {
    throwIfCancelled(options.signal, 'The download');
    const incoming = new IncomingFile(localPath);
    try {
      const { remoteSha256, bytes } = await readAnswer(pool, script, options.signal, async (reader) => {
        const [, kind, size] = /^rpo (\w+) ?(\d*)$/.exec((await reader.line()) ?? '') ?? [];
        if (kind === 'missing')
          throw new UserError(
            'remote-missing',
            `${remotePath} is not on the pod. Check the path (\`ls ${posix.dirname(remotePath)}\` there).`,
            { details: { path: remotePath } },
          );
        if (kind === 'folder')
          throw new UserError('remote-missing', `${remotePath} is not a file but a folder or something else. Download it as a folder.`, {
            details: { path: remotePath },
          });
        if (kind === 'denied')
          throw new UserError('remote-denied', `${remotePath} may not be read on the pod. Check its owner and mode.`, {
            details: { path: remotePath },
          });
        const bytesTotal = Number(size);
        let bytesDone = 0;
        await incoming.write(reader.bytes(bytesTotal), (more) => options.onProgress?.({ bytesDone: (bytesDone += more), bytesTotal }));
        return bytesTotal;
      }).then(({ value, stderr }) => ({ bytes: value, remoteSha256: lastSum(stderr), stderr }));
      if (incoming.bytes === bytes && (remoteSha256 === incoming.sha256 || remoteSha256 === undefined)) {
        await incoming.commit();
        return { remotePath, localPath, sha256: incoming.sha256, bytes };
      }
      if (attempt === attempts) {
        throw new UserError(
          'transfer-corrupt',
          `${remotePath} was being changed while it was read, ${attempts} times in a row. Fetch it when what writes it has finished.`,
          { details: { path: remotePath } },
        );
      }
    } finally {
      await incoming.discard();
    }
  }
}

/** `Pod.getFiles`: one request for all the small ones. */
export async function getFiles(
  pool: ChannelPool,
  remoteFolder: string,
  relativePaths: readonly string[],
  localFolder: string,
  options: TransferOptions = {},
): Promise<readonly GotFile[]> {
  throwIfCancelled(options.signal, 'The download');
  const target = new LocalTarget(resolve(localFolder));
  const wanted = [...new Set(relativePaths)].map((path) => ({ path, localPath: target.pathOf(path) }));
  for (const { localPath } of wanted) await target.makeFolderFor(localPath);
  if (wanted.length === 0) return [];
  const got = new Map<string, GotFile>();
  const alone: typeof wanted = []; // large, or changed while it was read
  const incoming: { readonly file: (typeof wanted)[number]; readonly data: IncomingFile }[] = [];
  let bytesDone = 0;
  const groups = Array.from({ length: Math.ceil(wanted.length / groupSize) }, (_, index) =>
    wanted.slice(index * groupSize, (index + 1) * groupSize),
  );
  try {
    const { stderr } = await readAnswer(pool, groupScript(remoteFolder, groups), options.signal, async (reader) => {
      for (const group of groups) {
        const sizes = await readSizes(reader, group.length);
        if (!sizes) {
          alone.push(...group);
          continue;
        }
        for (const [index, file] of group.entries()) {
          const bytes = sizes[index] ?? 0;
          if (bytes > smallBytes) {
            alone.push(file);
            continue;
          }
          const data = new IncomingFile(file.localPath);
          incoming.push({ file, data });
          await data.write(reader.bytes(bytes), (more) =>
            options.onProgress?.({ bytesDone: (bytesDone += more), bytesTotal: Math.max(bytesDone, sum(sizes)) }),
          );
        }
      }
    });
    const sums = stderr.match(/^[0-9a-f]{64}$/gm) ?? [];
    for (const [index, { file, data }] of incoming.entries()) {
      if (sums[index] !== data.sha256) {
        alone.push(file);
        continue;
      }
      await data.commit();
      got.set(file.path, {
        remotePath: posix.join(remoteFolder, file.path),
        localPath: file.localPath,
        sha256: data.sha256,
        bytes: data.bytes,
      });
    }
  } finally {
    await Promise.all(incoming.map(({ data }) => data.discard()));
  }
  for (const file of alone) {
    got.set(file.path, await getFile(pool, posix.join(remoteFolder, file.path), file.localPath, options));
  }
  return wanted.flatMap(({ path }) => got.get(path) ?? []);
}

/**
 * For each group a line `rpo sizes N…` and then the small files' bytes without anything between; their hashes go to stderr
 * in the same order. A file that grows or shrinks meanwhile shifts what follows, which the hashes show.
 */
function groupScript(remoteFolder: string, groups: readonly (readonly { readonly path: string }[])[]): string {
  return `${prologue}${defineSums}
cd -- ${quote(remoteFolder)} || exit 0
have_sums || exit 0
send() {
  z=$(stat -L -c %s -- "$@" 2>/dev/null) || { for v do [ -f "$v" ] && [ -r "$v" ] || { echo rpo sizes; return; }; done; z=$(for v do size_of "$v"; done); }
  echo rpo sizes $z
  for v in $z; do f=$1; shift; [ $v -gt ${smallBytes} ] || set -- "$@" "$f"; done
  [ $# = 0 ] || { cat -- "$@"; sums "$@" >&2; }
}
${groups.map((group) => `send ${quoteAll(group.map(({ path }) => `./${path}`))}`).join('\n')}
`;
}

async function readSizes(reader: ByteReader, count: number): Promise<readonly number[] | undefined> {
  const line = await reader.line(64 * 1024);
  if (!line || !/^rpo sizes( \d+)+$/.test(line)) return undefined;
  const sizes = line.split(' ').slice(2).map(Number);
  return sizes.length === count ? sizes : undefined;
}

/** Runs a script whose stdout is read by `read` as it comes; gives back what that made of it, and stderr. */
async function readAnswer<T>(
  pool: ChannelPool,
  script: string,
  signal: AbortSignal | undefined,
  read: (reader: ByteReader) => Promise<T>,
): Promise<{ readonly value: T; readonly stderr: string }> {
  const request = await startRequest(pool, script, undefined, signal);
  const said: Buffer[] = [];
  request.stderr.on('data', (chunk: Buffer) => said.push(chunk)).resume();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new UserError('cancelled', 'The download was cancelled. What was there before is untouched.'));
  });
  aborted.catch(() => {});
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const reader = new ByteReader(request.stdout);
  const lost = request.exit.then(() => new Promise<never>(() => {})); // only its failure counts here: reading goes on to the end
  lost.catch(() => {});
  try {
    const value = await Promise.race([read(reader), aborted, lost]);
    reader.drop();
    await Promise.race([request.exit, aborted]);
    return { value, stderr: Buffer.concat(said).toString('utf8') };
  } catch (error) {
    reader.drop();
    // Mostly it has said what there is to say; but a full disk here must not have gigabytes sent to it.
    const isOver = await Promise.race([request.exit.then(Boolean, Boolean).then(() => true), delay(250, false, { ref: false })]);
    if (!isOver) await request.terminate();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function lastSum(stderr: string): string | undefined {
  return stderr.match(/^[0-9a-f]{64}$/gm)?.at(-1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
