import { readFile, realpath, stat } from 'node:fs/promises';
import { UserError } from '../core/errors.ts';
import { writeAtomic } from '../project/atomicFile.ts';
import type { FileEdit } from './located.ts';

/** The text after an edit, or null when it is not the text that the edit was made for. Pure. */
export function editText(text: string, edit: FileEdit): string | null {
  if (text.slice(edit.start, edit.end) !== edit.oldText) return null;
  return text.slice(0, edit.start) + edit.newText + text.slice(edit.end);
}

/**
 * Changes a local file as the edit says, keeping its mode; the file is replaced whole, so that a crash leaves the old one.
 *
 * @throws UserError 'local-failed' when the file cannot be read or written, or changed since the edit was worked out
 */
export async function applyEdit(edit: FileEdit): Promise<void> {
  try {
    // A link stays a link: its target is what is edited.
    const file = await realpath(edit.file);
    const bytes = await readFile(file);
    const text = bytes.toString('utf8');
    const next = editText(text, edit);
    // Bytes that are no UTF-8 would not survive being read and written as text.
    if (next === null || !Buffer.from(text, 'utf8').equals(bytes)) {
      throw new UserError(
        'local-failed',
        `${edit.file} is not any more what it was when the fix was worked out. Look at line ${edit.line} and change ${edit.oldText} to ${edit.newText} by hand.`,
      );
    }
    await writeAtomic(file, next, { mode: (await stat(file)).mode & 0o7777 });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(
      'local-failed',
      `${edit.file} could not be changed (${code ?? message}). Check that it is there and that you may write to it.`,
      { cause: error },
    );
  }
}
