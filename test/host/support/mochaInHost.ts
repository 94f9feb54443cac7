import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';
import { ask, type Request } from './channel.ts';

/** VS Code calls this in the extension host; bundled to `out/test/host/WINDOW/index.js` with the test files beside it. */
export async function run(): Promise<void> {
  const grep = process.env['RPO_TEST_GREP'];
  const mocha = new Mocha({
    ui: 'bdd',
    timeout: 60_000,
    slow: 1000,
    reporter: Streaming,
    ...(grep ? { grep: new RegExp(grep, 'i') } : {}),
  });
  const files = readdirSync(__dirname).filter((name) => name.endsWith('.test.js'));
  for (const name of files.sort()) mocha.addFile(join(__dirname, name));
  try {
    const failures = await new Promise<number>((done) => mocha.run(done));
    await queue;
    await ask({ kind: 'end' });
    // test-electron takes a rejection for failure.
    if (failures > 0) throw new Error(`${failures} failed`);
  } catch (error) {
    await queue;
    if (!/^\d+ failed$/.test((error as Error).message)) await ask({ kind: 'end', error: String((error as Error).stack) });
    throw error;
  }
}

let queue: Promise<unknown> = Promise.resolve();
/** In order, whatever the network does. */
function tell(request: Request): void {
  queue = queue.then(() => ask(request)).catch(() => undefined);
}

class Streaming extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    let depth = 0;
    tell({ kind: 'start', total: runner.total });
    runner.on('suite', (suite) => {
      if (!suite.root) tell({ kind: 'suite', title: suite.title, depth: depth++ });
    });
    runner.on('suite end', (suite) => {
      if (!suite.root) depth--;
    });
    runner.on('pass', (test) => {
      const durationMs = test.duration ?? 0;
      tell({ kind: 'pass', title: test.title, depth, durationMs, slow: durationMs > 1000 });
    });
    runner.on('pending', (test) => tell({ kind: 'skip', title: test.title, depth }));
    runner.on('fail', (test, error: Error & { actual?: unknown; expected?: unknown }) => {
      const compared = error.actual !== undefined && error.expected !== undefined;
      const difference = compared ? `\n${Mocha.reporters.Base.generateDiff(printed(error.actual), printed(error.expected))}` : '';
      tell({ kind: 'fail', title: test.title, depth, path: test.titlePath(), message: `${error.stack ?? String(error)}${difference}` });
    });
  }
}

function printed(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, undefined, 2) ?? String(value));
}
