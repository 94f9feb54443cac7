import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homeWith } from './support/agent.ts';
import { startHttpServer, startTokenProxy } from './support/httpServer.ts';
import { newerNode } from './support/newerNode.ts';
import { usePod } from './support/pod.ts';

const root = join(import.meta.dirname, '../..');
const suite = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');

describe('the official conformance suite', () => {
  const t = usePod();

  it('passes in every server scenario that does not ask for its own demonstration server', async () => {
    const project = join(t.tmp, 'project');
    await mkdir(project);
    await writeFile(join(project, 'runpod.json'), '{}');
    const server = await startHttpServer(project, await homeWith(t), 'secret');
    const proxy = await startTokenProxy(server.url, 'secret');
    try {
      const args = [
        suite,
        'server',
        '--url',
        proxy.url,
        '--suite',
        'all',
        '--expected-failures',
        join(import.meta.dirname, 'conformance.yml'),
      ];
      const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
        const child = execFile(newerNode, args, { maxBuffer: 64_000_000 }, (_, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
        );
      });
      const summary = output.slice(output.indexOf('=== SUMMARY'));
      assert.equal(code, 0, summary);
      assert.match(summary, /✓ resources-subscribe: 1 passed, 0 failed/);
    } finally {
      await proxy.close();
      await server.close();
    }
  });
});
