import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AgentCaller } from '../agents/caller.ts';
import { toolOf } from '../agents/tools.ts';
import { UserError } from '../core/errors.ts';
import type { OperationContext } from '../operations/operation.ts';
import { agentOperations } from '../operations/table.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { Home } from '../project/home.ts';
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
  let sessions: Sessions | undefined;
  const caller = new AgentCaller({
    projectRoot,
    home,
    context: (limits) => {
      // Nobody can be asked for a passphrase: stdin belongs to the protocol.
      const ports = { ...limits, ...(log ? { log } : {}) };
      sessions = new Sessions({ projectRoot, home, pod: flags.pod, ports });
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

/** The project on its pod, opened when first needed and anew when runpod.json or pods.json has changed. */
class Sessions {
  private readonly opened: { readonly stamp: string; readonly orchestrator: Promise<Orchestrator> }[] = [];

  constructor(
    private readonly options: {
      readonly projectRoot: string;
      readonly home: string | undefined;
      readonly pod: string | undefined;
      readonly ports: OperationContext['ports'];
    },
  ) {}

  readonly get = async (): Promise<Orchestrator> => {
    const { projectRoot, home, pod, ports } = this.options;
    const stamp = await stampOf([join(projectRoot, 'runpod.json'), new Home(home).podsFile]);
    const known = this.opened.at(-1);
    if (known?.stamp === stamp) return known.orchestrator;
    const facade = await import('../orchestrator.ts');
    const next = { stamp, orchestrator: facade.Orchestrator.open({ projectRoot, pod, home, ...ports }) };
    this.opened.push(next);
    // What could not be opened is tried again; what a call may still use is closed one change later.
    next.orchestrator.catch(() => this.opened.splice(this.opened.indexOf(next), 1));
    if (this.opened.length > 2) void this.closed(this.opened.shift());
    return next.orchestrator;
  };

  async close(): Promise<void> {
    await Promise.all(this.opened.splice(0).map(async (one) => this.closed(one)));
  }

  private async closed(one: { readonly orchestrator: Promise<Orchestrator> } | undefined): Promise<void> {
    await (await one?.orchestrator.catch(() => undefined))?.close();
  }
}

async function stampOf(files: readonly string[]): Promise<string> {
  const infos = await Promise.all(files.map(async (file) => stat(file).catch(() => null)));
  return infos.map((info) => (info ? `${info.mtimeMs} ${info.size}` : 'none')).join(' ');
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
