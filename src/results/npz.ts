import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { unzipSync } from 'fflate';
import { isUserError, messageOf, UserError } from '../core/errors.ts';
import { type NpyArray, parseNpy } from './npy.ts';

/** All arrays of a file together, unpacked; a zip of a few KB may claim any size. */
const maxUnpackedBytes = 1024 ** 3;
/** Of a file: the data, and the header of a .npy or the directory of a .npz. */
const maxFileBytes = maxUnpackedBytes + 1024 ** 2;
const maxArrays = 1_000;

/**
 * The arrays of a .npy file (one, named '') or a .npz file (by name).
 *
 * @param maxBytes of all arrays together; default and most: 1 GB
 * @throws UserError 'local-missing' or 'local-failed' for the file, 'bad-argument' for too large a one, and as parseNpy() and parseNpz().
 */
export async function readArrays(file: string, maxBytes = maxUnpackedBytes): Promise<ReadonlyMap<string, NpyArray>> {
  let bytes: Buffer;
  try {
    const { size } = await stat(file);
    if (size > maxFileBytes)
      throw new UserError(
        'bad-argument',
        `${basename(file)} has ${Math.round(size / 1024 ** 2)} MB; files up to ${Math.round(maxFileBytes / 1024 ** 2)} MB are read. Look at it on the pod.`,
      );
    bytes = await readFile(file);
  } catch (error) {
    if (isUserError(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UserError('local-missing', `There is no file ${file}. Download the results first.`, { cause: error });
    throw new UserError('local-failed', `${file} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
  const name = basename(file);
  return isZip(bytes) ? parseNpz(bytes, name, maxBytes) : new Map([['', parseNpy(bytes, name)]]);
}

/**
 * The one array that is meant: of a .npy file, of a .npz file with just one, or `FILE.npz#NAME`.
 *
 * @throws UserError as readArrays(); 'bad-argument' when a .npz holds several and none is named.
 */
export async function readArray(reference: string): Promise<NpyArray> {
  const [, file = reference, wanted] = /^(.*\.npz)#([^#]+)$/.exec(reference) ?? [];
  const arrays = await readArrays(file);
  const [only] = arrays.values();
  const found = wanted === undefined ? (arrays.size === 1 ? only : undefined) : arrays.get(wanted);
  if (found) return found;
  const names = [...arrays.keys()].slice(0, 20).join(', ');
  const what = wanted === undefined ? `holds ${arrays.size} arrays` : `holds no array "${wanted}"`;
  throw new UserError('bad-argument', `${basename(file)} ${what}. Name one of them: ${file}#NAME, where NAME is one of ${names}.`);
}

/**
 * NumPy's .npz: a zip whose entries are .npy files.
 *
 * @throws UserError 'transfer-corrupt' for a zip that is cut off or damaged, 'bad-argument' for one that holds something
 *   else or too much, and as parseNpy() for each array.
 */
export function parseNpz(bytes: Uint8Array, name: string, maxBytes = maxUnpackedBytes): ReadonlyMap<string, NpyArray> {
  const refused: string[] = [];
  let total = 0;
  let count = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name: entry, originalSize }) => {
        if (!entry.endsWith('.npy')) refused.push(entry);
        total += originalSize;
        count++;
        return refused.length === 0 && total <= maxBytes && count <= maxArrays;
      },
    });
  } catch (error) {
    throw new UserError(
      'transfer-corrupt',
      `${name} is damaged: ${messageOf(error)}. If a run is still writing it, wait for its end; then download it again.`,
      { cause: error },
    );
  }
  const [stranger] = refused;
  if (stranger !== undefined)
    throw new UserError(
      'bad-argument',
      `${name} holds ${JSON.stringify(stranger)}, which is no array. Give a file that numpy.savez() wrote.`,
    );
  if (total > maxBytes || count > maxArrays)
    throw new UserError(
      'bad-argument',
      `${name} holds ${count} arrays of ${Math.round(total / 1024 ** 2)} MB; up to ${maxArrays} of ${maxBytes / 1024 ** 2} MB are read. Look at it on the pod.`,
    );
  if (count === 0) throw new UserError('bad-argument', `${name} holds no array.`);
  return new Map(
    Object.entries(files).map(([entry, content]) => {
      const array = entry.slice(0, -'.npy'.length);
      return [array, parseNpy(content, `${name}#${array}`)];
    }),
  );
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}
