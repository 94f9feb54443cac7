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

/** The stream as gzip; a failure of the source is a failure of the result. Chunks may share their memory. */
export function compressed(content: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const result = createGzip(options);
  // Read ahead by the stream: each needs memory of its own.
  const own = async function* () {
    for await (const chunk of content) yield Buffer.from(chunk);
  };
  pipeline(Readable.from(own()), result, () => {}); // told by the result
  return result;
}
