import { fromJsonSchema, McpServer, type McpRequestContext } from '@modelcontextprotocol/server';
import { registerCompletions } from './completions.ts';
import { workflows } from './prompts.ts';
import { listUri, registerResources, runOfUri, urisOf } from './resources.ts';
import type { Serving } from './serving.ts';
import { registerTools } from './tools.ts';

const instructions =
  'Trains on a GPU pod over SSH: deploy files, start_training (gives a run id at once), wait_for_event (pass the cursor on), findings on a failure, edit locally or apply_fix, fix_and_retry, download_results, validate. ' +
  'Answers are short: ask read_log for more. A run goes on when you stop waiting.';

/** One server for one connection (or, over HTTP, one request); what they share is in `serving`. */
export function buildServer(serving: Serving, { era }: Pick<McpRequestContext, 'era'>, lives: 'connection' | 'request'): McpServer {
  const server = new McpServer(
    { name: 'runpod-orchestrator', title: 'RunPod Orchestrator', version: serving.version },
    {
      instructions,
      capabilities: {
        tools: { listChanged: false },
        resources: { subscribe: true, listChanged: false },
        prompts: { listChanged: false },
        completions: {},
        logging: {},
      },
    },
  );
  registerTools(server, serving);
  registerResources(server, serving);
  registerCompletions(server, serving);
  for (const workflow of workflows) {
    const { name, title, description, arguments: args } = workflow;
    server.registerPrompt(name, { title, description, argsSchema: promptSchema(args) }, (given) => ({
      description,
      messages: [{ role: 'user', content: { type: 'text', text: workflow.text(given) } }],
    }));
  }
  if (lives === 'connection') subscriptions(server, serving, era);
  return server;
}

/** The older generation of the protocol subscribes by a request; the newer one listens, and the SDK filters what we tell. */
function subscriptions(server: McpServer, serving: Serving, era: 'legacy' | 'modern'): void {
  const subscribed = new Set<string>();
  if (era === 'legacy') {
    server.server.setRequestHandler('resources/subscribe', ({ params }) => {
      subscribed.add(params.uri);
      const run = runOfUri(params.uri);
      if (run !== null) serving.updates.touch(run);
      if (params.uri === listUri) serving.updates.touchList();
      return {};
    });
    server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
      subscribed.delete(params.uri);
      return {};
    });
  }
  const stop = serving.updates.listen(
    () => {
      if (subscribed.has(listUri)) serving.updates.touchList();
      return era === 'modern' || subscribed.size > 0;
    },
    (what) => {
      for (const uri of urisOf(what))
        if (era === 'modern' || subscribed.has(uri)) void server.server.sendResourceUpdated({ uri }).catch(() => {});
    },
  );
  server.server.onclose = stop;
}

function promptSchema(args: (typeof workflows)[number]['arguments']) {
  return fromJsonSchema<Record<string, string | undefined>>({
    type: 'object',
    properties: Object.fromEntries(Object.entries(args).map(([name, { description }]) => [name, { type: 'string' as const, description }])),
    required: Object.keys(args).filter((name) => args[name]?.required),
  });
}
