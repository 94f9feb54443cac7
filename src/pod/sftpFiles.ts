import { createHash, randomBytes } from 'node:crypto';
import { dirname, posix } from 'node:path';
import { Readable } from 'node:stream';
import SftpClient from 'ssh2-sftp-client';
import { isUserError, messageOf, UserError } from '../core/errors.ts';
import { connectionLost } from './connectError.ts';
import type { Connection } from './connection.ts';
import { type Ending, fetchingEnding, placingEnding } from './ending.ts';
import { orAborted } from './link.ts';
import { IncomingFile, LocalTarget } from './localFile.ts';
import type { FileToPut, GotFile, PutFile, PutOptions, TransferOptions } from './pod.ts';
import { refusal } from './putFiles.ts';
import { remoteFailure } from './remoteFailure.ts';
import { inspect, sameContent, type Source } from './source.ts';

/**
 * Files over SFTP, for a machine whose sshd runs no command for us (ForceCommand internal-sftp). Slower by many round trips,
 * and a set is renamed one by one: what a rename that fails leaves undone is told, not undone.
 */
export async function putBySftp(
  connection: Connection,
  files: readonly FileToPut[],
  options: PutOptions = {},
): Promise<readonly PutFile[]> {
  const sources = await inspect(files, options.signal);
  const bytesTotal = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  let bytesDone = 0;
  const onBytes = (bytes: number) => options.onProgress?.({ bytesDone: (bytesDone += bytes), bytesTotal });
  return withSftp(connection, 'Uploading by SFTP', placingEnding, options.signal, async (sftp) => {
    const there = new Map<Source, string>();
    for (const source of sources) there.set(source, (await hashThere(sftp, source.remotePath)) ?? '-');
    const isUnexpected = (source: Source) => {
      const now = there.get(source) ?? '-';
      return source.expected.length > 0 && now !== source.sha256 && !source.expected.includes(now);
    };
    const unexpected = sources.filter(isUnexpected);
    if (unexpected.length > 0) throw refusal(unexpected.map(({ remotePath }) => remotePath));

    const staged = new Map<Source, string>();
    try {
      for (const source of sources) {
        if (there.get(source) !== source.sha256) await stage(sftp, source, staged, onBytes);
        else onBytes(source.bytes);
      }
      const put: PutFile[] = [];
      for (const source of sources) {
        const { remotePath, sha256, bytes, ours } = source;
        const before = there.get(source) ?? '-';
        const changed = before !== sha256;
        const replacedStranger = changed && before !== '-' && before !== ours && options.keepStrangers !== undefined;
        if (replacedStranger) await keep(sftp, remotePath, options.keepStrangers);
        if (changed) await sftp.posixRename(staged.get(source) ?? '', remotePath);
        staged.delete(source);
        put.push({ remotePath, sha256, bytes, changed, replacedStranger });
      }
      return put;
    } finally {
      for (const path of staged.values()) await sftp.delete(path, true).catch(() => {});
    }
  });
}

/** `Pod.getFile` over SFTP: the size is what tells that it came whole. */
export async function getBySftp(
  connection: Connection,
  remotePath: string,
  localPath: string,
  options: TransferOptions = {},
): Promise<GotFile> {
  const target = new LocalTarget(dirname(localPath));
  return target.during(async () => {
    await target.makeFolderFor(localPath);
    return withSftp(connection, `Downloading ${remotePath} by SFTP`, fetchingEnding, options.signal, async (sftp) => {
      const facts = await sftp.stat(remotePath);
      if (!facts.isFile) throw new UserError('remote-missing', `${remotePath} is not a file. Download it as a folder.`);
      const file = new IncomingFile(localPath);
      let bytesDone = 0;
      try {
        await file.write(sftp.createReadStream(remotePath), (more) =>
          options.onProgress?.({ bytesDone: (bytesDone += more), bytesTotal: facts.size }),
        );
        if (file.bytes < facts.size)
          throw new UserError('transfer-corrupt', `${remotePath} became shorter while it was read. Fetch it again.`);
        await file.commit();
      } catch (error) {
        await file.discard();
        throw error;
      }
      return { remotePath, localPath, sha256: file.sha256, bytes: file.bytes };
    });
  });
}

/** ssh2-sftp-client makes connections of its own; here it works on ours, which is authenticated and whose host key was checked. */
async function withSftp<T>(
  connection: Connection,
  what: string,
  ending: Ending,
  signal: AbortSignal | undefined,
  work: (sftp: SftpClient) => Promise<T>,
): Promise<T> {
  const channel = await connection.openSftp();
  const silent = { error: () => {}, end: () => {}, close: () => {} };
  const sftp = Object.assign(new SftpClient(connection.name, silent), { client: connection.client, sftp: channel });
  try {
    return await orAborted(work(sftp), signal, () => new UserError('cancelled', ending.cancelled));
  } catch (error) {
    if (isUserError(error)) throw error;
    if (!connection.isOpen) throw connectionLost(connection.name, error, ending.lost);
    if (isMissing(error)) throw new UserError('remote-missing', `${what} failed: it is not there. Check the path.`, { cause: error });
    throw remoteFailure(what, messageOf(error));
  } finally {
    // A stream that was read to its end closes its file on its own time; answers come in order, so that is done after this one.
    if (!signal?.aborted) await sftp.realPath('.').catch(() => {});
    channel.end();
  }
}

async function stage(sftp: SftpClient, source: Source, staged: Map<Source, string>, onBytes: (bytes: number) => void): Promise<void> {
  const folder = posix.dirname(source.remotePath);
  const path = posix.join(folder, `.rpo-${randomBytes(6).toString('hex')}`);
  await sftp.mkdir(folder, true);
  staged.set(source, path);
  await sftp.put(Readable.from(sameContent(source, onBytes)), path);
  if ((await hashThere(sftp, path)) !== source.sha256)
    throw new UserError('transfer-corrupt', `${source.remotePath}: what arrived is not what was sent. Nothing was replaced; try again.`);
  await sftp.chmod(path, Number.parseInt(source.mode, 8));
}

async function keep(sftp: SftpClient, remotePath: string, strangers: PutOptions['keepStrangers']): Promise<void> {
  if (strangers === undefined) return;
  const path = posix.join(strangers.folder, posix.relative(strangers.root, remotePath));
  await sftp.mkdir(posix.dirname(path), true);
  await sftp.posixRename(remotePath, path);
}

/** Null where there is no file. SFTP has no way to ask for a hash, so the file is read. */
async function hashThere(sftp: SftpClient, path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of sftp.createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  return hash.digest('hex');
}

/** SSH_FX_NO_SUCH_FILE, or what ssh2-sftp-client makes of it. */
function isMissing(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 2 || code === 'ENOENT' || code === 'ERR_NOT_EXIST';
}
