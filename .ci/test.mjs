// What `npm test` runs, and each of its steps alone: `node .ci/test.mjs [typecheck|lint|build|unit|pod|host|electron ...] [-- mocha options]`.
// The last line is always "N passed, N failed"; the exit code is 0 only if nothing failed and each kind of test that has files ran some.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const tool = (path) => join(root, 'node_modules', path);
const processors = availableParallelism();
/** `run` is given the arguments of mocha, and where to print if not at once. */
const steps = {
  typecheck: { run: ({ print }) => counted(() => node([tool('typescript/bin/tsc')], { print })) },
  lint: {
    run: ({ print }) =>
      counted(
        async () =>
          (await node([tool('eslint/bin/eslint.js'), '.', '--max-warnings=0'], { print })) ||
          (await node([tool('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'], { print })),
      ),
  },
  build: { run: () => counted(() => node([join(root, '.ci/build.mjs'), '--production'])) },
  unit: { tests: 'test/unit', run: ({ args, print }) => mocha('test/unit', ['--timeout', '20000'], args, { print }) },
  // Real sshd, real Python: seconds where unit tests take milliseconds. Each file has pods, ports and folders of its own, so
  // several go at once; what mocha prints of a file stands together.
  pod: {
    tests: 'test/pod',
    run: ({ args }) => mocha('test/pod', ['--timeout', '120000', '--slow', '5000'], args, { jobs: processors }),
  },
  host: { tests: 'test/host', run: ({ args }) => tests('test/host', ['--import', 'tsx', join(root, 'test/host/support/run.ts'), ...args]) },
  electron: { run: ({ args }) => tests('test/host', ['--import', 'tsx', join(root, 'test/host/support/electron.ts'), ...args]) },
};
const all = ['typecheck', 'lint', 'build', 'unit', 'pod', 'host'];
/** Each keeps one processor busy, and none writes what another reads: they go side by side, the longest first. */
const sideBySide = ['lint', 'unit', 'typecheck'];
const setups = { typecheck: 'test', lint: 'test', pod: 'test', host: 'test', unit: 'demo', build: 'demo', electron: 'demo' };

const args = process.argv.slice(2);
const named = [];
while (args.length > 0 && steps[args[0]] && !(named.length > 0 && named[0] === 'host')) named.push(args.shift());
const chosen = named.length > 0 ? named : all;

const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed, a few words each: said once more at the end, since whoever reads a long log begins there. */
const failures = [];
const wordsOfAFailure = 400;
const summary = new Map();
const start = Date.now();
try {
  await setup(chosen.some((name) => setups[name] === 'test') ? 'test' : 'demo');
  mkdirSync(join(root, 'out'), { recursive: true });
  // Tests of the editor and of the terminal use the bundles.
  const needsBuild = !chosen.includes('build') && chosen.some((name) => ['pod', 'host', 'electron'].includes(name));
  if (needsBuild) await node([join(root, '.ci/build.mjs'), '--if-stale']);
  const together = sideBySide.filter((name) => processors > 1 && chosen.length > 1 && chosen.includes(name));
  for (const name of chosen) {
    if (!together.includes(name)) await step(name);
    else if (!summary.has(name)) await allOf(together);
  }
} catch (error) {
  // Set-up's sentences stand alone.
  console.error(error?.constructor?.name === 'SetupError' ? error.message : error);
  total.failed++;
}
console.log();
for (const failure of failures) console.log(`FAILED ${failure.replace(/\s+/g, ' ').slice(0, wordsOfAFailure)}`);
for (const name of chosen.filter((name) => summary.has(name))) {
  const { passed, failed, skipped, seconds } = summary.get(name);
  console.log(
    `${name.padEnd(10)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${skipped ? `${skipped} skipped ` : ''}${seconds.toFixed(1).padStart(7)} s`,
  );
}
console.log(`all in ${((Date.now() - start) / 1000).toFixed(0)} s`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

async function step(name, print) {
  const say = print ?? ((text) => process.stdout.write(text));
  const started = Date.now();
  say(`\n== ${name}\n`);
  const counts = await steps[name].run({ args: args.filter((arg) => arg !== '--'), print });
  for (const key of Object.keys(total)) total[key] += counts[key];
  failures.push(...(counts.failures ?? (counts.failed > 0 ? [name] : [])));
  const seconds = (Date.now() - started) / 1000;
  summary.set(name, { ...counts, seconds });
  if (chosen.length > 1) say(`== ${name}: ${counts.failed === 0 ? 'ok' : 'FAILED'}, ${seconds.toFixed(1)} s\n`);
}

/** As many at once as there are processors; what each prints comes when it has ended, in one piece. */
async function allOf(names) {
  console.log(`\n== ${names.join(', ')}: side by side`);
  const waiting = [...names];
  const lane = async () => {
    for (let name; (name = waiting.shift());) {
      const printed = [];
      await step(name, (text) => printed.push(text)).finally(() => process.stdout.write(printed.join('')));
    }
  };
  await Promise.all(Array.from({ length: processors }, lane));
}

/** A check that is one test: it passes or fails as a whole. */
async function counted(check) {
  const code = await check();
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

function mocha(folder, options, args, { jobs = 1, print } = {}) {
  const files = testFiles(folder);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const named = args.filter((arg) => arg.endsWith('.test.ts'));
  const rest = args.filter((arg) => !arg.endsWith('.test.ts'));
  const chosen = named.length > 0 ? files.filter((file) => named.some((name) => file.endsWith(name))) : files;
  const shared = jobs > 1 && chosen.length > 1;
  // --exit: a test that fails half-way leaves sockets open, and the sum must come all the same.
  const own = ['--no-config', '--exit', '--ui', 'bdd', '--forbid-only', '--reporter', join(root, '.ci/reporter.cjs')];
  if (shared) own.push('--parallel', '--jobs', String(jobs));
  const command = ['--import', 'tsx', tool('mocha/bin/mocha.js'), ...own, ...options, ...rest];
  return tests(folder, [...command, ...(shared ? longestFirst(chosen) : chosen)], print);
}

/** Runs a program that leaves its counts in the file RPO_TEST_COUNTS names; without counts it has failed. */
async function tests(folder, command, print) {
  const file = join(root, `out/counts-${process.pid}.json`);
  if (testFiles(folder).length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const code = await node(command, { env: { RPO_TEST_COUNTS: file }, print });
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
  rmSync(file, { force: true });
  if (counts.passed + counts.failed === 0) (print ?? console.log)(`No test ran in ${folder}.\n`);
  if (counts.failed > 0 || (code === 0 && counts.passed > 0)) return counts;
  return { ...counts, failed: 1, failures: [`${folder}: exit code ${code} after ${counts.passed} passed`] };
}

/** By size, which says roughly how long a file takes: with the short ones last, those who share the work end at about the same time. */
function longestFirst(files) {
  return files
    .map((file) => ({ file, size: statSync(file).size }))
    .sort((a, b) => b.size - a.size)
    .map(({ file }) => file);
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

/** The exit code of node with these arguments; what it prints goes to `print`, or where ours goes. */
function node(args, { env = {}, print } = {}) {
  return new Promise((done, fail) => {
    const live = process.stdout.isTTY ? { FORCE_COLOR: '1', RPO_TEST_EACH: '1' } : { FORCE_COLOR: '0' };
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: print ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
      env: { ...live, ...process.env, ...env },
    });
    for (const stream of print ? [child.stdout, child.stderr] : []) stream.setEncoding('utf8').on('data', print);
    child.once('error', fail);
    child.once('close', (code) => done(code ?? 1));
  });
}
