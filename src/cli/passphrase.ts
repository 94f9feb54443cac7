import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Terminal } from './terminal.ts';

/** Asks on the terminal without showing what is typed; undefined when there is no terminal, or on Ctrl+C or Ctrl+D. */
export function passphraseAsker(
  terminal: Terminal,
  stdin: NodeJS.ReadStream,
): (identityFile: string, retry: boolean) => Promise<string | undefined> {
  return async (identityFile, retry) => {
    if (!stdin.isTTY || !terminal.isLive) return undefined;
    terminal.freshLine();
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    // First the terminal stops showing what is typed, then it is asked for.
    const reader = createInterface({ input: stdin, output: nowhere, terminal: true });
    terminal.raw('err', `${retry ? 'That was not it. ' : ''}Passphrase of ${identityFile}: `);
    try {
      return await new Promise<string | undefined>((resolve) => {
        reader.once('line', resolve);
        reader.once('SIGINT', () => resolve(undefined));
        reader.once('close', () => resolve(undefined));
      });
    } finally {
      reader.close();
      terminal.raw('err', '\n');
    }
  };
}
