import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  fromJsonSchema,
  type JsonSchemaType,
  type jsonSchemaValidator,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Tool } from '../agents/tools.ts';
import type { Operation, Progress } from '../operations/operation.ts';
import type { Serving } from './serving.ts';

/** A tool, and the operation behind it. */
export interface ServedTool extends Tool {
  readonly record: Operation;
}

/** Arguments are judged by the operation itself, whose sentences say what to do; the client still gets the schema. */
const unjudged: jsonSchemaValidator = {
  getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }),
};

export function registerTools(server: McpServer, serving: Serving): void {
  for (const tool of serving.tools) {
    server.registerTool(
      tool.name,
      {
        title: tool.title,
        description: tool.description,
        inputSchema: fromJsonSchema(tool.input as JsonSchemaType, unjudged),
        outputSchema: fromJsonSchema(tool.output as JsonSchemaType, unjudged),
        annotations: { title: tool.title, ...tool.annotations },
      },
      async (args, context): Promise<CallToolResult> => call(server, serving, tool, args, context),
    );
  }
}

async function call(
  server: McpServer,
  { caller, updates }: Serving,
  { record }: ServedTool,
  args: unknown,
  context: ServerContext,
): Promise<CallToolResult> {
  caller.introduce(clientName(server, context));
  const { ok, text, structured } = await caller.call(record, args, {
    signal: context.mcpReq.signal,
    progress: progressOf(context),
    emit: (event) => {
      // The SDK sends what the client's log level lets through. Deprecated in favour of stderr, which clients of today show to nobody.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      if (event.kind === 'note') void context.mcpReq.log('info', event.text, 'runpod-orchestrator').catch(() => {});
    },
  });
  const run = structured?.['run'];
  if (typeof run === 'string') updates.touch(run);
  return { content: [{ type: 'text', text }], ...(ok && structured ? { structuredContent: structured } : { isError: true }) };
}

/** The newer generation of the protocol says with every request who asks, the older one when it connects. */
function clientName(server: McpServer, { mcpReq }: ServerContext): string | undefined {
  const envelope = mcpReq.envelope as Readonly<Record<string, { readonly name?: unknown } | undefined>> | undefined;
  const name = envelope?.[CLIENT_INFO_META_KEY]?.name;
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return typeof name === 'string' ? name : server.server.getClientVersion()?.name;
}

/** Progress must grow; where an operation has only words, they are counted. */
function progressOf(context: ServerContext): (progress: Progress) => void {
  const token = context.mcpReq._meta?.progressToken;
  if (token === undefined) return () => {};
  let last = -1;
  let lastMs = 0;
  return ({ message, done, total }) => {
    const isDone = done !== undefined && done === total;
    if (!isDone && Date.now() - lastMs < 200 && done !== undefined) return;
    lastMs = Date.now();
    last = Math.max(last + 1, done ?? 0);
    const params = { progressToken: token, progress: last, message, ...(total === undefined || total < last ? {} : { total }) };
    void context.mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {});
  };
}
