import { z } from 'zod';
import type { VerifyReport } from '../doctor/check.ts';
import { cut } from './evidence.ts';
import { endWithin, jsonLength } from './fitting.ts';
import { operation } from './operation.ts';
import { columns, count, duration, fitting, Tail } from './text.ts';

const checkSchema = z.object({
  id: z.string(),
  title: z.string(),
  status: z.enum(['passed', 'warning', 'failed']),
  seen: z.string(),
  advice: z.string().nullable(),
  fix: z.string().nullable().describe('What `repair` would do about it.'),
});

export const verifySchema = z.object({
  pod: z.string(),
  remoteRoot: z.string(),
  ok: z.boolean().describe('True when nothing failed.'),
  checks: z.array(checkSchema),
  milliseconds: z.number(),
});

const marks = { passed: '✓', warning: '!', failed: '✗' } as const;

export const verify = operation({
  name: 'verify',
  title: 'Verify environment',
  description: 'Checks everything that training on the pod needs: connection, disk, Python, packages, GPU, files. Changes nothing.',
  effect: 'read',
  input: z.object({}),
  output: verifySchema,
  examples: [['rpo verify', 'check the selected pod']],
  async handle(context, _input, { signal, progress }) {
    progress({ message: 'looking at the pod' });
    return verifyRecord(await (await context.orchestrator()).verifyEnvironment(signal));
  },
  render: renderVerified,
  exitCode: ({ ok }) => (ok ? 0 : 1),
});

export function verifyRecord(report: VerifyReport): z.output<typeof verifySchema> {
  return { ...report, checks: report.checks.map((check) => ({ ...check, fix: check.fix?.title ?? null })) };
}

/** A table: what was looked at, what was seen, and below what did not pass what to do. */
export function renderVerified({ pod, remoteRoot, ok, checks, milliseconds }: z.output<typeof verifySchema>): string {
  const table = columns(checks.map(({ status, title, seen }) => [`${marks[status]} ${title}`, seen]));
  const lines = checks.flatMap(({ advice, fix }, i) => [
    table[i] ?? '',
    ...(advice === null ? [] : [`    ${advice}`]),
    ...(fix === null ? [] : [`    In one step: ${fix}`]),
  ]);
  const failed = checks.filter((check) => check.status === 'failed').length;
  const mendable = checks.some(({ fix }) => fix !== null) ? ' `rpo repair` does what can be done in one step.' : '';
  const end = ok
    ? `${pod} is ready to train in ${remoteRoot} (${duration(milliseconds)}).${mendable}`
    : `${pod} is not ready: ${count(failed, 'check')} failed.${mendable || ' Do what stands below each ✗, then verify again.'}`;
  return `${fitting(lines, 6_500)}\n${end}`;
}

/** What is kept of each stream for the answer; a face that streams has shown all of it. */
const keptCharacters = 32_000;
/** Characters of an answer beside its output and its command. */
const framing = 250;

export const exec = operation({
  name: 'exec',
  ownCommand: ({ command }) => command,
  title: 'Run a command',
  description:
    "Runs one shell command in the project's folder and environment on the pod and gives its output and exit code. For training use `train`: it outlives the connection.",
  effect: 'destroy',
  input: z.object({
    command: z.string().min(1).describe('The command: one quoted shell line, or words as typed.'),
    timeout: z.number().positive().max(86_400).default(600).describe('Seconds after which the command is stopped on the pod.'),
    characters: z.int().min(200).max(keptCharacters).optional().describe('Maximum number of output characters that an agent gets.'),
    cwd: z.string().min(1).optional().describe('Folder to run in, below the remote root or absolute.'),
  }),
  output: z.object({
    command: z.string(),
    exitCode: z.int(),
    stdout: z.string().describe('Only the last part, if there was much.'),
    stderr: z.string(),
    leftOut: z.int().describe('Number of earlier characters, of both streams, that are left out here.'),
    milliseconds: z.number(),
  }),
  positional: ['command'],
  words: { field: 'command', flags: 'theirs' },
  examples: [
    ['rpo exec nvidia-smi', 'one program with its flags'],
    ["rpo exec 'ls *.log | wc -l'", 'one quoted line: the shell on the pod reads it'],
  ],
  async handle(context, { command, timeout, cwd, characters }, { signal, emit }) {
    const startedAt = Date.now();
    const stdout = new Tail(characters ?? keptCharacters);
    const stderr = new Tail(characters ?? keptCharacters);
    const orchestrator = await context.orchestrator();
    const { exitCode } = await orchestrator.executeCommand(command, {
      timeoutMs: timeout * 1000,
      cwd,
      signal,
      discardOutput: true,
      onStdout: (text) => {
        stdout.add(text);
        emit({ kind: 'output', stream: 'stdout', text });
      },
      onStderr: (text) => {
        stderr.add(text);
        emit({ kind: 'output', stream: 'stderr', text });
      },
    });
    // An agent's line may be a whole script, and it knows it.
    const shown = context.answerLimit === undefined ? command : cut(command, 400);
    const room = Math.min(characters ?? Infinity, (context.answerLimit ?? Infinity) - jsonLength(shown) - framing);
    // What went wrong stands in stderr; it gets up to a half, and all that stdout leaves.
    const err = endWithin(stderr.value, Math.max(room / 2, room - jsonLength(stdout.value)));
    const out = endWithin(stdout.value, room - jsonLength(err));
    return {
      command: shown,
      exitCode,
      stdout: out,
      stderr: err,
      leftOut: stdout.total + stderr.total - out.length - err.length,
      milliseconds: Date.now() - startedAt,
    };
  },
  render({ command, exitCode, stdout, stderr, leftOut, milliseconds }, { eventsShown }) {
    if (eventsShown) return '';
    const part = (name: string, text: string) => (text.trim() === '' ? [] : [`--- ${name}`, text.trimEnd()]);
    return [
      `\`${command}\` ended with exit code ${exitCode} after ${duration(milliseconds)}.`,
      ...(leftOut === 0
        ? []
        : [`${count(leftOut, 'character')} before what follows were left out; \`characters\` gives up to ${keptCharacters}.`]),
      ...part('stdout', stdout),
      ...part('stderr', stderr),
    ].join('\n');
  },
  exitCode: ({ exitCode }) => exitCode,
});
