import { UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { Terminal } from './terminal.ts';

/** `rpo ssh`: this terminal becomes one on the pod, until the shell there ends. @returns The shell's exit code. */
export async function runSsh(orchestrator: Orchestrator, terminal: Terminal, signal: AbortSignal): Promise<number> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY)
    throw new UserError('bad-argument', 'A shell wants a terminal, and this is none. For single commands use `rpo exec COMMAND`.');
  const shell = await orchestrator.environment.openShell({
    columns: stdout.columns,
    rows: stdout.rows,
    term: process.env['TERM'],
    onOutput: (chunk) => stdout.write(chunk),
  });
  const type = (data: Buffer) => shell.write(data);
  const resize = () => shell.resize(stdout.columns, stdout.rows);
  const hangUp = () => shell.close();
  // From here on Ctrl+C is for the shell there.
  stdin.setRawMode(true).on('data', type).resume();
  stdout.on('resize', resize);
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    const exitCode = await shell.ended;
    if (exitCode !== null || signal.aborted) return exitCode ?? 1;
    terminal.lines('err', '');
    throw new UserError('connection-lost', `The connection to ${orchestrator.pod.name} was lost. \`rpo ssh\` connects again; runs go on.`);
  } finally {
    stdin.setRawMode(false).off('data', type).pause();
    stdout.off('resize', resize);
    signal.removeEventListener('abort', hangUp);
  }
}
