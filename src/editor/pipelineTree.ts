import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { stripControl } from '../core/terminal.ts';
import { commands, views } from '../manifest.ts';
import { forEditor } from './words.ts';
import type { JobState, JobView, PipelineView, StageView } from '../pipeline/pipeline.ts';

type Node =
  | { readonly kind: 'stage'; readonly stage: StageView }
  /** `run` and `pipeline` are what a command of its context menu takes. */
  | { readonly kind: 'job'; readonly job: JobView; readonly run: string | undefined; readonly pipeline: string | undefined }
  | { readonly kind: 'hint'; readonly text: string };

const icons: Readonly<Record<JobState, vscode.ThemeIcon>> = {
  waiting: new vscode.ThemeIcon('circle-outline'),
  running: new vscode.ThemeIcon('loading~spin'),
  fetching: new vscode.ThemeIcon('cloud-download'),
  succeeded: new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed')),
  failed: new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed')),
  'left-out': new vscode.ThemeIcon('circle-slash'),
};

/** The pipeline that was started or resumed last, as a tree: stages, their jobs, and hints below what failed. */
export class PipelineTree implements vscode.TreeDataProvider<Node>, Disposable {
  private readonly store = new DisposableStore();
  private readonly changes = this.store.add(new vscode.EventEmitter<void>());
  /** Before the tree is made, which listens from then on. */
  readonly onDidChangeTreeData = this.changes.event;
  private readonly tree = this.store.add(vscode.window.createTreeView<Node>(views.pipeline, { treeDataProvider: this }));
  private pipeline: PipelineView | undefined;

  show(pipeline: PipelineView, pod: string): void {
    this.pipeline = pipeline;
    const done = pipeline.stages.filter(({ state }) => state === 'succeeded').length;
    this.tree.description = `${done} of ${pipeline.stages.length} stages on ${pod}`;
    this.changes.fire();
  }

  async reveal(): Promise<void> {
    await vscode.commands.executeCommand(`${views.pipeline}.focus`);
  }

  getChildren(node?: Node): Node[] {
    switch (node?.kind) {
      case undefined:
        return (this.pipeline?.stages ?? []).map((stage) => ({ kind: 'stage', stage }));
      case 'stage':
        return node.stage.jobs.map((job) => ({ kind: 'job', job, run: job.run ?? undefined, pipeline: this.pipeline?.id }));
      case 'job':
        return node.job.hints.map((text) => ({ kind: 'hint', text }));
      case 'hint':
        return [];
    }
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (node.kind === 'hint') {
      const item = new vscode.TreeItem(forEditor(stripControl(node.text)));
      item.iconPath = new vscode.ThemeIcon('lightbulb');
      item.tooltip = forEditor(stripControl(node.text));
      return item;
    }
    const { state } = node.kind === 'stage' ? node.stage : node.job;
    const hasChildren = node.kind === 'stage' || node.job.hints.length > 0;
    const label = node.kind === 'stage' ? node.stage.name : node.job.label;
    const item = new vscode.TreeItem(label, hasChildren ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.None);
    item.iconPath = icons[state];
    item.id = node.kind === 'stage' ? node.stage.name : `${node.job.key} ${node.job.hints.length > 0 ? 'with hints' : ''}`;
    if (node.kind === 'job') {
      const { run, summary } = node.job;
      item.contextValue = run === null ? state : `${state} run`;
      item.description = descriptionOf(node.job);
      item.tooltip = stripControl([`${node.job.label}: ${state}`, summary, run ?? ''].filter(Boolean).join('\n'));
      if (run !== null) item.command = { command: commands.followRun, title: 'Show the output of the run', arguments: [{ run }] };
    }
    item.accessibilityInformation = {
      label: `${label}, ${state}${typeof item.description === 'string' ? `, ${item.description}` : ''}`,
    };
    return item;
  }

  dispose(): void {
    this.store.dispose();
  }
}

function descriptionOf({ state, accuracy, seconds, summary }: JobView): string {
  if (state === 'failed' || state === 'left-out') return forEditor(stripControl(summary));
  const parts = [accuracy === null ? '' : `${(100 * accuracy).toFixed(1)}%`, seconds === null ? '' : `${seconds.toFixed(0)} s`];
  return parts.filter(Boolean).join(', ');
}
