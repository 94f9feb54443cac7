/** In the local name of a large file that is half there, and of the notes about it. */
export const partMark = 'rpo-part-';

/** Whether a download can go on with the file of this name. */
export function isPart(name: string): boolean {
  return name.startsWith('.') && name.includes(`.${partMark}`);
}
