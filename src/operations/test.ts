import { z } from 'zod';
import { operation } from './operation.ts';
import { columns, duration } from './text.ts';

const stepSchema = z.object({
  id: z.enum(['dns', 'tcp', 'banner', 'kex', 'host-key', 'auth', 'session']),
  title: z.string(),
  status: z.enum(['passed', 'failed', 'skipped']),
  seen: z.string(),
  advice: z.string().nullable().describe('What to do; null unless it failed.'),
  milliseconds: z.number().nullable(),
});

const marks = { passed: '✓', failed: '✗', skipped: '-' } as const;

export const test = operation({
  name: 'test',
  audience: 'people',
  title: 'Test connection',
  description:
    'Connects to a pod step by step (name, TCP, SSH banner, key exchange, host key, authentication, a command) and tells what each came to, and of the one that fails what to do.',
  effect: 'read',
  input: z.object({ name: z.string().min(1).optional().describe('Name of the pod; default: the selected one.') }),
  output: z.object({ pod: z.string(), address: z.string(), ok: z.boolean(), steps: z.array(stepSchema) }),
  positional: ['name'],
  examples: [['rpo test', 'why can the selected pod not be reached?']],
  async handle(context, { name }, { signal, progress }) {
    progress({ message: 'connecting' });
    const { diagnosePod } = await import('../orchestrator.ts');
    const { pod, address, ok, steps } = await diagnosePod({
      pod: name ?? context.pod,
      home: context.home,
      askPassphrase: context.ports.askPassphrase,
      askApiKey: context.ports.askApiKey,
      signal,
    });
    return { pod, address, ok, steps: steps.map((step) => ({ ...step })) };
  },
  render({ pod, address, ok, steps }) {
    const rows = columns(
      steps.map(({ title, status, seen, milliseconds }) => [
        `${marks[status]} ${title}`,
        milliseconds === null ? '' : duration(milliseconds),
        seen.slice(0, 500),
      ]),
    );
    const lines = steps.flatMap(({ advice }, i) => [rows[i] ?? '', ...(advice === null ? [] : [`    ${advice}`])]);
    const failed = steps.find(({ status }) => status === 'failed');
    const end = failed
      ? `${pod} (${address}) cannot be used: ${failed.title.toLowerCase()} failed.`
      : `${pod} (${address}) can be reached and used.`;
    return [...lines, ok ? `${end} \`rpo verify\` looks at what training needs.` : end].join('\n');
  },
  exitCode: ({ ok }) => (ok ? 0 : 1),
});
