import { z } from 'zod';
import { operation } from './operation.ts';
import { duration } from './text.ts';

export const reinstall = operation({
  name: 'reinstall',
  audience: 'people',
  title: 'Reinstall the project',
  description:
    "Installs what the project needs into its environment on the pod: requirements.txt, then the project itself, editable (`pip install -e .`). Sends these files first if the pod's differ.",
  effect: 'write',
  input: z.object({
    what: z.enum(['both', 'requirements', 'project']).default('both').describe('What of it.'),
    force: z.boolean().default(false).describe('Also replace files that were changed on the pod since.'),
  }),
  output: z.object({ pod: z.string(), commands: z.array(z.string()), milliseconds: z.number() }),
  positional: ['what'],
  examples: [
    ['rpo reinstall', 'requirements.txt, then the project'],
    ['rpo reinstall requirements', 'only what requirements.txt names'],
  ],
  async handle(context, { what, force }, { signal, progress, emit }) {
    const orchestrator = await context.orchestrator();
    const startedAt = Date.now();
    progress({ message: 'installing' });
    const commands = await orchestrator.environment.reinstall(what, {
      force,
      signal,
      onCommand: (text) => emit({ kind: 'note', text: `> ${text}` }),
      onOutput: (text) => emit({ kind: 'output', stream: 'stdout', text }),
    });
    return { pod: orchestrator.pod.name, commands: [...commands], milliseconds: Date.now() - startedAt };
  },
  render: ({ pod, commands, milliseconds }) =>
    `Installed on ${pod} with ${commands.map((text) => `\`${text}\``).join(' and ')} (${duration(milliseconds)}).`,
});
