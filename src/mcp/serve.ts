import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { AgentCaller } from '../agents/caller.ts';
import { serveHttp } from './http.ts';
import { buildServer } from './server.ts';
import type { Serving } from './serving.ts';
import type { ServedTool } from './tools.ts';
import { RunUpdates } from './updates.ts';

export interface ServeOptions {
  readonly version: string;
  readonly tools: readonly ServedTool[];
  readonly caller: AgentCaller;
  /** Ends the server. */
  readonly signal: AbortSignal;
  /** One line for a person; stdout belongs to the protocol. */
  readonly note: (line: string) => void;
  /** A port of this machine instead of stdio; 0: any that is free. */
  readonly http?: { readonly port: number; readonly token: string };
}

/** Serves until the client leaves or the signal comes. */
export async function serveMcp(options: ServeOptions): Promise<void> {
  const updates = new RunUpdates(options.caller);
  const serving: Serving = { version: options.version, tools: options.tools, caller: options.caller, updates };
  try {
    if (options.http) return await serveHttp(serving, { ...options.http, signal: options.signal, note: options.note });
    const ended = new Promise<void>((resolve) => {
      for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => resolve());
      options.signal.addEventListener('abort', () => resolve(), { once: true });
      process.stdout.once('error', () => resolve());
    });
    const handle = serveStdio((context) => buildServer(serving, context, 'connection'), {
      onerror: (error) => options.note(error.message),
    });
    await ended;
    await handle.close();
  } finally {
    updates.dispose();
  }
}
