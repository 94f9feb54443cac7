/**
 * A real VS Code in a headless browser, for tests.
 *
 * HOW TO WRITE EDITOR TESTS
 *
 * 1. In the extension host: `test/host/*.test.ts`. Mocha (`describe`, `it`, 60 s a test), `import * as vscode from 'vscode'`, the extension
 *    as built in `dist/`, a fresh copy of `examples/moola` as the workspace (change it as you like), an empty `RPO_HOME` and `HOME`.
 *    All these files share one window, in the order of their names. `import { person } from './support/person.ts'` reaches out of the
 *    host to the window a person would see: `await person.screenshot('problems')`, `.click('text=Deploy')`, `.press('Enter')`,
 *    `.type('hello')`, `.sees('text=Epoch')`, `.text('.statusbar')`.
 *    Toasts, modal dialogs and file dialogs are shown as to a person, and wait for one: do not await what asks before you have answered.
 *      other windows:  `test/host/untrusted/*.test.ts`  the same in a workspace that is not trusted (Restricted Mode)
 *                      `test/host/packaged/*.test.ts`   the same with the packaged VSIX installed instead of `dist/`
 * 2. From outside, as a person: `test/host/person/*.test.ts`. Plain node and mocha (5 minutes a test); call `startEditor()` yourself,
 *    get a playwright `page`, `await editor.screenshot('name')` writes `.screenshots/name.png` (look at them), `await editor.dispose()`.
 *
 * Run:  npm run test:host                         all windows
 *       npm run test:host -- --grep 'quick fix'   tests whose name matches; also  -- editor | untrusted | packaged | person
 *       npm run test:host -- --keep               leaves user data, logs and workspace in the temporary folder and names it
 * The first run installs VS Code (`.ci/setup.mjs test`, about a minute). The extension is built first (`.ci/build.mjs`); test files are
 * found by glob and bundled by esbuild.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { showWhatAPersonSees } from './workbench.ts';
import { copyOfExample, root } from './workspace.ts';

const hostModules = join(root, 'test/host/node_modules');

/** The Node 24 that came with code-server; the node that runs the tests may be older. */
export function hostNode(): string {
  return join(hostModules, `node-${process.platform}-${process.arch}`, 'bin/node');
}

export interface EditorOptions {
  /** `development` takes the extension as it is built in `dist/`, `packaged` installs a VSIX made now. */
  readonly extension?: 'development' | 'packaged' | 'none';
  /** A folder that is opened as it is. Without it: a fresh copy of `examples/moola`, removed at the end. */
  readonly workspace?: string;
  /** `granted` (default), or `restricted`: Restricted Mode as it meets a person who opens a new folder; `trustWorkspace()` ends it. */
  readonly trust?: 'granted' | 'restricted';
  /** User settings on top of those below. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Environment of the editor and so of the extension host; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A bundle whose exported `run()` is called in the extension host. */
  readonly testsPath?: string;
  /** Leave user data, logs and workspace where they are. */
  readonly keep?: boolean;
}

const quietSettings = {
  // Screenshots show things in place, not sliding in.
  'workbench.reduceMotion': 'on',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
  'telemetry.telemetryLevel': 'off',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

// `exit` listeners run only when the process ends by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

export async function startEditor(options: EditorOptions = {}): Promise<Editor> {
  if (!existsSync(hostNode())) throw new Error('VS Code is not installed for tests; run "node .ci/setup.mjs test" first.');
  // A short path: a UNIX socket lives in it, and its name has 107 bytes at most.
  const folder = mkdtempSync(join(tmpdir(), 'rpo-'));
  const at = (name: string) => join(folder, name);
  for (const name of ['user/User', 'extensions', 'home', 'rpo', 'browser']) mkdirSync(at(name), { recursive: true });
  const workspace = options.workspace ?? copyOfExample(folder);
  const trust = options.trust ?? 'granted';
  const settings = { ...quietSettings, ...options.settings };
  writeFileSync(at('user/User/settings.json'), JSON.stringify(settings, undefined, 2));
  const directories = ['--user-data-dir', at('user'), '--extensions-dir', at('extensions'), '--config', at('config.yaml')];
  const env = editorEnvironment({ HOME: at('home'), RPO_HOME: at('rpo'), ...options.env });

  const extension = options.extension ?? 'development';
  if (extension === 'packaged') await runCodeServer([...directories, '--install-extension', await packageExtension()], env);

  if (extension === 'development' && !options.testsPath) copyExtension(at('extensions'));

  const server = spawn(
    hostNode(),
    [
      join(hostModules, 'code-server/out/node/entry.js'),
      ...directories,
      ...[
        '--auth',
        'none',
        '--bind-addr',
        '127.0.0.1:0',
        '--disable-telemetry',
        '--disable-update-check',
        '--disable-getting-started-override',
      ],
      ...(trust === 'granted' ? ['--disable-workspace-trust'] : []),
    ],
    // Its own process group: extension hosts, language servers and terminals end with it.
    { env, cwd: workspace, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  // Nothing stays behind, however the tests end.
  const abandon = () => {
    killGroup(server);
    endStartedIn(folder);
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  let serverLog = '';
  let browser: Browser | undefined;
  try {
    const address = await new Promise<string>((found, fail) => {
      const timer = setTimeout(() => fail(new Error(`code-server did not start within 60 s:\n${serverLog}`)), 60_000);
      const read = (chunk: Buffer) => {
        serverLog = (serverLog + chunk.toString()).slice(-50_000);
        const match = /HTTP server listening on http:\/\/([\d.]+:\d+)/.exec(serverLog);
        if (!match?.[1]) return;
        clearTimeout(timer);
        found(match[1]);
      };
      server.stdout.on('data', read);
      server.stderr.on('data', read);
      server.once('error', fail);
      server.once('exit', (code) => fail(new Error(`code-server ended with code ${code}:\n${serverLog}`)));
    });
    browser = await launchBrowser(at('browser'));
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-US' });
    const browserLog: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') browserLog.push(message.text());
    });
    if (options.testsPath) await showWhatAPersonSees(page, hostModules);
    const remote = (path: string) => `vscode-remote://${address}${path}`;
    const payload: [string, string][] = [];
    if (options.testsPath) {
      // Tests run only where some extension is under development.
      payload.push(['extensionDevelopmentPath', remote(extension === 'development' ? root : emptyExtension(at('empty')))]);
      payload.push(['extensionTestsPath', remote(options.testsPath)]);
    }
    const query = new URLSearchParams({ folder: workspace });
    if (payload.length > 0) query.set('payload', JSON.stringify(payload));
    await page.goto(`http://${address}/?${query.toString()}`, { waitUntil: 'domcontentloaded' });
    await page.waitForSelector('.monaco-workbench .statusbar', { timeout: 60_000 });

    return new Editor(page, workspace, at('rpo'), {
      log: () =>
        [lastOf(at('user/logs'), 'remoteexthost.log', 60), browserLog.slice(-10).join('\n'), serverLog.slice(-2000)]
          .filter(Boolean)
          .join('\n--\n'),
      dispose: async () => {
        await browser?.close();
        await stop(server);
        process.off('exit', abandon);
        endStartedIn(folder);
        if (options.keep) console.log(`kept: ${folder}`);
        else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    });
  } catch (error) {
    await browser?.close();
    await stop(server);
    throw error;
  }
}

/** The window a person sees. `page` is playwright's; the methods are what tests of this extension do often. */
export class Editor {
  constructor(
    readonly page: Page,
    /** The folder that is open. */
    readonly workspace: string,
    /** The extension's RPO_HOME: pods.json is here. */
    readonly rpoHome: string,
    private readonly inner: { log(): string; dispose(): Promise<void> },
  ) {}

  /** Runs a command by its title, as in `command('RunPod: Deploy Current File to Pod')`. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.pick(`>${title}`, title.replace(/^.*?: /, ''));
  }

  /** Opens a file of the workspace by its name. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('Control+p');
    await this.pick(name, basename(name));
    await this.page.locator('.tab.active', { hasText: basename(name) }).waitFor();
  }

  /** Types into the quick input that is open, and takes the first row that has `row` in it. */
  async pick(typed: string, row = typed): Promise<void> {
    await this.page.locator('.quick-input-widget:visible input').fill(typed);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: row }).first().click();
  }

  async trustWorkspace(): Promise<void> {
    await this.command('Workspaces: Manage Workspace Trust');
    await this.page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).click();
    await this.page.locator('.statusbar', { hasText: 'Restricted Mode' }).waitFor({ state: 'detached' });
  }

  /** The notification with this text. */
  notification(text: string | RegExp) {
    return this.page.locator('.notifications-toasts .notification-toast', { hasText: text });
  }

  /** Writes `.screenshots/NAME.png` and returns its path. */
  async screenshot(name: string): Promise<string> {
    const path = join(root, '.screenshots', `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** The end of the extension host's log, of the browser's errors and of the server's log: for the report of a failure. */
  log(): string {
    return this.inner.log();
  }

  async dispose(): Promise<void> {
    await this.inner.dispose();
  }
}

let packaged: Promise<string> | undefined;
/** Makes the VSIX, once in this process. */
export function packageExtension(): Promise<string> {
  return (packaged ??= (async () => {
    const file = join(root, 'out/runpod-orchestrator.vsix');
    await run(process.execPath, [join(root, '.ci/package.mjs'), file], { ...process.env });
    return file;
  })());
}

/** Installed, as far as VS Code can tell, and yet the files that were just built. */
function copyExtension(extensions: string): void {
  const { publisher, name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>;
  const folder = join(extensions, `${publisher}.${name}-${version}`);
  mkdirSync(folder);
  const left = new Set(['.git', '.screenshots', 'node_modules', 'out', 'src', 'test']);
  // Copies and not links: the editor finds out whose code calls it by the real path of the file.
  for (const entry of readdirSync(root)) if (!left.has(entry)) cpSync(join(root, entry), join(folder, entry), { recursive: true });
}

function emptyExtension(folder: string): string {
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'empty', publisher: 'test', version: '0.0.1', engines: { vscode: '*' } }),
  );
  return folder;
}

/** What the person who runs the tests has set for their own editor must not reach this one. */
function editorEnvironment(changes: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|CODE_SERVER_|XDG_|npm_|NODE_OPTIONS$|RUNPOD_|SSH_AUTH_SOCK$)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...changes };
}

async function launchBrowser(userData: string): Promise<Browser> {
  const candidates = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
  if (!executablePath) throw new Error('Chromium was not found; install Debian\'s "chromium" or name its path in CHROMIUM.');
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'];
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...quiet], env: { ...process.env, HOME: userData } });
}

function runCodeServer(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return run(hostNode(), [join(hostModules, 'code-server/out/node/entry.js'), ...args], env);
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0 ? done() : fail(new Error(`${basename(file)} ${args.join(' ')} ended with code ${code}:\n${output}`)),
    );
  });
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  killGroup(child, 'SIGTERM');
  const timer = setTimeout(() => killGroup(child), 3000);
  await ended;
  clearTimeout(timer);
  killGroup(child);
}

/** A practice pod outlives the window on purpose. Whatever was started with this folder in its command line ends with the test. */
function endStartedIn(folder: string): void {
  if (!existsSync('/proc')) return;
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(folder)) process.kill(Number(id), 'SIGKILL');
    } catch {
      // It has ended meanwhile, or is somebody else's.
    }
  }
}

/** The last lines of the newest file of this name below a folder. */
function lastOf(folder: string, name: string, lines: number): string {
  if (!existsSync(folder)) return '';
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => basename(path) === name)
    .map((path) => join(folder, path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return found[0] ? readFileSync(found[0], 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';
}
