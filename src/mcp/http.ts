import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  InMemoryServerEventBus,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server';
import { messageOf, UserError } from '../core/errors.ts';
import { urisOf } from './resources.ts';
import { buildServer } from './server.ts';
import type { Serving } from './serving.ts';
import { Sessions } from './sessions.ts';

export interface HttpOptions {
  readonly port: number;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly note: (line: string) => void;
}

/**
 * One long-lived server for several clients of this machine. Only the loopback address listens, every request needs the token, and the Host and Origin headers must
 * name this machine, so that no web page can reach it by a name of its own (DNS rebinding).
 */
export async function serveHttp(serving: Serving, { port, token, signal, note }: HttpOptions): Promise<void> {
  const bus = new InMemoryServerEventBus();
  const handler = createMcpHandler((context) => buildServer(serving, context, 'request'), {
    bus,
    legacy: 'reject',
    onerror: (error) => note(error.message),
  });
  const sessions = new Sessions(serving);
  serving.updates.listen(
    () => bus.listenerCount > 0,
    (what) => urisOf(what).forEach((uri) => handler.notify.resourceUpdated(uri)),
  );
  const respond = async (request: Request): Promise<Response> => {
    const refused =
      hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? originValidationResponse(request, localhostAllowedOrigins());
    if (refused) return refused;
    if (new URL(request.url).pathname !== '/mcp') return new Response('The address is /mcp.\n', { status: 404 });
    if (!isToken(request.headers.get('authorization'), token))
      return new Response('A bearer token is needed.\n', { status: 401, headers: { 'www-authenticate': 'Bearer' } });
    return (await isLegacyRequest(request)) ? sessions.respond(request) : handler.fetch(request);
  };
  const server = createServer((incoming, outgoing) => {
    void relay(incoming, outgoing, respond).catch((error: unknown) => {
      note(messageOf(error));
      outgoing.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new UserError(
          'bad-argument',
          `Port ${port} cannot be used (${error.code ?? error.message}). Choose another, or 0 for any that is free.`,
        ),
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  note(`MCP server on http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.all([handler.close(), sessions.close()]);
  server.closeAllConnections();
  server.close();
}

/** Compared in a time that says nothing of the token. */
function isToken(header: string | null, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`));
}

/** Between Node's streams and the web's, which the SDK speaks. */
async function relay(incoming: IncomingMessage, outgoing: ServerResponse, respond: (request: Request) => Promise<Response>): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const method = incoming.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2)
    headers.append(incoming.rawHeaders[i] ?? '', incoming.rawHeaders[i + 1] ?? '');
  const request = new Request(new URL(incoming.url ?? '/', 'http://127.0.0.1'), {
    method,
    headers,
    signal: gone.signal,
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' } : {}),
  });
  const response = await respond(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  try {
    for await (const chunk of Readable.fromWeb(response.body as ReadableStream<Uint8Array>)) {
      if (outgoing.destroyed) break;
      outgoing.write(chunk);
    }
  } catch {
    // The client left.
  }
  outgoing.end();
}
