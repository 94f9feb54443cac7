import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The example that RunPod's OpenAPI document gives for `GET /v2/pods/{id}`. */
const example = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/runpodPod.json'), 'utf8')) as {
  readonly id: string;
  readonly ssh: { readonly proxy: unknown };
};

export const fakePodId = example.id;
export const fakeKey = 'rpa_FAKE';

type Direct = { readonly host: string; readonly port: number; readonly username: string } | null;

/** A fake of RunPod's REST API v2: one pod, answered as its OpenAPI document says; nothing of the real one is asked. */
export class FakeRunpod {
  asked = 0;
  pod: { status: string; direct: Direct } = { status: 'RUNNING', direct: null };
  /** Answered instead, if given. */
  refuse: { readonly status: number; readonly title: string; readonly headers?: Record<string, string> } | undefined;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeRunpod> {
    const server = createServer((request, response) => {
      fake.asked++;
      const problem = (status: number, title: string, headers: Record<string, string> = {}) =>
        response
          .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
          .end(JSON.stringify({ title, status, detail: title.toLowerCase() }));
      if (fake.refuse) return void problem(fake.refuse.status, fake.refuse.title, fake.refuse.headers);
      if (request.headers.authorization !== `Bearer ${fakeKey}`) return void problem(401, 'Unauthorized');
      if (request.method !== 'GET' || request.url !== `/v2/pods/${fakePodId}`) return void problem(404, 'Not Found');
      const { status, direct } = fake.pod;
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ ...example, status, ssh: { ...example.ssh, direct } }));
    });
    const fake = new FakeRunpod(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
