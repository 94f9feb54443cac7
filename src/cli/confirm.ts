import { createInterface } from 'node:readline/promises';
import { stripControl } from '../core/terminal.ts';
import type { Terminal } from './terminal.ts';

/** Asks yes or no on the terminal; undefined where there is none to ask on. Anything but yes is no. */
export function asker(
  terminal: Terminal,
  stdin: NodeJS.ReadStream,
  signal: AbortSignal,
): ((question: string, detail?: string) => Promise<boolean>) | undefined {
  if (!stdin.isTTY || !terminal.isLive) return undefined;
  return async (question, detail) => {
    if (detail !== undefined) terminal.lines('err', stripControl(detail));
    terminal.freshLine();
    const reader = createInterface({ input: stdin, output: process.stderr });
    // Ctrl+C reaches only the reader while it reads.
    reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    try {
      return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `, { signal })).trim());
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      reader.close();
    }
  };
}
