// What `npm test` runs, and each of its steps alone: `node .ci/test.mjs [typecheck|lint|build|unit|pod|host|electron ...] [-- mocha options]`.
// The last line is always "N passed, N failed"; the exit code is 0 only if nothing failed and each kind of test that has files ran some.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const tool = (path) => join(root, 'node_modules', path);
const steps = {
  typecheck: { run: () => counted(() => node([tool('typescript/bin/tsc')])) },
  lint: {
    run: () =>
      counted(
        async () =>
          (await node([tool('eslint/bin/eslint.js'), '.', '--max-warnings=0'])) ||
          (await node([tool('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'])),
      ),
  },
  build: { run: () => counted(() => node([join(root, '.ci/build.mjs'), '--production'])) },
  unit: { tests: 'test/unit', run: (args) => mocha('test/unit', ['--timeout', '20000'], args) },
  // Real sshd, real Python: seconds where unit tests take milliseconds.
  pod: { tests: 'test/pod', run: (args) => mocha('test/pod', ['--timeout', '120000', '--slow', '5000'], args) },
  host: { tests: 'test/host', run: (args) => tests('test/host', ['--import', 'tsx', join(root, 'test/host/support/run.ts'), ...args]) },
  electron: { run: (args) => tests('test/host', ['--import', 'tsx', join(root, 'test/host/support/electron.ts'), ...args]) },
};
const all = ['typecheck', 'lint', 'build', 'unit', 'pod', 'host'];
const setups = { typecheck: 'test', lint: 'test', pod: 'test', host: 'test', unit: 'demo', build: 'demo', electron: 'demo' };

const args = process.argv.slice(2);
const named = [];
while (args.length > 0 && steps[args[0]] && !(named.length > 0 && named[0] === 'host')) named.push(args.shift());
const chosen = named.length > 0 ? named : all;

const total = { passed: 0, failed: 0, skipped: 0 };
const summary = [];
const start = Date.now();
try {
  await setup(chosen.some((name) => setups[name] === 'test') ? 'test' : 'demo');
  mkdirSync(join(root, 'out'), { recursive: true });
  // Tests of the editor and of the terminal use the bundles.
  const needsBuild = !chosen.includes('build') && chosen.some((name) => ['pod', 'host', 'electron'].includes(name));
  if (needsBuild) await node([join(root, '.ci/build.mjs'), '--if-stale']);
  for (const name of chosen) {
    const started = Date.now();
    console.log(`\n== ${name}`);
    const counts = await steps[name].run(args.filter((arg) => arg !== '--'));
    for (const key of Object.keys(total)) total[key] += counts[key];
    summary.push({ name, ...counts, seconds: (Date.now() - started) / 1000 });
    if (chosen.length > 1) console.log(`== ${name}: ${counts.failed === 0 ? 'ok' : 'FAILED'}, ${summary.at(-1).seconds.toFixed(1)} s`);
  }
} catch (error) {
  // Set-up's sentences stand alone.
  console.error(error?.constructor?.name === 'SetupError' ? error.message : error);
  total.failed++;
}
console.log();
for (const { name, passed, failed, skipped, seconds } of summary) {
  console.log(
    `${name.padEnd(10)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${skipped ? `${skipped} skipped ` : ''}${seconds.toFixed(1).padStart(7)} s`,
  );
}
console.log(`all in ${((Date.now() - start) / 1000).toFixed(0)} s`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

/** A check that is one test: it passes or fails as a whole. */
async function counted(check) {
  const code = await check();
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

function mocha(folder, options, args) {
  const files = testFiles(folder);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const named = args.filter((arg) => arg.endsWith('.test.ts'));
  const rest = args.filter((arg) => !arg.endsWith('.test.ts'));
  const chosen = named.length > 0 ? files.filter((file) => named.some((name) => file.endsWith(name))) : files;
  // --exit: a test that fails half-way leaves sockets open, and the sum must come all the same.
  const own = ['--no-config', '--exit', '--ui', 'bdd', '--forbid-only', '--reporter', join(root, '.ci/reporter.cjs')];
  return tests(folder, ['--import', 'tsx', tool('mocha/bin/mocha.js'), ...own, ...options, ...rest, ...chosen]);
}

/** Runs a program that leaves its counts in the file RPO_TEST_COUNTS names; without counts it has failed. */
async function tests(folder, command) {
  const file = join(root, `out/counts-${process.pid}.json`);
  if (testFiles(folder).length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const code = await node(command, { RPO_TEST_COUNTS: file });
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
  rmSync(file, { force: true });
  if (counts.passed + counts.failed === 0) console.log(`No test ran in ${folder}.`);
  if (counts.failed === 0 && (code !== 0 || counts.passed === 0)) counts.failed = 1;
  return counts;
}

function testFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  const walk = (path) =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name === 'node_modules') return [];
      const inside = join(path, entry.name);
      return entry.isDirectory() ? walk(inside) : entry.name.endsWith('.test.ts') ? [inside] : [];
    });
  return walk(join(root, folder)).sort();
}

function node(args, env = {}) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { FORCE_COLOR: process.stdout.isTTY ? '1' : '0', ...process.env, ...env },
    });
    child.once('error', fail);
    child.once('close', (code) => done(code ?? 1));
  });
}
