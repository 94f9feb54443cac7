import { z } from 'zod';
import { agentOperations } from '../operations/table.ts';
import { agentLimitsSchema } from '../project/schema.ts';
import { toolOf } from './tools.ts';

/** Names of tools are shared by all extensions of an editor. */
export const toolPrefix = 'runpod_';

/** `contributes.languageModelTools` of package.json. `node --import tsx .ci/schema.ts` writes it; a test fails when it is stale. */
export function languageModelTools() {
  return agentOperations.map((record) => {
    const { name, title, description, input } = toolOf(record);
    return {
      name: toolPrefix + name,
      toolReferenceName: `runpod${name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}`,
      displayName: `RunPod: ${title}`,
      modelDescription: description,
      userDescription: title,
      canBeReferencedInPrompt: true,
      icon: '$(server-process)',
      tags: ['runpod'],
      when: "config.runpod.agents.offer == 'both' || config.runpod.agents.offer == 'tools'",
      inputSchema: input,
    };
  });
}

/** What the setting runpod.agents.limits may hold. */
export function limitsProperties(): unknown {
  return z.toJSONSchema(agentLimitsSchema, { io: 'input', target: 'draft-7' }).properties;
}
