import { sameContent, type Source } from './source.ts';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';

/** Enough for several packets; each write costs about as much as ten kilobytes. */
const pieceBytes = 128 * 1024;

/**
 * These files as a tar, in pieces of a useful size.
 *
 * @param nameOf the path of a file in the archive
 * @throws UserError 'local-failed' when one is not any more what was hashed
 */
export async function* tarStream(
  sources: readonly Source[],
  nameOf: (remotePath: string) => string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of tarMembers(sources, nameOf, onBytes)) {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes < pieceBytes) continue;
    yield Buffer.concat(waiting);
    [waiting, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

async function* tarMembers(
  sources: readonly Source[],
  nameOf: (remotePath: string) => string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const mtimeS = Date.now() / 1000;
  for (const source of sources) {
    yield tarHeader(nameOf(source.remotePath), source.bytes, mtimeS, parseInt(source.mode, 8));
    yield* sameContent(source, onBytes);
    yield tarPadding(source.bytes);
  }
  yield tarEnd;
}
