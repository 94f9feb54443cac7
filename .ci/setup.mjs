#!/usr/bin/env node
// Puts in place what a fresh machine lacks, and says what it does while it does it: `node .ci/setup.mjs demo|bench|test|package`.
// No dependencies: it runs before there is a node_modules. When everything is there it only looks, in well under half a second.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each profile needs, in Debian's names, and how to recognise it where there is no dpkg. */
const SYSTEM = {
  'openssh-server': { command: 'sshd' },
  python3: { command: 'python3' },
  'python3-venv': { module: 'ensurepip' },
  'python3-sklearn': { module: 'sklearn' },
  'python3-xgboost': { module: 'xgboost' },
  'python3-torch': { module: 'torch' },
  chromium: { command: 'chromium' },
  'openssh-client': { command: 'ssh' },
  // A pod that has nothing else.
  busybox: { command: 'busybox' },
  rsync: { command: 'rsync' },
  make: { command: 'make' },
  'g++': { command: 'g++' },
};
const DEMO = ['openssh-server', 'python3', 'python3-venv'];
/** What the benchmarks compare with; they say so when it is missing. */
const PEERS = ['openssh-client', 'rsync'];
const PROFILES = {
  demo: { system: DEMO, host: false },
  bench: { system: DEMO, wished: PEERS, host: false },
  test: { system: Object.keys(SYSTEM).filter((name) => !PEERS.includes(name)), host: true, taskMaster: true },
  package: { system: ['python3', 'make', 'g++'], host: true },
};

/** A failure whose sentence is the whole story: printed without a stack. */
class SetupError extends Error {}

export async function setup(profile) {
  const wanted = PROFILES[profile];
  if (!wanted) throw new SetupError(`There is no set-up profile "${profile}"; choose one of ${Object.keys(PROFILES).join(', ')}.`);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new SetupError(`Node ${process.versions.node} is too old; install Node 20.19 or later.`);
  await systemPackages(wanted.system);
  await systemPackages(wanted.wished ?? []).catch((error) => console.warn(`setup: going on without: ${error.message}`));
  await npmPackages();
  if (wanted.host) await hostFolder();
  if (wanted.taskMaster) await taskMasterFolder();
}

// --- Debian packages -------------------------------------------------------------------------------------------------

async function systemPackages(names) {
  const missing = missingSystemPackages(names);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  const apt = findCommand('apt-get');
  if (!apt || process.getuid?.() !== 0)
    throw new SetupError(
      apt
        ? `These Debian packages are missing: ${list}. Install them with "sudo apt-get install ${list}" and run this again.`
        : `These are missing: ${list} (Debian's names). Install them with this system's package manager and run this again.`,
    );
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await step('refreshing the list of Debian packages', () => quietly(apt, [...options, 'update'], { env }));
  await step(`installing Debian packages: ${list}`, () =>
    withoutStartingServices(() => quietly(apt, [...options, 'install', '-y', '--no-install-recommends', ...missing], { env })),
  );
}

function missingSystemPackages(names) {
  const dpkg = findCommand('dpkg-query');
  if (dpkg) {
    // Exits with 1 when a name is unknown, and still prints those it knows.
    let known = '';
    try {
      known = execFileSync(dpkg, ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    } catch (error) {
      known = String(error.stdout ?? '');
    }
    const installed = new Set(known.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])));
    return names.filter((name) => !installed.has(name));
  }
  const commandMissing = names.filter((name) => SYSTEM[name].command && !findCommand(SYSTEM[name].command));
  const modules = names.filter((name) => SYSTEM[name].module);
  if (modules.length === 0) return commandMissing;
  if (commandMissing.includes('python3')) return [...commandMissing, ...modules];
  // find_spec looks without importing: torch alone would take seconds.
  const script = 'import importlib.util as u, sys\nprint("\\n".join(m for m in sys.argv[1:] if not u.find_spec(m)))';
  const absent = execFileSync('python3', ['-c', script, ...modules.map((name) => SYSTEM[name].module)], { encoding: 'utf8' }).split('\n');
  return [...commandMissing, ...modules.filter((name) => absent.includes(SYSTEM[name].module))];
}

/** Debian starts a server when it installs one. The practice pod runs its own sshd; nobody asked for one on port 22. */
async function withoutStartingServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  const hadSshd = existsSync('/usr/sbin/sshd');
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
  if (!hadSshd && existsSync('/usr/sbin/sshd') && existsSync('/run/systemd/system')) {
    execFileSync('systemctl', ['disable', 'ssh'], { stdio: 'ignore' });
  }
}

// --- npm packages ----------------------------------------------------------------------------------------------------

async function npmPackages() {
  if (installedMatchesLock(root)) return;
  await step('installing npm packages', () => npm(['ci'], { cwd: root }));
}

/** Compares what npm says it installed with the lock: times of files say little after a checkout. */
function installedMatchesLock(folder) {
  try {
    const locked = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')).packages;
    return Object.entries(locked).every(
      ([path, entry]) =>
        path === '' ||
        (installed[path] ? installed[path].version === entry.version : entry.optional === true || entry.devOptional === true),
    );
  } catch {
    return false;
  }
}

// --- the real Task Master of the tests that write into its file -------------------------------------------------------

const taskMasterSource = join(root, 'test/taskmaster');

/** With all that it brings about 770 MB, so one copy a lock file, outside the clone; test/taskmaster/node_modules points there. */
async function taskMasterFolder() {
  const folder = cachedFolder('task-master', taskMasterSource, '');
  if (!existsSync(folder)) {
    await built(folder, taskMasterSource, (building) =>
      step('installing a real Task Master to test with (about 770 MB)', () =>
        npm(['ci', '--ignore-scripts', '--omit=optional'], { cwd: building }),
      ),
    );
  }
  pointTo(join(taskMasterSource, 'node_modules'), join(folder, 'node_modules'));
}

/** Where what a lock file names is installed; `recipe` is what else it depends on. */
function cachedFolder(name, source, recipe) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const hash = createHash('sha256');
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) hash.update(readFileSync(join(source, file)));
  hash.update(recipe);
  return join(cache, 'runpod-orchestrator', `${name}-${hash.digest('hex').slice(0, 12)}`);
}

/** Makes a folder whole, or not at all: beside its place, from the files that name its packages. */
async function built(folder, source, work) {
  const building = `${folder}.${process.pid}`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) copyFileSync(join(source, name), join(building, name));
  await work(building);
  try {
    renameSync(building, folder);
  } catch (error) {
    // Somebody else's set-up was quicker.
    rmSync(building, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

// --- the real VS Code of the editor tests ----------------------------------------------------------------------------

const hostSource = join(root, 'test/host');

/**
 * code-server, Node 24 for it, playwright-core and vsce: about 750 MB, so one copy a lock file, outside the clone.
 * test/host/node_modules points there.
 */
export function hostFolderPath() {
  // The recipe below is part of what was installed: raise the number when it changes.
  return cachedFolder('host', hostSource, `recipe 1 ${process.platform} ${process.arch}`);
}

/** The Node 24 that code-server and vsce want. It comes from npm with its headers, so native modules build without the network. */
export function hostNode() {
  return join(hostFolderPath(), 'node_modules', nodePackage(), 'bin/node');
}
const nodePackage = () => `node-${process.platform}-${process.arch}`;

async function hostFolder() {
  const folder = hostFolderPath();
  if (!existsSync(folder)) await built(folder, hostSource, hostPackages);
  pointTo(join(hostSource, 'node_modules'), join(folder, 'node_modules'));
}

async function hostPackages(building) {
  await step('installing a real VS Code to test in (code-server, about 750 MB)', () => npm(['ci', '--ignore-scripts'], { cwd: building }));
  const modules = join(building, 'node_modules');
  const node24 = join(modules, nodePackage());
  if (!existsSync(node24))
    throw new SetupError(`There is no Node 24 on npm for ${process.platform}-${process.arch}, which the editor tests need.`);
  const server = join(modules, 'code-server/lib/vscode');
  const env = {
    ...process.env,
    PATH: [join(node24, 'bin'), process.env.PATH].join(delimiter),
    npm_config_nodedir: node24,
    // A version manager's python3 may be a shim that needs the person's own home.
    ...(existsSync('/usr/bin/python3') ? { npm_config_python: '/usr/bin/python3', PYTHON: '/usr/bin/python3' } : {}),
  };
  // code-server's own postinstall would build all native modules for three minutes; a workbench that is only tested in starts with these.
  await step("installing VS Code's own packages", () => npm(['install', '--omit=dev', '--ignore-scripts'], { cwd: server, env }));
  await step("building VS Code's native modules", () =>
    npm(
      ['rebuild', '--ignore-scripts=false', '@vscode/spdlog', '@vscode/native-watchdog', '@vscode/deviceid', '@parcel/watcher', 'node-pty'],
      {
        cwd: server,
        env,
      },
    ),
  );
}

function pointTo(link, target) {
  try {
    if (readlinkSync(link) === target) return;
  } catch {
    // Missing, or a real folder from an install by hand.
  }
  rmSync(link, { recursive: true, force: true });
  symlinkSync(target, link, 'dir');
}

// --- running things --------------------------------------------------------------------------------------------------

/** npm by its script where npm started us, so that it runs under the node that `env.PATH` names. */
function npm(args, options) {
  const env = { ...(options.env ?? process.env) };
  // What the outer npm set for itself must not reach the inner one.
  for (const name of Object.keys(env)) if (/^npm_(package|lifecycle|config_(local_)?prefix|command|execpath)/i.test(name)) delete env[name];
  return quietly('npm', [...args, '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'], {
    ...options,
    env,
    shell: process.platform === 'win32',
  });
}

/** Runs a program with its output kept back; it is shown only if the program fails. */
function quietly(file, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    const keep = (chunk) => (tail = (tail + chunk).slice(-6000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => reject(new SetupError(`${file} could not be started: ${error.message}`)));
    child.on('close', (code, signal) =>
      code === 0
        ? resolve()
        : reject(new SetupError(`"${file} ${args.join(' ')}" ended with ${signal ?? `code ${code}`}:\n${tail.trim()}`)),
    );
  });
}

async function step(what, work) {
  const start = Date.now();
  const seconds = () => `${((Date.now() - start) / 1000).toFixed(1)} s`;
  const live = process.stdout.isTTY;
  if (!live) console.log(`setup: ${what} ...`);
  const draw = () => live && process.stdout.write(`\r\x1b[Ksetup: ${what} ... ${Math.floor((Date.now() - start) / 1000)} s`);
  draw();
  const timer = setInterval(live ? draw : () => console.log(`setup: ${what} ... ${seconds()}`), live ? 1000 : 20_000);
  try {
    await work();
    console.log(`${live ? '\r\x1b[K' : ''}setup: ${what}: done in ${seconds()}`);
  } catch (error) {
    console.log(`${live ? '\r\x1b[K' : ''}setup: ${what}: failed after ${seconds()}`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function findCommand(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  setup(process.argv[2] ?? 'demo').catch((error) => {
    console.error(error instanceof SetupError ? error.message : error);
    process.exitCode = 1;
  });
}
