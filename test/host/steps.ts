import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { type CommandArguments, type CommandId, commands } from '../../src/manifest';
import { person } from './support/person';

/** The example project, open in this window; tests change it as they like. */
export const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';

export const at = (path: string): vscode.Uri => vscode.Uri.file(join(workspace, path));

/** A command as the palette, a menu or a key binding calls it. */
export async function command<Answer = unknown, Id extends CommandId = CommandId>(id: Id, ...args: CommandArguments[Id]): Promise<Answer> {
  return vscode.commands.executeCommand<Answer>(id, ...args);
}

export interface Ended {
  readonly run: string;
  readonly exitCode: number | null;
}

/** Trains and waits for the end. */
export async function train(model: string): Promise<Ended> {
  const ended = await command<Ended | undefined>(commands.train, { model, wait: true });
  assert.ok(ended, `${model} was not trained; see the notifications`);
  return ended;
}

/** Waits for the end of a run that a fix has started. */
export async function endOf(started: { readonly run: string } | undefined): Promise<Ended> {
  assert.ok(started, 'no run was started');
  return command<Ended>(commands.followRun, { run: started.run, wait: true });
}

/** Fails with what was printed. */
export function assertSucceeded({ exitCode }: Ended): void {
  assert.equal(exitCode, 0, `exit code ${exitCode}:\n${output().slice(-2000)}`);
}

let sources = new Map<string, string>();

/** The project as it was when the pod was started, here and there: what one test broke is no other test's business. */
export async function restoreProject(): Promise<void> {
  await vscode.workspace.saveAll();
  const changed = [...sources].filter(([path, text]) => readFileSync(at(path).fsPath, 'utf8') !== text);
  for (const [path, text] of changed) await rewrite(path, text);
  await command(commands.deployChanged);
}

/** A practice pod with the project on it. */
export async function startPod(): Promise<void> {
  assert.equal(await command(commands.startPracticePod), 'practice');
  await command(commands.deployChanged);
  await closeNotifications();
  const python = readdirSync(at('src').fsPath, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.py'));
  sources = new Map(['runpod.json', ...python.map((path) => `src/${path}`)].map((path) => [path, readFileSync(at(path).fsPath, 'utf8')]));
}

export async function stopPod(): Promise<void> {
  await command(commands.stopPracticePod);
}

/** The folder that is /workspace on the practice pod. */
export const podWorkspace = join(process.env['RPO_HOME'] ?? '', 'practice', 'workspace');
export const onPod = (path: string): string => readFileSync(join(podWorkspace, 'moola', path), 'utf8');

/** Changes a file of the project on the disk, as another program would. */
export async function replaceIn(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(at(path).fsPath, 'utf8');
  assert.ok(text.includes(from), `${path} has no ${JSON.stringify(from)}`);
  await rewrite(path, text.replace(from, to));
}

/** The editor looks at the disk when it pleases; an open document must be the new one before anything is done with it. */
async function rewrite(path: string, text: string): Promise<void> {
  let tries = 0;
  await until(`${path} is read again`, async () => {
    // Now and then the editor's watcher misses a change when much goes on.
    if (tries++ % 60 === 0) await writeFile(at(path).fsPath, text);
    return (await vscode.workspace.openTextDocument(at(path))).getText() === text;
  });
}

interface Bug {
  readonly name: string;
  readonly file: string;
  readonly fixed: string;
  readonly broken: string;
  readonly model: string;
  readonly expect: string;
}

/** Puts one of the example's bugs in and deploys it. */
export async function plant(name: string): Promise<Bug> {
  const bugs = JSON.parse(readFileSync(at('bugs.json').fsPath, 'utf8')) as readonly Bug[];
  const bug = bugs.find((each) => each.name === name);
  assert.ok(bug, `there is no bug ${name}`);
  await replaceIn(bug.file, bug.fixed, bug.broken);
  await command(commands.deployResources, at(bug.file), [at(bug.file)]);
  return bug;
}

export async function mend({ file, fixed, broken }: Bug): Promise<void> {
  await replaceIn(file, broken, fixed);
}

/** What stands in Problems because of runs, by file below the project. */
export function problems(): readonly { readonly file: string; readonly diagnostic: vscode.Diagnostic }[] {
  return vscode.languages
    .getDiagnostics()
    .flatMap(([uri, diagnostics]) =>
      diagnostics
        .filter(({ source }) => source === 'RunPod')
        .map((diagnostic) => ({ file: vscode.workspace.asRelativePath(uri), diagnostic })),
    );
}

/** Those that are failures; advice on a run that went well is none. */
export const errors = () => problems().filter(({ diagnostic }) => diagnostic.severity === vscode.DiagnosticSeverity.Error);

/** The quick fixes that the light bulb offers for the only problem of that type. */
export async function quickFixes(type: string): Promise<readonly vscode.CodeAction[]> {
  const found = problems().filter(({ diagnostic }) => diagnostic.code === type);
  assert.equal(found.length, 1, `problems: ${JSON.stringify(problems())}`);
  const [{ file, diagnostic }] = found as [(typeof found)[number]];
  await vscode.window.showTextDocument(at(file));
  return vscode.commands.executeCommand(
    'vscode.executeCodeActionProvider',
    at(file),
    diagnostic.range,
    vscode.CodeActionKind.QuickFix.value,
  );
}

/** What choosing a quick fix does. */
export async function choose<Answer>(action: vscode.CodeAction): Promise<Answer> {
  if (action.edit) assert.ok(await vscode.workspace.applyEdit(action.edit));
  assert.ok(action.command);
  return vscode.commands.executeCommand<Answer>(action.command.command, ...((action.command.arguments ?? []) as unknown[]));
}

/** What the run's output channel that is shown says. */
export const output = () =>
  vscode.workspace.textDocuments
    .find(({ uri, languageId }) => uri.scheme === 'output' && languageId === 'log' && uri.path.includes('RunPod'))
    ?.getText() ?? '';

export async function until(what: string, check: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ;) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/**
 * A notification with this text is there, with this button. While tests run in its host, VS Code shows no toasts; the
 * notification centre has them all.
 */
export async function notified(text: string, button?: string): Promise<void> {
  if (!person.available) return;
  const item = `.notifications-center .notification-list-item:has-text(${JSON.stringify(text)})`;
  await vscode.commands.executeCommand('notifications.showList');
  try {
    await person.sees(button === undefined ? item : `${item} .monaco-button:has-text(${JSON.stringify(button)})`);
  } catch {
    assert.fail(`no notification ${JSON.stringify(text)} with ${JSON.stringify(button)} among: ${await shown()}`);
  }
  await vscode.commands.executeCommand('notifications.hideList');
}

/** What the notifications say, for the message of a test that failed. */
export async function shown(): Promise<string> {
  if (!person.available) return 'no browser to read notifications with';
  await vscode.commands.executeCommand('notifications.showList');
  return person.text('.notifications-center');
}

export async function closeNotifications(): Promise<void> {
  await vscode.commands.executeCommand('notifications.clearAll');
}
