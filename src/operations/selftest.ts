import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { z } from 'zod';
import { messageOf, throwIfCancelled, UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { operation } from './operation.ts';
import { columns, count, duration } from './text.ts';

const stepSchema = z.object({
  name: z.string(),
  ok: z.boolean(),
  seen: z.string().describe('The result, or why it failed.'),
  milliseconds: z.number(),
});

/** More than one of ssh2's windows, and no multiple of any block size. */
const sampleBytes = 3 * 1024 * 1024 + 7;

export const selftest = operation({
  name: 'selftest',
  audience: 'people',
  title: 'Self-test',
  description:
    'Tries everything the other commands rely on with real work: connects, sends a file and a folder there and back byte for byte, sets up the environment, imports the deployed modules. Cleans up after itself.',
  effect: 'write',
  input: z.object({}),
  output: z.object({ pod: z.string(), ok: z.boolean(), steps: z.array(stepSchema), milliseconds: z.number() }),
  examples: [['rpo selftest', 'does everything work from here to the selected pod?']],
  async handle(context, _input, { signal, progress }) {
    const startedAt = Date.now();
    const orchestrator = await context.orchestrator();
    const local = await mkdtemp(join(tmpdir(), 'rpo-selftest-'));
    const remote = posix.join('.runpod', `selftest-${randomBytes(4).toString('hex')}`);
    const steps: z.output<typeof stepSchema>[] = [];
    try {
      for (const [name, run] of stepsOf(orchestrator, local, remote, signal)) {
        throwIfCancelled(signal, 'The self-test');
        progress({ message: name });
        const begun = Date.now();
        const result = await run().then(
          (seen) => ({ ok: true, seen }),
          (error: unknown) => ({ ok: false, seen: messageOf(error) }),
        );
        steps.push({ name, ...result, milliseconds: Date.now() - begun });
        // Without a connection each step would wait for the same time-out and say the same.
        if (name === 'connection' && !result.ok) break;
      }
    } finally {
      await rm(local, { recursive: true, force: true });
      // Interrupted half-way, the step that cleans up is not reached; what interrupted the rest must not hold this up.
      if (!steps.some(({ name, ok }) => name === 'clean-up' && ok) && steps.some(({ name, ok }) => name === 'connection' && ok))
        await cleanUp(orchestrator, remote).catch(() => undefined);
    }
    return { pod: orchestrator.pod.name, ok: steps.every(({ ok }) => ok), steps, milliseconds: Date.now() - startedAt };
  },
  render({ pod, ok, steps, milliseconds }) {
    const rows = steps.map((step) => [`${step.ok ? '✓' : '✗'} ${step.name}`, duration(step.milliseconds), step.seen.slice(0, 500)]);
    const failed = steps.filter((step) => !step.ok).length;
    const end = ok ? `Everything works with ${pod}` : `${count(failed, 'step')} failed with ${pod}; \`rpo verify\` looks closer`;
    return [...columns(rows), `${end} (${duration(milliseconds)}).`].join('\n');
  },
  exitCode: ({ ok }) => (ok ? 0 : 1),
});

function stepsOf(
  orchestrator: Orchestrator,
  local: string,
  remote: string,
  signal: AbortSignal,
): readonly (readonly [name: string, run: () => Promise<string>])[] {
  const sample = randomBytes(sampleBytes);
  return [
    [
      'connection',
      async () => {
        await orchestrator.pod.exec(':', { timeoutMs: 60_000, signal });
        const begun = Date.now();
        await orchestrator.pod.exec(':', { timeoutMs: 60_000, signal });
        return `connected; a command takes ${duration(Date.now() - begun)}`;
      },
    ],
    [
      'file',
      async () => {
        await writeFile(join(local, 'sample.bin'), sample);
        await orchestrator.uploadFile(join(local, 'sample.bin'), posix.join(remote, 'sample.bin'), { signal });
        await orchestrator.downloadFile(posix.join(remote, 'sample.bin'), join(local, 'back.bin'), { signal });
        expect((await readFile(join(local, 'back.bin'))).equals(sample), 'The file that came back is not the one that was sent.');
        return `${sampleBytes.toLocaleString('en-US')} bytes there and back, the same`;
      },
    ],
    [
      'folder',
      async () => {
        const sent = await makeTree(join(local, 'tree'));
        await orchestrator.uploadDirectory(join(local, 'tree'), posix.join(remote, 'tree'), { signal });
        await orchestrator.downloadDirectory(posix.join(remote, 'tree'), join(local, 'tree-back'), { signal });
        const back = await readTree(join(local, 'tree-back'));
        const wrong = [...new Set([...sent.keys(), ...back.keys()])].filter((path) => sent.get(path) !== back.get(path));
        expect(wrong.length === 0, `The folder came back otherwise: ${wrong.join(', ')}.`);
        return `${sent.size} files there and back, the same`;
      },
    ],
    [
      'environment',
      async () => {
        const { exitCode, stdout, stderr } = await orchestrator.executeCommand('"$(command -v python || command -v python3)" -V 2>&1', {
          timeoutMs: 60_000,
          signal,
        });
        expect(exitCode === 0, (stderr || stdout).trim() || `Python ended with exit code ${exitCode}.`);
        return stdout.trim();
      },
    ],
    ['imports', async () => importsOf(orchestrator, signal)],
    [
      'clean-up',
      async () => {
        await cleanUp(orchestrator, remote, signal);
        return 'nothing is left on the pod';
      },
    ],
  ];
}

async function cleanUp(orchestrator: Orchestrator, remote: string, signal?: AbortSignal): Promise<void> {
  const folder = quote(posix.join(orchestrator.remoteRoot, remote));
  const { exitCode, stderr } = await orchestrator.pod.exec(`rm -rf -- ${folder}`, { timeoutMs: 60_000, signal });
  expect(exitCode === 0, stderr.trim());
}

async function importsOf(orchestrator: Orchestrator, signal: AbortSignal): Promise<string> {
  const sources = Object.keys(await orchestrator.files.deployedSources()).filter((path) => path.endsWith('.py'));
  if (sources.length === 0) return 'nothing is deployed yet, so there is nothing to import';
  const checked = await orchestrator.training.checkSources(sources, orchestrator.project.config.train.command ?? '', signal);
  if (checked === null) throw new UserError('remote-failed', 'Python on the pod did not answer.');
  const [first] = checked.problems;
  if (first) throw new UserError('run-failed', `${first.file}:${first.line}: ${first.message}${more(checked.problems.length - 1)}`);
  return `${count(checked.imported.length, 'module')} of the project can be imported`;
}

function more(number: number): string {
  return number > 0 ? ` (and ${number} more)` : '';
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new UserError('transfer-corrupt', otherwise);
}

/** Names and contents that naive transfers stumble over. */
async function makeTree(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = { 'empty.txt': '', 'a b/ü "quoted".txt': 'spaces and quotes\n', 'deep/er/$HOME.py': 'print("no shell")\r\n' };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return readTree(folder);
}

async function readTree(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const)));
}
