import { basename } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { isUserError, messageOf } from '../core/errors.ts';
import { type CommandId, commands, journalScheme } from '../manifest.ts';
import type { Told } from './commands.ts';
import { openHome } from './home.ts';
import type { Projects } from './projects.ts';
import { watchFile } from './watchFile.ts';

const uri = vscode.Uri.from({ scheme: journalScheme, path: 'Journal' });
const entries = 500;

/** Commands that look, or only lead somewhere, are not written down. */
const unjournaled: ReadonlySet<CommandId> = new Set<CommandId>([
  commands.showOutput,
  commands.showMenu,
  commands.showJournal,
  commands.openExample,
  commands.createConfig,
  commands.followRun,
  commands.verifyEnvironment,
]);

/** What commands answer, as far as it is worth a line. */
interface Answer {
  readonly files?: readonly { readonly path: string }[];
  readonly run?: string;
  readonly exitCode?: number | null;
}

/** What was done by whom, as a document that follows the file; and what this window adds to it. */
export class JournalView implements Disposable {
  private readonly store = new DisposableStore();
  private readonly changes = this.store.add(new vscode.EventEmitter<vscode.Uri>());
  private watcher: Disposable | undefined;

  constructor(private readonly projects: Projects) {
    this.store.add(
      vscode.workspace.registerTextDocumentContentProvider(journalScheme, {
        onDidChange: this.changes.event,
        provideTextDocumentContent: async () => this.text(),
      }),
    );
  }

  async show(): Promise<void> {
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  }

  /** Writes down what a command has done; says nothing when it cannot. */
  readonly add: Told = async (id, args, startedAtMs, outcome) => {
    const isDeclined = 'error' in outcome && (outcome.error instanceof vscode.CancellationError || isUserError(outcome.error, 'cancelled'));
    if (unjournaled.has(id) || isDeclined) return;
    const journal = await this.journal();
    const run = 'answer' in outcome ? (outcome.answer as { readonly run?: unknown } | undefined)?.run : undefined;
    await journal.add({
      at: new Date().toISOString(),
      who: 'person',
      by: vscode.env.appName,
      operation: id.replace('runpod.', ''),
      project: await this.projects.likeliest().catch(() => ''),
      arguments: argumentsOf(args),
      ok: 'answer' in outcome,
      result: 'answer' in outcome ? resultOf(outcome.answer) : messageOf(outcome.error),
      ...(typeof run === 'string' ? { run } : {}),
      milliseconds: Date.now() - startedAtMs,
    });
  };

  dispose(): void {
    this.store.dispose();
  }

  private async text(): Promise<string> {
    const [{ isLook, journalLines }, journal] = await Promise.all([import('../operations/journal.ts'), this.journal()]);
    this.watcher ??= this.store.add(watchFile(journal.file, () => this.changes.fire(uri)));
    const read = (await journal.read(100_000)).filter((entry) => !isLook(entry)).slice(-entries);
    return read.length === 0
      ? `Nothing was done yet. What agents and people do is kept in ${journal.file}.`
      : journalLines(read).join('\n');
  }

  private async journal() {
    const [{ Journal }, home] = await Promise.all([import('../journal/journal.ts'), openHome()]);
    return new Journal(home.stateFolder);
  }
}

/** Resources become their paths; a row of a tree that a command was called on counts with its plain values only. */
function argumentsOf(args: readonly unknown[]): Readonly<Record<string, unknown>> {
  const [first, second] = args;
  const resources = [...(Array.isArray(second) ? (second as unknown[]) : []), first].filter((one) => one instanceof vscode.Uri);
  if (resources.length > 0) return { files: [...new Set(resources.map(({ fsPath }) => fsPath))] };
  if (typeof first !== 'object' || first === null) return {};
  return Object.fromEntries(Object.entries(first).filter(([, value]) => typeof value !== 'object' || Array.isArray(value)));
}

function resultOf(answer: unknown): string {
  if (typeof answer === 'string') return answer;
  if (typeof answer !== 'object' || answer === null) return '';
  const { files, run, exitCode } = answer as Answer;
  const names = files?.slice(0, 5).map(({ path }) => basename(path));
  return [
    ...(files ? [files.length === 0 ? 'no files' : `${files.length} files: ${names?.join(', ')}`] : []),
    ...(run === undefined ? [] : [`run ${run}`]),
    ...(exitCode === undefined ? [] : [`exit code ${exitCode}`]),
  ].join(', ');
}
