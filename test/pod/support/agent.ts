import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type ClientOptions } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { TestPod } from './pod.ts';
import { rpo } from './rpo.ts';

const cli = join(import.meta.dirname, '../../../dist/cli.js');

/** What an agent sees of a tool call. */
export interface ToolAnswer {
  readonly isError: boolean;
  readonly text: string;
  readonly structured: Readonly<Record<string, unknown>>;
}

/** An agent's program: the SDK's client with `rpo mcp` as its child. */
export class Agent {
  private constructor(
    readonly client: Client,
    readonly transport: StdioClientTransport,
  ) {}

  static async start(project: string, home: string, options: ClientOptions = { versionNegotiation: { mode: 'auto' } }): Promise<Agent> {
    const client = new Client({ name: 'scripted-agent', version: '1' }, options);
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [cli, 'mcp', '--project', project, '--home', home],
      env: { PATH: process.env['PATH'] ?? '', HOME: home },
      stderr: 'inherit',
    });
    await client.connect(transport);
    return new Agent(client, transport);
  }

  async call(name: string, args: Record<string, unknown> = {}, signal?: AbortSignal): Promise<ToolAnswer> {
    const result = await this.client.callTool({ name, arguments: args }, { timeout: 100_000, signal });
    const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
    return { isError: result.isError === true, text, structured: (result.structuredContent ?? {}) as Readonly<Record<string, unknown>> };
  }

  /** As an agent is meant to: again and again with the last cursor, until something happens. */
  async waitFor(run: string): Promise<ToolAnswer> {
    for (let cursor: unknown; ;) {
      const answer = await this.call('wait_for_event', cursor === undefined ? { run, timeoutSeconds: 20 } : { cursor, timeoutSeconds: 20 });
      if (answer.isError || (answer.structured['events'] as unknown[]).length > 0) return answer;
      cursor = answer.structured['cursor'];
    }
  }

  /** A failure is often told before the process has ended: until it has, whatever is told on the way. */
  async waitForEnd(run: string): Promise<ToolAnswer> {
    for (let cursor: unknown; ;) {
      const answer = await this.call('wait_for_event', cursor === undefined ? { run, kinds: ['finish'] } : { cursor, kinds: ['finish'] });
      if (answer.isError || (answer.structured['events'] as { kind: string }[]).some(({ kind }) => kind === 'finish')) return answer;
      cursor = answer.structured['cursor'];
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** A home whose only pod is this one. */
export async function homeWith({ practice, tmp }: TestPod): Promise<string> {
  const home = join(tmp, 'home');
  await mkdir(home, { recursive: true });
  const { host, port, user, identityFile, workspace } = practice;
  const line = `ssh ${user}@${host} -p ${port} -i ${identityFile}`;
  const added = await rpo(['pods', 'add', line, '--name', 'p', '--workspace', workspace], { cwd: tmp, home });
  if (added.exitCode !== 0) throw new Error(added.stderr);
  return home;
}
