import type { ClientChannel } from 'ssh2';
import { quote } from '../core/shell.ts';
import type { Connection } from './connection.ts';
import { takeEnvironment } from './warmChannel.ts';

export interface ShellOptions {
  /** Shell text of one line that sets the project up, ending in `; `. */
  readonly setUp: string;
  readonly columns: number;
  readonly rows: number;
  /** Name in terminfo; default what VS Code and most terminals understand. */
  readonly term?: string;
  readonly onOutput: (chunk: Buffer) => void;
}

/** A person's shell on the pod, on a terminal of its own. */
export interface Shell {
  write(data: string | Uint8Array): void;
  resize(columns: number, rows: number): void;
  /** Hangs up, as closing a terminal does. */
  close(): void;
  /** Its exit code; null when it ended without: the connection was lost, or a signal ended it. */
  readonly ended: Promise<number | null>;
}

/**
 * Opens an interactive shell: bash with the person's own settings where there is one, then what sets the project up,
 * so that its environment wins. Where that fails it says so and goes on: the shell may be what mends it.
 */
export async function openShell(connection: Connection, options: ShellOptions): Promise<Shell> {
  const { columns, rows, term = 'xterm-256color', onOutput } = options;
  const channel = await connection.openSession(shellCommand(options.setUp), { pty: { term, cols: columns, rows, width: 0, height: 0 } });
  channel.on('data', onOutput);
  channel.stderr.on('data', onOutput);
  return {
    write: (data) => {
      if (channel.writable) channel.write(data);
    },
    resize: (newColumns, newRows) => channel.setWindow(newRows, newColumns, 0, 0),
    close: () => channel.close(),
    ended: endOf(channel),
  };
}

function endOf(channel: ClientChannel): Promise<number | null> {
  return new Promise((resolve) => {
    let exitCode: number | null = null;
    channel.on('exit', (code: number | null) => (exitCode = code)).once('close', () => resolve(exitCode));
  });
}

/** `bash --rcfile` reads what it is given instead of ~/.bashrc, which therefore is read there first. */
function shellCommand(setUp: string): string {
  const project = `if (${setUp}:) ; then ${setUp}fi`;
  const ofBash = `[ -r ~/.bashrc ] && . ~/.bashrc\n${project}\n`;
  const script = `rpo_nl='\n'
${takeEnvironment()}
if command -v bash >/dev/null 2>&1; then exec bash -c 'exec bash --rcfile <(printf %s "$1") -i' bash ${quote(ofBash)}; fi
${project}
exec "\${SHELL:-sh}" -i`;
  return `exec sh -c ${quote(script)}`;
}
