import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const cli = join(import.meta.dirname, '../../../dist/cli.js');

export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

/** `rpo mcp --http` on a port of its own. */
export async function startHttpServer(project: string, home: string, token: string): Promise<Running> {
  const env = { PATH: process.env['PATH'], HOME: home, RPO_MCP_TOKEN: token };
  const server = spawn(process.execPath, [cli, 'mcp', '--http', '0', '--project', project, '--home', home], { env });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const found = /http:\S+(?=\n)/.exec(said)?.[0];
      if (found) resolve(found);
    });
    void ended.then(() => reject(new Error(`rpo mcp --http ended: ${said}`)));
  });
  return {
    url,
    close: () => {
      server.kill('SIGINT');
      return ended;
    },
  };
}

/** For a client that cannot be told of a token: passes everything on as it is, and adds the token. */
export async function startTokenProxy(target: string, token: string): Promise<Running> {
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const onward = request(new URL(url ?? '/', target), { method, headers: { ...headers, authorization: `Bearer ${token}` } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`,
    close: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
