import { ResourceTemplate, type McpServer } from '@modelcontextprotocol/server';
import type { ServedTool } from './tools.ts';
import type { Changed } from './updates.ts';
import { answerOf, type Serving, silentCall } from './serving.ts';

const runUri = /^rpo:\/\/runs\/([\w-]+)\/(log|summary)$/;

/** The run that a resource is about. */
export function runOfUri(uri: string): string | null {
  return runUri.exec(uri)?.[1] ?? null;
}

/** The runs there are. */
export const listUri = 'rpo://runs';

/** The resources that have changed. */
export function urisOf(what: Changed): string[] {
  return what === 'list' ? [listUri] : urisOfRun(what.run);
}

function urisOfRun(run: string): string[] {
  return [`rpo://runs/${run}/log`, `rpo://runs/${run}/summary`];
}

/** What a resource shows comes through the same operations as tools, and so under the same limits. */
export function registerResources(server: McpServer, serving: Serving): void {
  const tool = (name: string): ServedTool => {
    const found = serving.tools.find((one) => one.name === name);
    if (!found) throw new Error(`There is no tool ${name}.`);
    return found;
  };
  server.registerResource(
    'runs',
    listUri,
    { title: 'Runs on the pod', description: 'The newest runs, whoever started them.', mimeType: 'text/plain' },
    async (uri) => {
      serving.updates.touchList();
      return text(uri, await answerOf(serving, tool('list_runs'), { limit: 50 }));
    },
  );
  const list = async () => {
    const answer = await serving.caller.call(tool('list_runs').record, { limit: 10 }, silentCall);
    const runs = (answer.structured?.['runs'] ?? []) as readonly {
      readonly id: string;
      readonly status: string;
      readonly command: string;
    }[];
    // The newer generation of the protocol subscribes past us: who lists a run that goes on may be about to.
    serving.updates.touchList();
    for (const { id, status } of runs) if (status === 'running') serving.updates.touch(id);
    return {
      resources: runs.flatMap(({ id, status, command }) =>
        urisOfRun(id).map((uri) => ({
          uri,
          name: `${id} ${uri.endsWith('log') ? 'log' : 'summary'}`,
          description: `${status}: ${command}`.slice(0, 120),
          mimeType: 'text/plain',
        })),
      ),
    };
  };
  server.registerResource(
    'run-log',
    new ResourceTemplate('rpo://runs/{run}/log', { list }),
    { title: 'Log of a run', description: 'The end of its output.', mimeType: 'text/plain' },
    async (uri, { run }) => {
      serving.updates.touch(String(run));
      return text(uri, await answerOf(serving, tool('read_log'), { run: String(run), tail: 500, characters: 20_000 }));
    },
  );
  server.registerResource(
    'run-summary',
    new ResourceTemplate('rpo://runs/{run}/summary', { list: undefined }),
    { title: 'Summary of a run', description: 'State, metrics, findings.', mimeType: 'text/plain' },
    async (uri, { run }) => {
      serving.updates.touch(String(run));
      return text(uri, await answerOf(serving, tool('run_status'), { run: String(run) }));
    },
  );
}

function text(uri: URL, body: string) {
  return { contents: [{ uri: uri.href, mimeType: 'text/plain', text: body }] };
}
