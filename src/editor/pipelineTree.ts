import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { stripControl } from '../core/terminal.ts';
import { commands, views } from '../manifest.ts';
import { forEditor } from './words.ts';
import type { JobState, JobView, PipelineView, StageView } from '../pipeline/pipeline.ts';

/** `run` and `pipeline` are the ids that the commands of context menus take. */
type Node =
  | { readonly kind: 'pipeline'; readonly view: PipelineView; readonly pipeline: string }
  | { readonly kind: 'stage'; readonly view: PipelineView; readonly stage: StageView }
  | {
      readonly kind: 'job';
      readonly view: PipelineView;
      readonly job: JobView;
      readonly run: string | undefined;
      readonly pipeline: string;
    }
  | { readonly kind: 'hint'; readonly text: string };

const icons: Readonly<Record<JobState, vscode.ThemeIcon>> = {
  waiting: new vscode.ThemeIcon('circle-outline'),
  running: new vscode.ThemeIcon('loading~spin'),
  fetching: new vscode.ThemeIcon('cloud-download'),
  succeeded: new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed')),
  failed: new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed')),
  'left-out': new vscode.ThemeIcon('circle-slash'),
};

/** How many pipelines are shown. */
const maxShown = 10;

/** The pipelines of a pod as a tree, the newest first: stages, their jobs, and hints below what failed. */
export class PipelineTree implements vscode.TreeDataProvider<Node>, Disposable {
  private readonly store = new DisposableStore();
  private readonly changes = this.store.add(new vscode.EventEmitter<void>());
  /** Before the tree is made, which listens from then on. */
  readonly onDidChangeTreeData = this.changes.event;
  private readonly tree = this.store.add(vscode.window.createTreeView<Node>(views.pipeline, { treeDataProvider: this }));
  /** Newest first. */
  private pipelines: readonly PipelineView[] = [];
  /** What was shown last of those that this window drove: it knows what their results came to, which the pod does not. */
  private readonly drivenHere = new Map<string, PipelineView>();
  private pod = '';

  /** Somebody opened the view. */
  readonly onDidOpen = (listener: () => void): Disposable =>
    this.tree.onDidChangeVisibility(({ visible }) => {
      if (visible) listener();
    });

  get isVisible(): boolean {
    return this.tree.visible;
  }

  /** One that this window drives, as it stands. */
  show(pipeline: PipelineView, pod: string): void {
    this.drivenHere.set(pipeline.id, pipeline);
    const others = pod === this.pod ? this.pipelines.filter(({ id }) => id !== pipeline.id) : [];
    this.fill([pipeline, ...others], pod);
  }

  /**
   * Those that the pod knows.
   *
   * @param driven ids of those that this window drives now
   */
  showAll(pipelines: readonly PipelineView[], pod: string, driven: ReadonlySet<string>): void {
    const known = pipelines.map((one) => {
      const own = this.drivenHere.get(one.id);
      const isNewer = own !== undefined && own.rounds >= one.rounds && (own.state !== 'running' || driven.has(own.id));
      return isNewer ? own : one;
    });
    this.fill(known, pod);
  }

  private fill(pipelines: readonly PipelineView[], pod: string): void {
    this.pod = pod;
    this.pipelines = [...pipelines].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, maxShown);
    const [newest] = this.pipelines;
    const done = newest?.stages.filter(({ state }) => state === 'succeeded').length ?? 0;
    this.tree.description = newest === undefined ? `none on ${pod}` : `${done} of ${newest.stages.length} stages on ${pod}`;
    this.changes.fire();
  }

  async reveal(): Promise<void> {
    await vscode.commands.executeCommand(`${views.pipeline}.focus`);
  }

  getChildren(node?: Node): Node[] {
    switch (node?.kind) {
      case undefined:
        return this.pipelines.map((pipeline) => ({ kind: 'pipeline', view: pipeline, pipeline: pipeline.id }));
      case 'pipeline':
        return node.view.stages.map((stage) => ({ kind: 'stage', view: node.view, stage }));
      case 'stage':
        return node.stage.jobs.map((job) => ({ kind: 'job', view: node.view, job, run: job.run ?? undefined, pipeline: node.view.id }));
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
    if (node.kind === 'pipeline') return this.pipelineItem(node.view);
    const { state } = node.kind === 'stage' ? node.stage : node.job;
    const hasChildren = node.kind === 'stage' || node.job.hints.length > 0;
    const label = node.kind === 'stage' ? node.stage.name : node.job.label;
    const item = new vscode.TreeItem(label, hasChildren ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.None);
    item.iconPath = icons[state];
    const name = node.kind === 'stage' ? node.stage.name : `${node.job.key} ${node.job.hints.length > 0 ? 'with hints' : ''}`;
    item.id = `${node.view.id} ${name}`;
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

  private pipelineItem({ id, state, startedAt, rounds, stages }: PipelineView): vscode.TreeItem {
    const isNewest = this.pipelines[0]?.id === id;
    const started = new Date(startedAt);
    const item = new vscode.TreeItem(
      Number.isNaN(started.getTime()) ? id : started.toLocaleString(),
      isNewest ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed,
    );
    item.iconPath = icons[state];
    item.contextValue = state;
    // Folded out as long as it is the newest, unless somebody folds it.
    item.id = `${id} ${isNewest ? 'newest' : ''}`;
    const trained = stages.flatMap(({ jobs }) => jobs).map(({ label }) => label);
    item.description = [trained.join(', '), rounds > 1 ? `${rounds} rounds` : ''].filter(Boolean).join(', ');
    item.tooltip = `${id}: ${state}`;
    item.accessibilityInformation = { label: `Pipeline of ${item.label as string}, ${state}, ${item.description}` };
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
