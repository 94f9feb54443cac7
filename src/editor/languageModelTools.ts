import { relative } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { UserError } from '../core/errors.ts';
import type { AgentCallers } from './agentCallers.ts';
import { readSetting } from './typed.ts';

type Input = Readonly<Record<string, unknown>>;

/** The tools that package.json contributes, for agents in the editor. What stands behind them is loaded with the first call. */
export class LanguageModelTools implements Disposable {
  private readonly store = new DisposableStore();

  constructor({ packageJSON }: Pick<vscode.Extension<unknown>, 'packageJSON'>, callers: AgentCallers) {
    // They are contributed from the operations table, and a test holds the two equal: reading the table would load all that stands behind it.
    const { contributes } = packageJSON as { readonly contributes: { readonly languageModelTools: readonly { readonly name: string }[] } };
    for (const { name } of contributes.languageModelTools) this.store.add(vscode.lm.registerTool<Input>(name, new Tool(name, callers)));
  }

  dispose(): void {
    this.store.dispose();
  }
}

class Tool implements vscode.LanguageModelTool<Input> {
  constructor(
    private readonly name: string,
    private readonly callers: AgentCallers,
  ) {}

  /** A person agrees to what changes something: files, pod and command are said as they will be. */
  async prepareInvocation(
    { input }: vscode.LanguageModelToolInvocationPrepareOptions<Input>,
    token: vscode.CancellationToken,
  ): Promise<vscode.PreparedToolInvocation> {
    const record = await this.callers.record(this.name);
    const invocationMessage = `RunPod: ${record.title}`;
    if (!vscode.workspace.isTrusted) return { invocationMessage };
    const caller = await this.callers.get();
    const plan = await withSignal(token, async (signal) => caller.plan(record, input, signal));
    if (plan === null) return { invocationMessage };
    const message = new vscode.MarkdownString();
    // Until the person has agreed, another file may be in front, or another pod selected.
    (await this.callers.told()).told(this.name, input, { projectRoot: caller.projectRoot, pod: plan.pod });
    plan.lines.forEach((line, i) => message.appendText(i === 0 ? line : `\n${line}`));
    return { invocationMessage, confirmationMessages: { title: `RunPod: ${record.title}?`, message } };
  }

  /** @throws Error whose message says to the model what to do next */
  async invoke(
    { input }: vscode.LanguageModelToolInvocationOptions<Input>,
    token: vscode.CancellationToken,
  ): Promise<vscode.LanguageModelToolResult> {
    if (!vscode.workspace.isTrusted)
      throw new UserError(
        'not-configured',
        'This workspace is not trusted, so nothing of it is deployed or run. The person has to trust it first.',
      );
    const place = (await this.callers.told()).take(this.name, input);
    const [record, caller] = await Promise.all([this.callers.record(this.name), this.callers.get(place?.projectRoot)]);
    if (record.effect !== 'read') await saveAll(caller.projectRoot);
    const call = { progress: () => {}, emit: () => {} };
    const answer = await withSignal(token, async (signal) => caller.call(record, input, { ...call, signal }, place?.pod ?? undefined));
    if (token.isCancellationRequested) throw new vscode.CancellationError();
    if (!answer.ok) throw new Error(answer.text);
    return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(answer.text)]);
  }
}

/** What an agent has edited and the editor has not saved is not on the disk, and would be deployed as it was before. */
async function saveAll(root: string): Promise<void> {
  if (!readSetting('runpod.deploy.saveFirst', vscode.Uri.file(root))) return;
  for (const document of vscode.workspace.textDocuments)
    if (document.isDirty && document.uri.scheme === 'file' && !relative(root, document.uri.fsPath).startsWith('..')) await document.save();
}

async function withSignal<T>(token: vscode.CancellationToken, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  const listening = token.onCancellationRequested(() => controller.abort());
  try {
    return await work(controller.signal);
  } finally {
    listening.dispose();
  }
}
