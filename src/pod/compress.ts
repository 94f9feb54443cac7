import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip, type ZlibOptions } from 'node:zlib';
import type { Source } from './source.ts';

const options: ZlibOptions = { level: 1 };

/** So much of the content is tried out. */
const sampleBytes = 128 * 1024;
const worthwhileRatio = 0.8;

/** Whether a sample of these files shrinks. */
export async function shrinks(sources: readonly Source[]): Promise<boolean> {
  const sample: Uint8Array[] = [];
  let sampled = 0;
  for (const { from } of sources) {
    if (sampled >= sampleBytes) break;
    if (!('content' in from)) continue;
    sample.push(from.content);
    sampled += from.content.length;
  }
  return sampled > 0 && (await promisify(gzip)(Buffer.concat(sample), options)).length < worthwhileRatio * sampled;
}

/** The stream as gzip, begun when it is first read; a failure of the source is a failure of the result. Chunks may share their memory. */
export async function* compressed(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const result = createGzip(options);
  pipeline(Readable.from(withOwnMemory(content)), result, () => {}); // told by the result
  for await (const chunk of result) yield chunk as Buffer;
}

/** For a reader that reads ahead: chunks that share their memory, each in its own. */
export async function* withOwnMemory(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of content) yield Buffer.from(chunk);
}
