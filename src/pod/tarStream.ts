import { bufferOf, sameContent, type Source } from './source.ts';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';

/** Enough for several packets; each write costs about as much as ten kilobytes. */
const pieceBytes = 128 * 1024;

/**
 * These files as a tar, in pieces of a useful size. A piece is good until the next is asked for: they share their memory.
 *
 * @param nameOf the path of a file in the archive
 * @throws UserError 'local-failed' when one is not any more what was hashed
 */
export async function* tarStream(
  sources: readonly Source[],
  nameOf: (remotePath: string) => string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let filled = 0;
  function* add(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length;) {
      const copied = bytes.copy(piece, filled, at);
      at += copied;
      filled += copied;
      if (filled < pieceBytes) continue;
      yield piece;
      filled = 0;
    }
  }
  const mtimeS = Date.now() / 1000;
  for (const source of sources) {
    yield* add(tarHeader(nameOf(source.remotePath), source.bytes, mtimeS, parseInt(source.mode, 8)));
    if ('content' in source.from) {
      // What is in memory needs no promise for each.
      yield* add(bufferOf(source.from.content));
      onBytes(source.bytes);
    } else for await (const chunk of sameContent(source, onBytes)) yield* add(chunk);
    yield* add(tarPadding(source.bytes));
  }
  yield* add(tarEnd);
  if (filled > 0) yield piece.subarray(0, filled);
}
