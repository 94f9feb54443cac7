/**
 * The fix loop through the command line of the MCP inspector. Not part of `npm test`: the inspector brings 140 MB of its own. It is fetched into the temporary folder.
 *
 *     node .ci/build.mjs --if-stale && node --import tsx node_modules/.bin/mocha --exit --timeout 300000 test/manual/inspector.test.ts
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { agentOperations } from '../../src/operations/table.ts';
import { homeWith } from '../pod/support/agent.ts';
import { newerNode } from '../pod/support/newerNode.ts';
import { usePod } from '../pod/support/pod.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(tmpdir(), 'rpo-mcp-inspector');
const inspector = join(folder, 'node_modules/.bin/mcp-inspector');
const run = promisify(execFile);
const cli = join(root, 'dist/cli.js');
const moola = join(root, 'examples/moola');

interface Event {
  readonly kind: string;
}

describe("the MCP inspector's command line", () => {
  const t = usePod();
  let project: string;
  let home: string;

  before(async () => {
    await mkdir(folder, { recursive: true });
    await run('npm', ['install', '--ignore-scripts', '--prefix', folder, '@modelcontextprotocol/inspector@2']);
  });
  beforeEach(async () => {
    await t.practice.prepareVenv();
    project = join(t.tmp, 'moola');
    await cp(moola, project, { recursive: true });
    home = await homeWith(t);
  });

  /** Each call starts the server and ends it: all that lasts is on the pod, in the files and in the cursor. */
  async function inspect(method: string, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const server = [process.execPath, cli, 'mcp', '--project', project, '--home', home];
    const env = { PATH: `${dirname(newerNode)}:${process.env['PATH']}`, HOME: home };
    const { stdout } = await run(newerNode, [inspector, '--cli', ...server, '--method', method, ...args], { env, maxBuffer: 1e7 });
    return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  }

  async function call(tool: string, args: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    const pairs = Object.entries(args).flatMap(([name, value]) => [
      '--tool-arg',
      `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]);
    const answer = await inspect('tools/call', '--tool-name', tool, ...pairs);
    assert.ok(answer['isError'] !== true, JSON.stringify(answer));
    return answer['structuredContent'] as Readonly<Record<string, unknown>>;
  }

  async function end(run: unknown): Promise<Readonly<Record<string, unknown>>> {
    for (let args: Readonly<Record<string, unknown>> = { run, kinds: ['finish'] }; ;) {
      const answer = await call('wait_for_event', args);
      if ((answer['events'] as readonly Event[]).some(({ kind }) => kind === 'finish')) return answer;
      args = { cursor: answer['cursor'], kinds: ['finish'] };
    }
  }

  it('runs the whole fix loop', async () => {
    const bugs = JSON.parse(await readFile(join(moola, 'bugs.json'), 'utf8')) as Record<'name' | 'file' | 'fixed' | 'broken', string>[];
    const bug = bugs.find(({ name }) => name === 'feature-axis');
    assert.ok(bug);
    const file = join(project, bug.file);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(bug.fixed, bug.broken));

    assert.equal(((await inspect('tools/list'))['tools'] as readonly unknown[]).length, agentOperations.length);
    await call('deploy', { preset: 'all-source' });
    const { run: failing } = await call('start_training', { model: 'logreg' });
    assert.equal((await end(failing))['status'], 'failed');
    const [cause] = (await call('findings', { run: failing }))['findings'] as readonly { readonly place: string }[];
    assert.match(cause?.place ?? '', new RegExp(`^${bug.file}:`));
    await writeFile(file, text);
    const again = await call('fix_and_retry', { run: failing, files: [bug.file] });
    assert.equal(again['checked'], 'passed');
    assert.equal((await end(again['run']))['status'], 'succeeded');
    const fetched = (await call('download_results', { model: 'logreg' }))['files'] as readonly { readonly path: string }[];
    const predictions = fetched.map(({ path }) => `results/${path}`).filter((path) => !path.endsWith('labels.npy'));
    assert.equal((await call('validate', { files: predictions }))['ok'], true);
    const { resources } = (await inspect('resources/list')) as { resources: readonly { readonly uri: string }[] };
    assert.ok(resources.some(({ uri }) => uri === `rpo://runs/${String(failing)}/log`));
    assert.equal(((await inspect('prompts/list'))['prompts'] as readonly unknown[]).length, 3);
  });
});
