import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { SourceMap, type SourceMapPayload } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, relative, resolve } from 'node:path';
import type { Reply, Request } from './channel.ts';
import { root } from './workspace.ts';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed, for the list at the end of npm test. */
  failures: string[];
}

/** Nothing heard from the window for so long: it hangs. Longer than any single test may take. */
const silenceMs = 6 * 60_000;
const startMs = 120_000;

/** Listens to the tests in one window, prints what happens as it happens, counts. */
export class Report {
  readonly counts: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  /** What is wrong beyond failed tests, or undefined when all of them ran. */
  readonly finished: Promise<string | undefined>;
  private finish!: (problem: string | undefined) => void;
  private timer: NodeJS.Timeout;
  private readonly server: Server;

  private constructor(private readonly answer: (request: Request) => Promise<Reply>) {
    this.finished = new Promise((done) => (this.finish = done));
    this.timer = setTimeout(() => this.finish('No test started.'), startMs);
    this.server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const request = JSON.parse(Buffer.concat(chunks).toString()) as Request;
        this.hear(request)
          .catch((error: unknown): Reply => ({ error: String(error) }))
          .then((reply) => outgoing.end(JSON.stringify(reply)))
          .catch(console.error);
      });
    });
  }

  /** `answer` may look at each request before it is counted, and gives what a person's action gave. */
  static async open(answer: (request: Request) => Promise<Reply>): Promise<Report> {
    const report = new Report(answer);
    await new Promise<void>((done) => report.server.listen(0, '127.0.0.1', done));
    return report;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** A failure that is not a test's. */
  fail(what: string): void {
    this.counts.failed++;
    this.counts.failures.push(what);
  }

  close(): Counts {
    clearTimeout(this.timer);
    this.server.close();
    this.counts.failures.forEach((failure, i) => {
      console.log(`\n  ${i + 1}) ${failure.replaceAll('\n', '\n     ')}`);
    });
    return this.counts;
  }

  private async hear(request: Request): Promise<Reply> {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.finish(`Nothing was heard from the window for ${silenceMs / 60_000} minutes.`), silenceMs);
    const reply = await this.answer(request);
    const indent = 'depth' in request ? '  '.repeat(request.depth + 2) : '';
    switch (request.kind) {
      case 'start':
      case 'person':
        break;
      case 'suite':
        console.log(`${indent}${request.title}`);
        break;
      case 'pass':
        this.counts.passed++;
        console.log(`${indent}✔ ${request.title}${request.slow ? ` (${(request.durationMs / 1000).toFixed(1)} s)` : ''}`);
        break;
      case 'skip':
        this.counts.skipped++;
        console.log(`${indent}- ${request.title}`);
        break;
      case 'fail':
        this.fail(`${request.path.join(' › ')}\n${atSource(request.message)}`);
        console.log(`${indent}✘ ${request.title}`);
        break;
      case 'end':
        this.finish(request.error);
        break;
    }
    return reply;
  }
}

/** The extension host makes stack traces its own way, without node's source maps, so they are applied out here. */
function atSource(stack: string): string {
  const maps = new Map<string, SourceMap>();
  return stack.replace(
    /((?:\/|[A-Z]:\\)[^()\n]*[\\/]out[\\/]test[\\/]host[\\/][^():\n]+\.js):(\d+):(\d+)/g,
    (place: string, file: string, line: string, column: string) => {
      if (!maps.has(file) && existsSync(file)) {
        const encoded = /sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(readFileSync(file, 'utf8'))?.[1];
        if (encoded) maps.set(file, new SourceMap(JSON.parse(Buffer.from(encoded, 'base64').toString()) as SourceMapPayload));
      }
      const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry || !('originalSource' in entry)) return place;
      return `${relative(root, resolve(dirname(file), entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    },
  );
}
