import { resolve } from 'node:path';
import { version } from '../package.json';
import { type Face, JsonFace, TextFace } from './cli/face.ts';
import { Interrupts } from './cli/interrupts.ts';
import { asker } from './cli/confirm.ts';
import { passphraseAsker } from './cli/passphrase.ts';
import { buildProgram, type GlobalFlags, usageError } from './cli/program.ts';
import { Terminal } from './cli/terminal.ts';
import { isUserError } from './core/errors.ts';
import { handleJournaled } from './operations/journaled.ts';
import type { Operation, OperationEvent, Progress } from './operations/operation.ts';
import { operations } from './operations/table.ts';
import type { Orchestrator } from './orchestrator.ts';
import { findProjectRoot } from './project/project.ts';

/** `rpo`: the operations table as verbs. Exit codes: the answer's own; 1 it did not work, 2 it was not understood, 128 + n ended by signal n. */
async function main(args: readonly string[]): Promise<number> {
  const terminal = new Terminal({ out: process.stdout, err: process.stderr });
  const interrupts = new Interrupts((code) => process.exit(code));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read us has read enough (`rpo follow | head`): that is no failure.
    if (error.code === 'EPIPE') return interrupts.end(0);
    if (interrupts.exitCode === null) terminal.lines('err', `error: The output cannot be written (${error.code ?? error.message}).`);
    interrupts.end(1);
  });
  // What accompanies the work may go unread.
  process.stderr.on('error', () => {});
  let exitCode = 0;
  let face: Face = args.slice(0, endOfFlags(args)).includes('--json') ? new JsonFace(terminal) : new TextFace(terminal, process.cwd());

  const run = async (record: Operation, input: Readonly<Record<string, unknown>>, flags: GlobalFlags) => {
    const projectRoot = resolve(flags.project ?? (await findProjectRoot(process.cwd())) ?? '.');
    if (!flags.json) face = new TextFace(terminal, projectRoot);
    const home = flags.home === undefined ? undefined : resolve(flags.home);
    const ports = { askPassphrase: passphraseAsker(terminal, process.stdin), log: debugLog(terminal) };
    let opened: Promise<Orchestrator> | undefined;
    const orchestrator = async () => {
      // ssh2 is loaded by the verbs that need a pod, not by `rpo monitor` or `rpo pods`.
      const facade = await import('./orchestrator.ts');
      const orchestrator = await facade.Orchestrator.open({ projectRoot, pod: flags.pod, home, ...ports });
      orchestrator.pod.onState((state) => {
        if (state.kind === 'reconnecting') face.progress({ message: `connection lost, reconnecting (attempt ${state.attempt})` });
      });
      return orchestrator;
    };
    try {
      const context = {
        projectRoot,
        currentFolder: process.cwd(),
        home,
        ports,
        pod: flags.pod,
        stdin: process.stdin,
        confirm: flags.json ? undefined : asker(terminal, process.stdin, interrupts.signal),
        orchestrator: () => (opened ??= orchestrator()),
      };
      const call = {
        signal: interrupts.signal,
        emit: (event: OperationEvent) => face.event(event),
        progress: (progress: Progress) => face.progress(progress),
        ready: () => face.ready(),
      };
      const output = await handleJournaled(record, context, input, call, 'rpo');
      await face.result(record, output);
      exitCode = record.exitCode?.(output) ?? 0;
    } finally {
      await (await opened?.catch(() => undefined))?.close();
    }
  };

  const demo = {
    name: 'demo',
    summary: 'Try the whole loop on this machine',
    description: 'The whole loop against a practice pod on this machine: deploy, train, two real bugs, fixes, results. Needs no account.',
    run: async (flags: GlobalFlags) => {
      const { runDemo } = await import('./cli/demo.ts');
      exitCode = await runDemo({ terminal, signal: interrupts.signal, json: flags.json === true });
    },
  };

  const ssh = {
    name: 'ssh',
    summary: 'Open a terminal on the pod',
    description: "An interactive shell on the pod, in the project's folder and environment.",
    run: async (flags: GlobalFlags) => {
      const [{ Orchestrator }, { runSsh }] = await Promise.all([import('./orchestrator.ts'), import('./cli/ssh.ts')]);
      const projectRoot = resolve(flags.project ?? (await findProjectRoot(process.cwd())) ?? '.');
      const home = flags.home === undefined ? undefined : resolve(flags.home);
      const askPassphrase = passphraseAsker(terminal, process.stdin);
      const orchestrator = await Orchestrator.open({ projectRoot, pod: flags.pod, home, askPassphrase, log: debugLog(terminal) });
      try {
        exitCode = await runSsh(orchestrator, terminal, interrupts.signal);
      } finally {
        await orchestrator.close();
      }
    },
  };

  const mcp = {
    name: 'mcp',
    summary: 'Serve AI agents',
    description: 'The MCP server: the same operations as tools for AI agents, on stdio or, with --http, on a port of this machine.',
    options: [
      ['--http [port]', 'serve on 127.0.0.1 with a bearer token ($RPO_MCP_TOKEN, else made up and shown); 0: any free port'],
    ] as const,
    run: async (flags: GlobalFlags & Readonly<Record<string, unknown>>) => {
      const { runMcp } = await import('./cli/mcp.ts');
      await runMcp({ terminal, signal: interrupts.signal, flags, version });
    },
  };

  try {
    await buildProgram(operations, run, [ssh, mcp, demo], version).parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    const error = usageError(thrown);
    if (error === null) return 0;
    // Nobody is told that a call ended because nobody listens.
    if (interrupts.exitCode !== 0) await face.error(error ?? thrown);
    exitCode = isUserError(error ?? thrown, 'bad-argument') ? 2 : 1;
  } finally {
    await written(process.stdout);
    interrupts.dispose();
  }
  return interrupts.exitCode ?? exitCode;
}

/** Flags after `--` are not ours, and neither are those of the command that `exec` runs, which never reach this far. */
function endOfFlags(args: readonly string[]): number {
  const dashes = args.indexOf('--');
  return dashes < 0 ? args.length : dashes;
}

/** Resolves when everything has left, and if it could not, after that was told. */
async function written(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => setImmediate(resolve)));
}

function debugLog(terminal: Terminal): ((line: string) => void) | undefined {
  return process.env['RPO_DEBUG'] === '1' ? (line) => terminal.lines('err', line) : undefined;
}

// Should node ever find nothing left to do before main() has an answer, that is a failure and not a success.
process.exitCode = 1;
void main(process.argv.slice(2)).then(async (exitCode) => {
  await written(process.stderr);
  // Nothing else may keep us (a stdin that never ends, say).
  process.exit(exitCode);
});
