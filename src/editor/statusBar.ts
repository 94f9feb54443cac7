import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { commands } from '../manifest.ts';
import type { PodState } from '../pod/pod.ts';
import { rounded, runText } from './runText.ts';
import type { RunView, RunWatches } from './runWatches.ts';
import type { Sessions } from './sessions.ts';
import { setContext } from './typed.ts';

const podKey = 'status.pod';

/** The pod and the run that this window is about, in one item; a click offers what can be done. */
export class StatusBar implements Disposable {
  private readonly store = new DisposableStore();
  private readonly item = this.store.add(vscode.window.createStatusBarItem('runpod.status', vscode.StatusBarAlignment.Left, 10));
  private pod: { readonly name: string; readonly state: PodState } | undefined;
  private run: RunView | undefined;

  constructor(
    private readonly memory: vscode.Memento,
    sessions: Sessions,
    private readonly watches: RunWatches,
  ) {
    const known = memory.get<string>(podKey);
    // As it was when this window was closed: nothing is read and nobody is called for it.
    if (known !== undefined) this.pod = { name: known, state: { kind: 'idle' } };
    this.item.name = 'RunPod';
    this.item.command = commands.showMenu;
    this.store.add(sessions.onDidChangePod(({ pod, state }) => this.setPod(pod, state)));
    this.store.add(
      watches.onDidChange((view) => {
        this.run = this.watches.following.at(-1) ?? view;
        setContext('runpod.isTraining', this.watches.following.length > 0);
        this.show();
      }),
    );
    this.show();
    this.item.show();
  }

  /** Another pod was selected. */
  setPod(name: string | undefined, state: PodState = { kind: 'idle' }): void {
    if (name !== this.pod?.name) void this.memory.update(podKey, name);
    this.pod = name === undefined ? undefined : { name, state };
    if (name !== undefined) setContext('runpod.hasPod', true);
    this.show();
  }

  dispose(): void {
    this.store.dispose();
  }

  private show(): void {
    const pod = this.pod === undefined ? 'RunPod' : this.pod.name;
    this.item.text = `${podIcon(this.pod?.state)} ${pod}${this.run ? `  ${runText(this.run)}` : ''}`;
    this.item.backgroundColor =
      this.run?.state.kind === 'ended' && this.run.state.exitCode !== 0 && !this.run.state.stopped
        ? new vscode.ThemeColor('statusBarItem.errorBackground')
        : undefined;
    this.item.tooltip = tooltip(this.pod, this.run);
  }
}

function podIcon(state: PodState | undefined): string {
  switch (state?.kind) {
    case 'connected':
      return '$(vm-active)';
    case 'connecting':
    case 'reconnecting':
      return '$(loading~spin)';
    case 'lost':
      return '$(vm-outline)';
    default:
      return '$(vm)';
  }
}

function tooltip(pod: { readonly name: string; readonly state: PodState } | undefined, run: RunView | undefined): vscode.MarkdownString {
  const text = new vscode.MarkdownString('', true);
  if (pod === undefined) return text.appendMarkdown('RunPod: no pod is selected yet');
  text.appendMarkdown('**Pod** ').appendText(`${pod.name}: ${stateWords(pod.state)}`);
  if (!run) return text;
  text.appendMarkdown('\n\n**Run** ').appendText(run.ref.id);
  for (const [name, value] of Object.entries(run.metrics?.metrics ?? {}).slice(0, 12))
    text.appendMarkdown('\n\n').appendText(`${name}: ${rounded(value)}`);
  return text;
}

function stateWords(state: PodState): string {
  switch (state.kind) {
    case 'idle':
      return 'connects when first needed';
    case 'reconnecting':
      return `reconnecting, attempt ${state.attempt}`;
    case 'lost':
      return `out of reach (${state.reason})`;
    default:
      return state.kind;
  }
}
