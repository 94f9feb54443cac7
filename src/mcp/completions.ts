import type { McpServer } from '@modelcontextprotocol/server';
import type { Serving } from './serving.ts';

const maxValues = 100;

/** Completes `run` and `model`, which are the same words wherever they are asked for; any other argument is free text and completes to nothing. */
export function registerCompletions(server: McpServer, { caller }: Serving): void {
  server.server.setRequestHandler('completion/complete', async ({ params }) => {
    const { name, value } = params.argument;
    const known = name === 'run' || name === 'model' ? await caller.known(name) : [];
    const values = known.filter((word) => word.startsWith(value));
    return { completion: { values: values.slice(0, maxValues), total: values.length, hasMore: values.length > maxValues } };
  });
}
