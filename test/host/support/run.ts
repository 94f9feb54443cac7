import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, testFiles } from './bundle.ts';
import { channelVariable, type Reply, type Request } from './channel.ts';
import { type Editor, type EditorOptions, startEditor } from './editor.ts';
import { type Counts, Report } from './report.ts';
import { root } from './workspace.ts';

/** The windows that tests run in; each has its folder of test files. `editor.ts` explains them to who writes tests. */
const windows: Readonly<Record<string, { folder: string; options: EditorOptions }>> = {
  editor: { folder: 'test/host', options: {} },
  untrusted: { folder: 'test/host/untrusted', options: { trust: 'restricted' } },
  packaged: { folder: 'test/host/packaged', options: { extension: 'packaged' } },
};
const personFolder = 'test/host/person';

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals: names } = parseArgs({
    args: [...args],
    options: { grep: { type: 'string', short: 'g' }, keep: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const unknown = names.find((name) => name !== 'person' && !(name in windows));
  if (unknown !== undefined) throw new Error(`There is no window "${unknown}"; choose from ${Object.keys(windows).join(', ')}, person.`);
  const wanted = (name: string) => names.length === 0 || names.includes(name);
  const sum: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const add = (more: Counts) => {
    for (const key of ['passed', 'failed', 'skipped'] as const) sum[key] += more[key];
    sum.failures.push(...more.failures);
  };
  for (const [name, { folder, options }] of Object.entries(windows)) {
    const files = testFiles(folder);
    if (wanted(name) && files.length > 0) add(await inWindow(name, files, { ...options, keep: values.keep }, values.grep));
  }
  const files = testFiles(personFolder);
  if (wanted('person') && files.length > 0) add(await asPerson(files, values.grep));
  const where = process.env['RPO_TEST_COUNTS'];
  if (where !== undefined) writeFileSync(where, JSON.stringify(sum));
  if (sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
}

async function inWindow(name: string, files: readonly string[], options: EditorOptions, grep: string | undefined): Promise<Counts> {
  console.log(`\n  [window: ${name}]`);
  const testsPath = await bundle(name, files);
  let editor: Editor | undefined;
  const report = await Report.open(async (request) => {
    if (request.kind === 'fail') await editor?.screenshot(`failed-${name}-${report.counts.failed + 1}`);
    return request.kind === 'person' ? actAsPerson(await opened(), request) : {};
  });
  // A test may ask before startEditor() has returned.
  const opened = async () => {
    for (let i = 0; !editor && i < 300; i++) await new Promise((done) => setTimeout(done, 100));
    return editor;
  };
  try {
    const env = { ...options.env, [channelVariable]: report.address, RPO_TEST_PERSON: '1', RPO_TEST_GREP: grep };
    editor = await startEditor({ ...options, testsPath, env });
    const problem = await report.finished;
    if (problem !== undefined) {
      await editor.screenshot(`stuck-${name}`);
      report.fail(`${problem} See .screenshots/stuck-${name}.png; the logs end with:\n${editor.log()}`);
    }
  } catch (error) {
    report.fail((error as Error).stack ?? String(error));
  } finally {
    await editor?.dispose();
  }
  return report.close();
}

async function actAsPerson(editor: Editor | undefined, { action, argument }: Request & { kind: 'person' }): Promise<Reply> {
  if (!editor) return { error: 'The window is not open.' };
  const { page } = editor;
  const target = page.locator(argument).first();
  const timeout = 30_000;
  try {
    switch (action) {
      case 'screenshot':
        return { value: await editor.screenshot(argument) };
      case 'click':
        await target.click({ timeout });
        return {};
      case 'press':
        await page.keyboard.press(argument);
        return {};
      case 'type':
        await page.keyboard.type(argument);
        return {};
      case 'sees':
        await target.waitFor({ timeout });
        return {};
      case 'text':
        return { value: await target.innerText({ timeout }) };
    }
  } catch (error) {
    return { error: `${action} "${argument}": ${(error as Error).message}` };
  }
}

/** mocha in a process of its own, over the files as they are. */
async function asPerson(files: readonly string[], grep: string | undefined): Promise<Counts> {
  console.log('\n  [window: person]');
  const counted = join(root, `out/person-counts-${process.pid}.json`);
  const own = [
    '--no-config',
    '--exit',
    '--timeout',
    '300000',
    '--slow',
    '60000',
    '--forbid-only',
    '--reporter',
    join(root, '.ci/reporter.cjs'),
  ];
  const args = ['--import', 'tsx', join(root, 'node_modules/mocha/bin/mocha.js'), ...own, ...(grep ? ['--grep', grep] : []), ...files];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, RPO_TEST_COUNTS: counted } });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  const none: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const counts = existsSync(counted) ? (JSON.parse(readFileSync(counted, 'utf8')) as Counts) : none;
  rmSync(counted, { force: true });
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1, failures: [`${personFolder}: exit code ${code}`] } : counts;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
