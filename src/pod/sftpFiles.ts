import { createHash, randomBytes } from 'node:crypto';
import { dirname, posix } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import SftpClient from 'ssh2-sftp-client';
import { isUserError, messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { connectionLost } from './connectError.ts';
import { withOwnMemory } from './compress.ts';
import type { Connection } from './connection.ts';
import { type Ending, fetchingEnding, readingEnding, sendingEnding } from './ending.ts';
import { orAborted } from './link.ts';
import { IncomingFile, LocalTarget } from './localFile.ts';
import type { FileToPut, GotFile, PutFile, PutOptions, TransferOptions } from './pod.ts';
import { blocked, refusal } from './putAnswer.ts';
import { remoteFailure } from './remoteFailure.ts';
import { inspect, sameContent, type Source } from './source.ts';

/** It offers no SFTP either. */
export class NoSftp extends Error {}

/** A set is put in place file by file, so a loss may come between two of them. */
const placingBySftp: Ending = {
  ...sendingEnding,
  lost: 'Some of the files may be in place and others not; send them again when it can be reached.',
};

/** How long the end of a cancelled transfer may take, its parts being deleted on the other side; milliseconds. */
const graceMs = 10_000;

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
  return withSftp(connection, 'Uploading by SFTP', placingBySftp, options.signal, async (sftp) => {
    const there = new Map<Source, string>();
    for (const source of sources) {
      await refuseNoFile(sftp, source);
      there.set(source, (await hashThere(sftp, source.remotePath, options.signal)) ?? '-');
    }
    const isUnexpected = (source: Source) => {
      const now = there.get(source) ?? '-';
      return source.expected.length > 0 && now !== source.sha256 && !source.expected.includes(now);
    };
    const unexpected = sources.filter(isUnexpected);
    if (unexpected.length > 0) throw refusal(unexpected.map(({ remotePath }) => remotePath));

    const staged = new Map<Source, string>();
    try {
      for (const source of sources) {
        if (there.get(source) !== source.sha256) await stage(sftp, source, staged, onBytes, options.signal);
        else onBytes(source.bytes);
      }
      throwIfCancelled(options.signal, 'The upload');
      // From here on it is not stopped: what is renamed is renamed.
      const put: PutFile[] = [];
      for (const source of sources) {
        const { remotePath, sha256, bytes, ours } = source;
        const before = there.get(source) ?? '-';
        const changed = before !== sha256;
        const replacedStranger = changed && before !== '-' && !ours.includes(before) && options.keepStrangers !== undefined;
        const kept = replacedStranger ? await keep(sftp, remotePath, options.keepStrangers) : undefined;
        try {
          if (changed) await sftp.posixRename(staged.get(source) ?? '', remotePath);
        } catch (error) {
          if (kept !== undefined) await sftp.posixRename(kept, remotePath);
          throw error;
        }
        staged.delete(source);
        put.push({ remotePath, sha256, bytes, changed, replacedStranger, reused: false });
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
      if (!facts.isFile)
        throw new UserError(
          'unsupported',
          `${remotePath} is ${facts.isDirectory ? 'a folder' : 'a device, a pipe or a socket'}; ${connection.name} runs no commands and gives single files only. Name a file.`,
        );
      const file = new IncomingFile(localPath);
      let bytesDone = 0;
      try {
        await file.write(abortable(sftp.createReadStream(remotePath), options.signal), (more) =>
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

/** Whether there is a folder at this path. */
export async function isFolderBySftp(connection: Connection, remotePath: string, signal?: AbortSignal): Promise<boolean> {
  return withSftp(
    connection,
    `Looking at ${remotePath} by SFTP`,
    readingEnding,
    signal,
    async (sftp) => (await factsOf(sftp, remotePath))?.isDirectory === true,
  );
}

/** ssh2-sftp-client makes connections of its own; here it works on ours, which is authenticated and whose host key was checked. */
async function withSftp<T>(
  connection: Connection,
  what: string,
  ending: Ending,
  signal: AbortSignal | undefined,
  work: (sftp: SftpClient) => Promise<T>,
): Promise<T> {
  const channel = await connection.openSftp().catch((error: unknown) => {
    throw connection.isOpen && isUserError(error, 'connection-lost') ? new NoSftp(messageOf(error)) : error;
  });
  const silent = { error: () => {}, end: () => {}, close: () => {} };
  const sftp = Object.assign(new SftpClient(connection.name, silent), { client: connection.client, sftp: channel });
  const working = work(sftp);
  try {
    return await orAborted(working, signal, () => new UserError('cancelled', ending.cancelled));
  } catch (error) {
    if (signal?.aborted) {
      // What lies half written there is deleted over this very channel; and what was done already is no failure.
      const done = await Promise.race([
        working.then(
          (value) => ({ value }),
          () => null,
        ),
        delay(graceMs, null, { ref: false }),
      ]);
      if (done) return done.value;
      throw new UserError('cancelled', ending.cancelled);
    }
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

async function stage(
  sftp: SftpClient,
  source: Source,
  staged: Map<Source, string>,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const folder = posix.dirname(source.remotePath);
  const path = posix.join(folder, `.rpo-${randomBytes(6).toString('hex')}`);
  await sftp.mkdir(folder, true);
  staged.set(source, path);
  // Nobody else may read it, or write to it, before it is whole and has the mode that was asked for.
  await pipeline(Readable.from(withOwnMemory(sameContent(source, onBytes))), sftp.createWriteStream(path, { mode: 0o600 }), { signal });
  if ((await hashThere(sftp, path, signal)) !== source.sha256)
    throw new UserError('transfer-corrupt', `${source.remotePath}: what arrived is not what was sent. Nothing was replaced; try again.`);
  await sftp.chmod(path, Number.parseInt(source.mode, 8));
}

/** Where the old copy is now. */
async function keep(sftp: SftpClient, remotePath: string, strangers: PutOptions['keepStrangers']): Promise<string | undefined> {
  if (strangers === undefined) return undefined;
  const path = posix.join(strangers.folder, posix.relative(strangers.root, remotePath));
  await sftp.mkdir(posix.dirname(path), true);
  await sftp.posixRename(remotePath, path);
  return path;
}

/** Null where there is no file. SFTP has no way to ask for a hash, so the file is read. */
async function hashThere(sftp: SftpClient, path: string, signal: AbortSignal | undefined): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of abortable(sftp.createReadStream(path), signal)) hash.update(chunk as Buffer);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  return hash.digest('hex');
}

/** Reading a pipe would wait for ever, and renaming over a device would take it away. */
async function refuseNoFile(sftp: SftpClient, { remotePath }: Source): Promise<void> {
  const facts = await factsOf(sftp, remotePath);
  if (facts && !facts.isFile) throw blocked(facts.isDirectory ? 'directory' : 'special', `Writing ${remotePath}`, { files: [remotePath] });
}

/** Null where there is nothing. */
async function factsOf(sftp: SftpClient, path: string): Promise<SftpClient.FileStats | null> {
  try {
    return await sftp.stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function abortable(stream: Readable, signal: AbortSignal | undefined): Readable {
  return signal ? addAbortSignal(signal, stream) : stream;
}

/** SSH_FX_NO_SUCH_FILE, or what ssh2-sftp-client makes of it. */
function isMissing(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 2 || code === 'ENOENT' || code === 'ERR_NOT_EXIST';
}
