import { z } from 'zod';
import { messageOf, UserError } from '../core/errors.ts';
import { renderVerified, verifyRecord, verifySchema } from './inspect.ts';
import { operation } from './operation.ts';
import { bounded } from './text.ts';

export const repair = operation({
  name: 'repair',
  title: 'Repair environment',
  description:
    'Does what verify offers in one step each: creates the environment, deploys missing files, installs missing packages; then verifies again.',
  effect: 'destroy',
  input: z.object({
    checks: z.array(z.string().min(1)).default([]).describe('Ids of checks, e.g. package:numpy; default: all that can be repaired.'),
  }),
  output: z.object({
    done: z.array(z.object({ check: z.string(), title: z.string(), error: z.string().nullable().describe('Why it did not work.') })),
    after: verifySchema,
  }),
  positional: ['checks'],
  examples: [
    ['rpo repair', 'everything that can be repaired in one step'],
    ['rpo repair package:xgboost', 'only that'],
  ],
  async handle(context, { checks }, { signal, progress, emit }) {
    const orchestrator = await context.orchestrator();
    progress({ message: 'looking at the pod' });
    const before = await orchestrator.verifyEnvironment(signal);
    const mendable = before.checks.filter(({ fix }) => fix !== null);
    const unknown = checks.filter((id) => !mendable.some((check) => check.id === id));
    if (unknown.length > 0) {
      const known = mendable.length === 0 ? 'Nothing can be' : `These can: ${mendable.map(({ id }) => id).join(', ')}`;
      throw new UserError('bad-argument', `${unknown.join(', ')} cannot be repaired in one step. ${known}.`);
    }
    const done: { check: string; title: string; error: string | null }[] = [];
    // One after the other and in order: packages go into the environment that was made before.
    for (const { id, fix } of mendable) {
      if (fix === null || (checks.length > 0 && !checks.includes(id))) continue;
      progress({ message: fix.title });
      emit({ kind: 'note', text: `${fix.title} ...` });
      const error = await orchestrator.environment
        .repair(fix, { signal, onOutput: (text) => emit({ kind: 'output', stream: 'stdout', text }) })
        .then(() => null)
        .catch((reason: unknown) => {
          if (signal.aborted) throw reason;
          return messageOf(reason);
        });
      done.push({ check: id, title: fix.title, error });
    }
    return { done, after: verifyRecord(await orchestrator.verifyEnvironment(signal)) };
  },
  render({ done, after }) {
    const lines = done.map(({ title, error }) => (error === null ? `✓ ${title}` : `✗ ${error.slice(0, 300)}`));
    return [...(lines.length > 0 ? bounded(lines, 5, 'step') : ['There was nothing to repair.']), '', renderVerified(after)].join('\n');
  },
  exitCode: ({ done, after }) => (after.ok && done.every(({ error }) => error === null) ? 0 : 1),
});
