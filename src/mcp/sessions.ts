import { randomUUID } from 'node:crypto';
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { buildServer } from './server.ts';
import type { Serving } from './serving.ts';

interface Session {
  readonly server: McpServer;
  readonly transport: WebStandardStreamableHTTPServerTransport;
}

/** Clients do not always say that they leave: above this many, the session that was silent for longest goes. */
const maxSessions = 64;

/**
 * Clients that speak an older generation of the protocol over HTTP. Each has a session, and in it a stream on which it is told what it subscribed to; the newer
 * generation needs none.
 */
export class Sessions {
  /** The one that was used last comes last. */
  private readonly sessions = new Map<string, Session>();

  constructor(private readonly serving: Serving) {}

  async respond(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id === null) return this.begin(request);
    const session = this.sessions.get(id);
    // 404 makes a client connect anew: this server was started again, say.
    if (!session)
      return Response.json({ jsonrpc: '2.0', error: { code: -32_001, message: 'Session not found' }, id: null }, { status: 404 });
    this.sessions.delete(id);
    this.sessions.set(id, session);
    return session.transport.handleRequest(request);
  }

  async close(): Promise<void> {
    await Promise.all([...this.sessions.values()].map(async ({ server }) => server.close()));
  }

  private async begin(request: Request): Promise<Response> {
    const server = buildServer(this.serving, { era: 'legacy' }, 'connection');
    const transport: Session['transport'] = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => this.keep(id, { server, transport }),
      onsessionclosed: (id) => {
        this.sessions.delete(id);
      },
    });
    await server.connect(transport);
    const response = await transport.handleRequest(request);
    // What did not begin with `initialize` was refused.
    if (transport.sessionId === undefined) await server.close();
    return response;
  }

  private async keep(id: string, session: Session): Promise<void> {
    this.sessions.set(id, session);
    const [oldest] = this.sessions.keys();
    if (this.sessions.size <= maxSessions || oldest === undefined) return;
    const leaving = this.sessions.get(oldest);
    this.sessions.delete(oldest);
    await leaving?.server.close();
  }
}
