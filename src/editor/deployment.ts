import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { duration } from '../core/amounts.ts';
import { UserError } from '../core/errors.ts';
import type { DeployOptions, DeployReport } from '../deploy/deploy.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { type Conflicts, isConflict } from './conflicts.ts';
import type { Projects } from './projects.ts';
import type { Sessions } from './sessions.ts';
import { transferWords } from './transferWords.ts';
import { readSetting } from './typed.ts';
import { mention, type Work, withProgress } from './work.ts';

/** Of the active editor. A click into an output channel makes that the active one; then it is the file of the tab in front. */
function fileInFront(): vscode.Uri | undefined {
  const active = vscode.window.activeTextEditor?.document.uri;
  const input: unknown = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const isFile = input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputNotebook;
  return isFile && active?.scheme !== 'file' ? input.uri : active;
}

/** Local files to the pod: the ones in front of the person, chosen ones, changed ones, a preset. */
export class Deployment {
  constructor(
    private readonly projects: Projects,
    private readonly sessions: Sessions,
    private readonly conflicts: Conflicts,
  ) {}

  /** The file of the active editor, or the one whose title or menu was clicked. */
  async currentFile(resource?: vscode.Uri): Promise<DeployReport> {
    const uri = resource ?? fileInFront();
    if (!uri)
      throw new UserError('bad-argument', 'No file is open. Open the file that should go to the pod, or choose files in the explorer.');
    return this.resources(uri, [uri]);
  }

  /** Files and folders chosen in the explorer; of a folder, what the project deploys of it. */
  async resources(clicked: vscode.Uri | undefined, selected: readonly vscode.Uri[] = []): Promise<DeployReport> {
    const uris = selected.length > 0 ? selected : clicked ? [clicked] : [];
    const [first] = uris;
    if (!first)
      throw new UserError(
        'bad-argument',
        'No file is chosen. Choose files or folders in the explorer, and deploy them from their context menu.',
      );
    const strange = uris.find(({ scheme }) => scheme !== 'file');
    if (strange)
      throw new UserError(
        'local-missing',
        `${strange.path || strange.toString()} is not a file on this disk. Save it into the project first.`,
      );
    const root = await this.projects.choose(first);
    return this.run(root, named(uris), async (orchestrator, work, options) => {
      const files: string[] = [];
      let deployable: readonly string[] | undefined;
      for (const { fsPath } of uris) {
        if (!(await stat(fsPath).catch(() => null))?.isDirectory()) {
          files.push(fsPath);
          continue;
        }
        const folder = orchestrator.map.relativeOfLocal(fsPath);
        deployable ??= await orchestrator.files.deployable(work.signal);
        const below = folder === null ? [] : deployable.filter((path) => folder === '' || path.startsWith(`${folder}/`));
        if (below.length === 0)
          throw new UserError(
            'local-missing',
            `There is nothing to deploy in ${folder ?? fsPath}: no files, or all are excluded by .gitignore or "exclude" in runpod.json.`,
          );
        files.push(...below);
      }
      await save(root, files, orchestrator);
      return orchestrator.deployFixes(files, options);
    });
  }

  /** A file that was just saved, if it is one that the project deploys. */
  async saved(uri: vscode.Uri): Promise<void> {
    const root = await this.projects.nearest(uri);
    if (root === null) return;
    const orchestrator = await this.sessions.get(root);
    const path = orchestrator.map.relativeOfLocal(uri.fsPath);
    if (path === null || !(await orchestrator.files.deployable()).includes(path)) return;
    await this.run(root, path, (current, _work, options) => current.deployFixes([path], options));
  }

  async changed(): Promise<DeployReport> {
    const root = await this.projects.choose();
    return this.run(root, 'what changed', async (orchestrator, work, options) => {
      await save(root, null, orchestrator);
      work.report('comparing with the pod');
      return orchestrator.files.deployChanged(options);
    });
  }

  async preset(name?: string): Promise<DeployReport> {
    const root = await this.projects.choose();
    const orchestrator = await this.sessions.get(root);
    const preset = name ?? (await choosePreset(orchestrator));
    return this.run(root, preset, async (current, _work, options) => {
      await save(root, null, current);
      return current.files.deployPreset(preset, options);
    });
  }

  /** These files of the project, or what changed when the list is empty; on a certain pod if one is named. */
  async files(root: string, files: readonly string[], pod?: string): Promise<DeployReport> {
    const what = files.length === 1 ? (files[0] ?? '') : files.length === 0 ? 'what changed' : `${files.length} files`;
    return this.run(
      root,
      what,
      async (orchestrator, _work, options) => {
        await save(root, files.length === 0 ? null : files, orchestrator, true);
        return files.length === 0 ? orchestrator.files.deployChanged(options) : orchestrator.deployFixes(files, options);
      },
      pod,
    );
  }

  private async run(
    root: string,
    what: string,
    task: (orchestrator: Orchestrator, work: Work, options: DeployOptions) => Promise<DeployReport>,
    pod?: string,
  ): Promise<DeployReport> {
    const orchestrator = await this.sessions.get(root, pod);
    const attempt = (force: boolean) =>
      withProgress(`Deploying ${what} to ${orchestrator.pod.name}`, (work) => {
        const words = transferWords();
        return task(orchestrator, work, { force, signal: work.signal, onProgress: (progress) => work.report(...words(progress)) });
      });
    let report: DeployReport;
    try {
      report = await attempt(false);
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (!(await this.conflicts.mayOverwrite(error, orchestrator))) throw new vscode.CancellationError();
      report = await attempt(true);
    }
    mention(outcome(report, orchestrator.pod.name));
    if (readSetting('runpod.deploy.testImports', vscode.Uri.file(root))) await testImports(orchestrator, report);
    if (report.replaced) void vscode.window.showInformationMessage(strangers(report.replaced, orchestrator.pod.name));
    return report;
  }
}

/** `$(check) train.py on my-pod in 109 ms` */
export function outcome({ files, milliseconds }: DeployReport, pod: string): string {
  const sent = files.filter(({ changed }) => changed);
  const took = duration(milliseconds);
  const [first] = sent;
  if (!first)
    return files.length === 1 && files[0]
      ? `$(check) ${basenameOf(files[0].path)} was on ${pod} already`
      : `$(check) ${pod} was up to date`;
  const reused = sent.filter((file) => file.reused).length;
  const how = reused === 0 ? '' : `; ${sent.length === 1 ? 'not' : `${reused} not`} sent, the pod had the bytes`;
  return `$(check) ${sent.length === 1 ? basenameOf(first.path) : `${sent.length} files`} on ${pod} in ${took}${how}`;
}

/** Imports what was deployed on the pod's CPU; a mistake there is told, with its line, and the deploy stands. */
async function testImports(orchestrator: Orchestrator, { files }: DeployReport): Promise<void> {
  const sources = files.map(({ path }) => path).filter((path) => path.endsWith('.py'));
  if (sources.length === 0) return;
  const { command = '' } = orchestrator.project.config.train;
  const checked = await withProgress(`Importing on ${orchestrator.pod.name}`, (work) =>
    orchestrator.training.checkSources(sources, command, work.signal),
  );
  const [first, ...more] = checked?.problems ?? [];
  if (!first)
    return mention(checked === null ? 'Python on the pod did not answer' : `$(check) ${checked.imported.length} modules imported`);
  void tellImportProblem(orchestrator, first, more.length);
}

async function tellImportProblem(
  orchestrator: Orchestrator,
  { file, line, message }: { readonly file: string; readonly line: number; readonly message: string },
  more: number,
): Promise<void> {
  const open = 'Open';
  const text = `${file}:${line} cannot be imported on ${orchestrator.pod.name}: ${message}${more > 0 ? ` (and ${more} more)` : ''}`;
  if ((await vscode.window.showErrorMessage(text, open)) !== open) return;
  const start = new vscode.Position(Math.max(0, line - 1), 0);
  const local = orchestrator.map.join(file);
  if (local === null) return;
  await vscode.window.showTextDocument(vscode.Uri.file(local), { selection: new vscode.Range(start, start) });
}

function strangers({ folder, files }: NonNullable<DeployReport['replaced']>, pod: string): string {
  const what = files.length === 1 ? `${files[0]} replaced a copy` : `${files.length} files replaced copies`;
  return `${what} on ${pod} that had not been deployed from here. What was there is kept on the pod in ${folder}.`;
}

/** What is not saved is not on the disk, and would be deployed as it was before. `files` null: any file of the project. */
async function save(root: string, files: readonly string[] | null, orchestrator: Orchestrator, always = false): Promise<void> {
  if (!always && !readSetting('runpod.deploy.saveFirst', vscode.Uri.file(root))) return;
  const wanted = files && new Set(files.map((file) => orchestrator.map.relativeOfLocal(file)));
  for (const document of vscode.workspace.textDocuments) {
    if (!document.isDirty || document.uri.scheme !== 'file') continue;
    const path = orchestrator.map.relativeOfLocal(document.uri.fsPath);
    if (path === null || (wanted && !wanted.has(path))) continue;
    if (!(await document.save()))
      throw new UserError('local-failed', `${path} could not be saved, so it was not deployed. Save it and deploy again.`);
  }
}

async function choosePreset(orchestrator: Orchestrator): Promise<string> {
  const items = Object.entries(orchestrator.project.config.presets).map(([label, patterns]) => ({ label, detail: patterns.join('  ') }));
  if (items.length === 0)
    throw new UserError(
      'not-configured',
      'runpod.json has no presets. Name lists of files that are deployed together under "presets", e.g. { "models": ["src/models/**/*.py"] }.',
    );
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'RunPod: Deploy Preset',
    placeHolder: 'Files that are deployed together',
    matchOnDetail: true,
  });
  if (!chosen) throw new vscode.CancellationError();
  return chosen.label;
}

function named(uris: readonly vscode.Uri[]): string {
  return uris.length === 1 && uris[0] ? basenameOf(uris[0].path) : `${uris.length} items`;
}

function basenameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
