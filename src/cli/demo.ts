import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { isUserError, throwIfCancelled, UserError } from '../core/errors.ts';
import type { LocatedFinding } from '../fixes/located.ts';
import { findingLines, shortPath } from '../operations/findings.ts';
import { verdictLines, verdictRecord } from '../operations/validate.ts';
import { bytes, count, duration } from '../operations/text.ts';
import { Orchestrator, type WatchedRun } from '../orchestrator.ts';
import { type PracticePod, startPracticePod } from '../practice/practicePod.ts';
import { Home } from '../project/home.ts';
import { type Bug, changedLine, readBugs, replaceInFile } from './demo/bugs.ts';
import { LiveTail, Narrator } from './demo/narrator.ts';
import type { Terminal } from './terminal.ts';

export interface DemoOptions {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Steps as JSON lines on stdout; the narration goes to stderr. */
  readonly json: boolean;
}

const model = 'logreg';

/**
 * The main job, whole, on this machine: everything that is shown happens. The only thing set up to go wrong are two
 * bugs, and it is said where they are put.
 */
export async function runDemo({ terminal, signal, json }: DemoOptions): Promise<number> {
  const startedAt = performance.now();
  const narrator = new Narrator(terminal, json);
  const folder = await mkdtemp(join(tmpdir(), 'rpo-demo-'));
  // Also when somebody will not wait (a second Ctrl+C).
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  let practice: PracticePod | undefined;
  let orchestrator: Orchestrator | undefined;
  let failure: { readonly error: unknown } | undefined;

  narrator.heading(
    'RunPod Orchestrator: the whole loop, on a practice pod',
    'A real sshd on this machine stands for the GPU pod. Training and its failures are real.',
    `All of it lives in ${folder} and is removed at the end.`,
  );
  try {
    const { pod, projectRoot, home } = await narrator.step('Start the practice pod', async () => {
      const begun = performance.now();
      practice = await startPracticePod({ folder: join(folder, 'pod') });
      narrator.done(
        `sshd at ${practice.host}:${practice.port}, its key ${(await practice.hostFingerprint()).slice(0, 20)}...`,
        performance.now() - begun,
      );
      const venvBegun = performance.now();
      terminal.progress({ message: '    making /workspace/venv' });
      await practice.prepareVenv();
      narrator.done('/workspace/venv made, as a pod has it', performance.now() - venvBegun);
      throwIfCancelled(signal, 'The demo');
      const projectRoot = join(folder, 'moola');
      await copyExample(projectRoot);
      const home = join(folder, 'home');
      await new Home(home).addPod('practice', {
        host: practice.host,
        port: practice.port,
        user: practice.user,
        identityFile: practice.identityFile,
        workspace: practice.workspace,
      });
      return { pod: practice, projectRoot, home };
    });

    const bugs = await narrator.step('Plant two bugs in a copy of examples/moola', async () => {
      const bugs = await readBugs(projectRoot, ['feature-axis', 'learning-rate']);
      for (const bug of bugs) {
        narrator.diff(await replaceInFile(projectRoot, bug.file, bug.fixed, bug.broken));
        narrator.aside(bug.story);
      }
      return bugs;
    });
    const [shapeBug, rateBug] = bugs as [Bug, Bug];

    orchestrator = await Orchestrator.open({ projectRoot, pod: 'practice', home });
    const loop = new Loop(orchestrator, narrator, terminal, signal);
    await narrator.step('Deploy the project', () => loop.deploy({ preset: 'all-source' }));
    await narrator.step('Verify the environment', () => loop.verify());

    await narrator.step(`Train ${model}`, () => loop.train(shapeBug.expect));
    await narrator.step('Fix it as a person would: one line', async () => {
      narrator.aside(
        'The marked line is where scalings and features do not match in number; fit_scaling, above it in the same file, made too many:',
      );
      narrator.diff(await replaceInFile(projectRoot, shapeBug.file, shapeBug.broken, shapeBug.fixed));
    });
    await narrator.step('Deploy just that file', () => loop.deploy({ files: [shapeBug.file] }));

    const second = await narrator.step('Train again', () => loop.train(rateBug.expect));
    const fixedFile = await narrator.step("Apply the finding's own fix", () => loop.applyEdit(second));
    await narrator.step('Deploy just that file', () => loop.deploy({ files: [fixedFile] }));

    await narrator.step('Train again', () => loop.train(null));
    const results = await narrator.step('Download the results', () => loop.download(join(projectRoot, 'results')));
    await narrator.step('Validate them', () => loop.validate(results));
    await orchestrator.close();
    orchestrator = undefined;
    await narrator.step('Clean up', async () => {
      await pod.stop();
      practice = undefined;
      await rm(folder, { recursive: true, force: true });
      narrator.done('the practice pod has ended and its files are gone');
    });
    summary(narrator, performance.now() - startedAt);
    narrator.json({ kind: 'result', milliseconds: Math.round(performance.now() - startedAt) });
    return 0;
  } catch (error) {
    failure = { error };
  } finally {
    terminal.clear();
    await orchestrator?.close().catch(() => {});
    await practice?.stop().catch(() => {});
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    process.off('exit', removeNow);
  }
  narrator.line('');
  if (signal.aborted || isUserError(failure.error, 'cancelled')) {
    narrator.line('Interrupted. The practice pod has ended and its files are gone.');
    return 130;
  }
  throw failure.error;
}

/** The steps of the loop, each doing the real thing and telling what it came to. */
class Loop {
  constructor(
    private readonly orchestrator: Orchestrator,
    private readonly narrator: Narrator,
    private readonly terminal: Terminal,
    private readonly signal: AbortSignal,
  ) {}

  async deploy(what: { readonly preset: string } | { readonly files: readonly string[] }): Promise<void> {
    this.narrator.say(pc.dim('preset' in what ? `$ rpo deploy --preset ${what.preset}` : `$ rpo deploy ${what.files.join(' ')}`));
    const options = {
      signal: this.signal,
      onProgress: ({ bytesDone, bytesTotal }: { readonly bytesDone: number; readonly bytesTotal: number }) =>
        this.terminal.progress({ message: '    deploying', done: bytesDone, total: bytesTotal, unit: 'bytes' }),
    };
    const report =
      'preset' in what
        ? await this.orchestrator.files.deployPreset(what.preset, options)
        : await this.orchestrator.deployFixes(what.files, options);
    const sent = report.files.filter((file) => file.changed);
    const name = sent.length === 1 ? (sent[0]?.path ?? '') : count(sent.length, 'file');
    this.narrator.done(
      `${name}, ${bytes(sent.reduce((sum, file) => sum + file.bytes, 0))}, verified on the pod in ${pc.bold(`${report.milliseconds} ms`)}`,
    );
  }

  async verify(): Promise<void> {
    this.narrator.say(pc.dim('$ rpo verify'));
    const report = await this.orchestrator.verifyEnvironment(this.signal);
    const passed = report.checks.filter((check) => check.status === 'passed');
    const others = report.checks.filter((check) => check.status !== 'passed');
    this.narrator.done(
      `${passed.length} of ${report.checks.length} checks passed: ${passed.map((check) => check.title).join(', ')}`,
      report.milliseconds,
    );
    for (const check of others) this.narrator.warn(`${check.title}: ${check.seen}`);
    if (others.some((check) => /^(gpu|package|torch|cuda)/.test(check.id)))
      this.narrator.aside(`${model}, which is trained here, needs no GPU and no package.`);
  }

  /** Trains, and gives the finding of the kind that is looked for; null: it must succeed. */
  async train(expected: string | null): Promise<LocatedFinding | null> {
    this.narrator.say(pc.dim(`$ rpo train ${model}`));
    const begun = performance.now();
    const tail = new LiveTail(this.terminal, this.narrator.stream);
    const watched = await this.orchestrator.runTraining(
      { model },
      { signal: this.signal, onEvent: (event) => event.kind === 'output' && tail.write(event.text) },
    );
    tail.end();
    const milliseconds = performance.now() - begun;
    if (expected === null) {
      if (watched.exitCode !== 0) throw this.unexpected(watched, 'was to succeed');
      this.narrator.done(`run ${watched.run.manifest.id} succeeded`, milliseconds);
      return null;
    }
    const found = watched.located.find(({ finding }) => finding.type === expected);
    if (watched.exitCode === 0 || !found) throw this.unexpected(watched, `was to fail with ${expected}`);
    this.narrator.failed(`run ${watched.run.manifest.id} failed with exit code ${watched.exitCode}`, milliseconds);
    this.narrator.finding(await findingLines(found, this.orchestrator.project.root), found.finding.line);
    return found;
  }

  /** Does what the finding's first edit says. @returns the file, below the project */
  async applyEdit(located: LocatedFinding | null): Promise<string> {
    const action = located?.actions.find((one) => one.kind === 'edit');
    if (!action) throw new UserError('run-failed', 'The finding came without an edit to apply. Please report this.');
    const before = await readFile(action.edit.file, 'utf8');
    await this.orchestrator.findings.apply(action, { signal: this.signal });
    const file = this.orchestrator.map.relativeOfLocal(action.edit.file) ?? action.edit.file;
    const change = changedLine(file, before, await readFile(action.edit.file, 'utf8'));
    this.narrator.done(action.title);
    if (change) this.narrator.diff(change);
    return file;
  }

  async download(folder: string): Promise<readonly string[]> {
    this.narrator.say(pc.dim(`$ rpo results ${model}`));
    const begun = performance.now();
    const report = await this.orchestrator.downloadResults(model, folder, { signal: this.signal });
    this.narrator.done(`${count(report.files.length, 'file')} fetched and verified`, performance.now() - begun);
    for (const file of report.files)
      this.narrator.say(`  ${shortPath(file.localPath, this.orchestrator.project.root)}  ${bytes(file.bytes)}`);
    return report.files.map((file) => file.localPath);
  }

  async validate(files: readonly string[]): Promise<void> {
    const labels = files.find((file) => file.endsWith('labels.npy'));
    for (const file of files.filter((one) => one !== labels)) {
      const verdict = await this.orchestrator.results.validate(file, labels);
      const [first = '', ...rest] = verdictLines(verdictRecord(file, verdict, this.orchestrator.project.root));
      if (!verdict.ok)
        throw new UserError('run-failed', `${first} The results were to be good. Please report this with what stands above.`);
      this.narrator.done(first.replace(/^\S+ /, ''));
      for (const line of rest) this.narrator.aside(line.trim());
    }
  }

  private unexpected(watched: WatchedRun, what: string): UserError {
    const saw = watched.errors.map((finding) => finding.type).join(', ');
    return new UserError(
      'run-failed',
      `The training run ${what}, and ended with exit code ${watched.exitCode}${saw === '' ? '' : ` (${saw})`}. Please report this with what stands above.`,
    );
  }
}

async function copyExample(target: string): Promise<void> {
  const source = join(__dirname, '..', 'examples', 'moola');
  if (!(await stat(join(source, 'runpod.json')).catch(() => null)))
    throw new UserError(
      'unsupported',
      'The example project (examples/moola) is not beside this rpo. Run the demo from a checkout: npm run demo.',
    );
  await cp(source, target, { recursive: true, filter: (path) => !/(__pycache__|[\\/](artifacts|logs|\.runpod))$/.test(path) });
}

function summary(narrator: Narrator, milliseconds: number): void {
  narrator.line('');
  narrator.line(pc.bold(`Done in ${duration(milliseconds)}.`));
  for (const { title, milliseconds } of narrator.steps) narrator.say(`${duration(milliseconds).padStart(8)}  ${title}`);
  narrator.line('');
  narrator.line('Next: add your own pod with `rpo pods add "ssh root@HOST -p PORT -i KEY"`,');
  narrator.line('or open examples/moola in VS Code and choose "RunPod: Start Practice Pod".');
}
