import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { channelVariable, type Reply, type Request } from './channel.ts';
import { startEditor, root, type Editor, type EditorOptions } from './editor.ts';

/** The windows that tests run in; each has its folder of test files. `editor.ts` explains them to who writes tests. */
const windows: Readonly<Record<string, { folder: string; options: EditorOptions }>> = {
  editor: { folder: 'test/host', options: {} },
  untrusted: { folder: 'test/host/untrusted', options: { trust: 'restricted' } },
  packaged: { folder: 'test/host/packaged', options: { extension: 'packaged' } },
};
const personFolder = 'test/host/person';

/** Nothing heard from the window for so long: it hangs. Longer than any single test may take. */
const silenceMs = 6 * 60_000;
const startMs = 120_000;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals: names } = parseArgs({
    args: [...args],
    options: { grep: { type: 'string', short: 'g' }, keep: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const grep = values.grep;
  const wanted = (name: string) => names.length === 0 || names.includes(name);
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, { folder, options }] of Object.entries(windows)) {
    const files = testFiles(folder);
    if (!wanted(name) || files.length === 0) continue;
    add(counts, await inWindow(name, files, { ...options, keep: values.keep }, grep));
  }
  const files = testFiles(personFolder);
  if (wanted('person') && files.length > 0) add(counts, await asPerson(files, grep));
  const where = process.env['RPO_TEST_COUNTS'];
  if (where !== undefined) writeFileSync(where, JSON.stringify(counts));
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}

/** Bundles the files, opens the window, prints what happens in it as it happens. */
async function inWindow(name: string, files: readonly string[], options: EditorOptions, grep: string | undefined): Promise<Counts> {
  console.log(`\n  [window: ${name}]`);
  const testsPath = await bundle(name, files);
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  let editor: Editor | undefined;
  let finish: (problem: string | undefined) => void = () => undefined;
  const finished = new Promise<string | undefined>((done) => (finish = done));
  let timer = setTimeout(() => finish('No test started.'), startMs);
  const channel = await listen(async (request) => {
    clearTimeout(timer);
    timer = setTimeout(() => finish(`Nothing was heard from the window for ${silenceMs / 60_000} minutes.`), silenceMs);
    const indent = 'depth' in request ? '  '.repeat(request.depth + 2) : '';
    switch (request.kind) {
      case 'start':
        return {};
      case 'suite':
        console.log(`${indent}${request.title}`);
        return {};
      case 'pass':
        counts.passed++;
        console.log(`${indent}✔ ${request.title}${request.slow ? ` (${(request.durationMs / 1000).toFixed(1)} s)` : ''}`);
        return {};
      case 'skip':
        counts.skipped++;
        console.log(`${indent}- ${request.title}`);
        return {};
      case 'fail':
        counts.failed++;
        failures.push(`${request.path.join(' › ')}\n${atSource(request.message)}`);
        console.log(`${indent}✘ ${request.title}`);
        await editor?.screenshot(`failed-${name}-${counts.failed}`);
        return {};
      case 'person':
        return actAsPerson(editor, request);
      case 'end':
        finish(request.error);
        return {};
    }
  });
  try {
    const env = { ...options.env, [channelVariable]: channel.address, RPO_TEST_PERSON: '1', RPO_TEST_GREP: grep };
    editor = await startEditor({ ...options, testsPath, env });
    const problem = await finished;
    if (problem !== undefined) {
      counts.failed++;
      await editor.screenshot(`stuck-${name}`);
      failures.push(`${problem} See .screenshots/stuck-${name}.png; the logs end with:\n${editor.log()}`);
    }
  } catch (error) {
    counts.failed++;
    failures.push((error as Error).stack ?? String(error));
  } finally {
    clearTimeout(timer);
    await editor?.dispose();
    channel.server.close();
  }
  failures.forEach((failure, i) => console.log(`\n  ${i + 1}) ${failure.replaceAll('\n', '\n     ')}`));
  return counts;
}

async function actAsPerson(editor: Editor | undefined, { action, argument }: Request & { kind: 'person' }): Promise<Reply> {
  // Tests may ask before startEditor() has returned.
  for (let i = 0; !editor && i < 100; i++) await new Promise((done) => setTimeout(done, 100));
  if (!editor) return { error: 'The window is not open.' };
  const { page } = editor;
  const timeout = 15_000;
  try {
    switch (action) {
      case 'screenshot':
        return { value: await editor.screenshot(argument) };
      case 'click':
        await page.locator(argument).first().click({ timeout });
        return {};
      case 'press':
        await page.keyboard.press(argument);
        return {};
      case 'type':
        await page.keyboard.type(argument);
        return {};
      case 'sees':
        await page.locator(argument).first().waitFor({ timeout });
        return {};
      case 'text':
        return { value: await page.locator(argument).first().innerText({ timeout }) };
    }
  } catch (error) {
    return { error: `${action} "${argument}": ${(error as Error).message}` };
  }
}

/** mocha in a process of its own, over the files as they are. */
async function asPerson(files: readonly string[], grep: string | undefined): Promise<Counts> {
  console.log('\n  [window: person]');
  const counted = join(root, 'out/person-counts.json');
  rmSync(counted, { force: true });
  const args = ['--import', 'tsx', join(root, 'node_modules/mocha/bin/mocha.js'), '--no-config', '--timeout', '300000', '--slow', '60000'];
  const child = spawn(
    process.execPath,
    [...args, '--reporter', join(root, '.ci/reporter.cjs'), ...(grep ? ['--grep', grep] : []), ...files],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, RPO_TEST_COUNTS: counted },
    },
  );
  const code = await new Promise<number | null>((done) => child.once('close', done));
  const counts = existsSync(counted) ? (JSON.parse(readFileSync(counted, 'utf8')) as Counts) : { passed: 0, failed: 0, skipped: 0 };
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

export function testFiles(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(root, folder, name));
}

/** Each test file by itself, since mocha must be there before it runs. Returns the path that VS Code calls `run()` of. */
export async function bundle(name: string, files: readonly string[]): Promise<string> {
  const outdir = join(root, 'out/test/host', name);
  rmSync(outdir, { recursive: true, force: true });
  const index = join(root, 'test/host/support/mochaInHost.ts');
  await build({
    entryPoints: [
      { in: index, out: 'index' },
      ...files.map((file) => ({ in: file, out: relative(join(file, '..'), file).replace(/\.ts$/, '') })),
    ],
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: 'inline',
    external: ['vscode', 'mocha', '*.node', 'cpu-features', 'playwright-core', 'esbuild'],
    logLevel: 'warning',
  });
  return join(outdir, 'index.js');
}

/** The host's own stack traces replace node's, so source maps are applied out here. */
function atSource(stack: string): string {
  const maps = new Map<string, SourceMap>();
  return stack.replace(
    /(\/[^():\n]*\/out\/test\/host\/[^():\n]+\.js):(\d+):(\d+)/g,
    (place: string, file: string, line: string, column: string) => {
      if (!maps.has(file) && existsSync(file)) {
        const encoded = /sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(readFileSync(file, 'utf8'))?.[1];
        if (encoded) maps.set(file, new SourceMap(JSON.parse(Buffer.from(encoded, 'base64').toString()) as SourceMapPayload));
      }
      const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      return entry && 'originalSource' in entry
        ? `${relative(root, resolve(dirname(file), entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
        : place;
    },
  );
}

async function listen(answer: (request: Request) => Promise<Reply>): Promise<{ server: Server; address: string }> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      void answer(JSON.parse(Buffer.concat(chunks).toString()) as Request)
        .catch((error: unknown): Reply => ({ error: String(error) }))
        .then((reply) => outgoing.end(JSON.stringify(reply)));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function add(sum: Counts, more: Counts): void {
  sum.passed += more.passed;
  sum.failed += more.failed;
  sum.skipped += more.skipped;
}

void main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
