import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { AgentCaller } from '../agents/caller.ts';
import type { LimitSource } from '../agents/limits.ts';
import { AgentSessions } from '../agents/sessions.ts';
import { toolOf } from '../agents/tools.ts';
import { UserError } from '../core/errors.ts';
import { agentOperations } from '../operations/table.ts';
import { findProjectRoot } from '../project/project.ts';
import type { GlobalFlags } from './program.ts';
import type { Terminal } from './terminal.ts';

interface McpOptions {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly flags: GlobalFlags & Readonly<Record<string, unknown>>;
  readonly version: string;
}

/** `rpo mcp`: one project on one pod for agents, until the client leaves. */
export async function runMcp({ terminal, signal, flags, version }: McpOptions): Promise<void> {
  const projectRoot = resolve(flags.project ?? (await findProjectRoot(process.cwd())) ?? '.');
  const home = flags.home === undefined ? undefined : resolve(flags.home);
  const note = (line: string) => terminal.lines('err', line);
  const log = process.env['RPO_DEBUG'] === '1' ? note : undefined;
  let sessions: AgentSessions | undefined;
  const caller = new AgentCaller({
    projectRoot,
    home,
    limits: limitsOfEditor(),
    context: (limits) => {
      // Nobody can be asked for a passphrase: stdin belongs to the protocol.
      const ports = { ...limits, ...(log ? { log } : {}) };
      sessions = new AgentSessions({ projectRoot, home, pod: flags.pod, ports });
      return { projectRoot, home, ports, orchestrator: sessions.get };
    },
  });
  const http = httpOptions(flags['http'], note);
  try {
    const { serveMcp } = await import('../mcp/serve.ts');
    const tools = agentOperations.map((record) => ({ ...toolOf(record), record }));
    await serveMcp({ version, tools, caller, signal, note, ...(http ? { http } : {}) });
  } finally {
    await sessions?.close();
  }
}

function httpOptions(given: unknown, note: (line: string) => void): { readonly port: number; readonly token: string } | null {
  if (given === undefined) return null;
  const port = given === true ? 0 : Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UserError('bad-argument', `${JSON.stringify(given)} is not a port.`);
  const known = process.env['RPO_MCP_TOKEN'];
  const token = known === undefined || known === '' ? randomBytes(24).toString('base64url') : known;
  if (token !== known) note(`Authorization: Bearer ${token}`);
  return { port, token };
}

/** The editor that started us hands its setting on. */
function limitsOfEditor(): LimitSource | undefined {
  const text = process.env['RPO_AGENT_LIMITS'];
  if (text === undefined || text === '') return undefined;
  try {
    return { given: JSON.parse(text) as unknown, name: 'the setting runpod.agents.limits' };
  } catch {
    throw new UserError(
      'bad-config',
      'RPO_AGENT_LIMITS is no JSON. It holds limits as "agents" in runpod.json does; unset it, or correct it.',
    );
  }
}
