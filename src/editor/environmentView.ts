import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { stripControl } from '../core/terminal.ts';
import type { Check, VerifyReport } from '../doctor/check.ts';
import { commands, views } from '../manifest.ts';
import { forEditor } from './words.ts';

/** A check, or below one that did not pass what to do about it. */
type Node =
  { readonly kind: 'check'; readonly check: Check } | { readonly kind: 'advice' | 'fix'; readonly check: Check; readonly text: string };

const icons: Readonly<Record<Check['status'], vscode.ThemeIcon>> = {
  passed: new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed')),
  warning: new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground')),
  failed: new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed')),
};
const order: readonly Check['status'][] = ['failed', 'warning', 'passed'];

/** What the last look at a pod came to, as a tree: what did not pass stands first, with what to do below it. */
export class EnvironmentView implements vscode.TreeDataProvider<Node>, Disposable {
  private readonly store = new DisposableStore();
  private readonly changes = this.store.add(new vscode.EventEmitter<void>());
  /** Before the tree is made, which listens from then on. */
  readonly onDidChangeTreeData = this.changes.event;
  private readonly tree = this.store.add(vscode.window.createTreeView<Node>(views.environment, { treeDataProvider: this }));
  private report: VerifyReport | undefined;

  show(report: VerifyReport): void {
    this.report = report;
    const bad = report.checks.filter(({ status }) => status !== 'passed').length;
    this.tree.description = `${report.pod}, ${new Date().toLocaleTimeString()}`;
    this.tree.badge =
      bad === 0 ? undefined : { value: bad, tooltip: `${bad} ${bad === 1 ? 'check' : 'checks'} of ${report.pod} did not pass` };
    this.changes.fire();
  }

  /** Brings the view to the front. */
  async reveal(): Promise<void> {
    await vscode.commands.executeCommand(`${views.environment}.focus`);
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) {
      const checks = [...(this.report?.checks ?? [])].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
      return checks.map((check) => ({ kind: 'check', check }));
    }
    if (node.kind !== 'check') return [];
    const { check } = node;
    return [
      ...(check.fix === null ? [] : [{ kind: 'fix' as const, check, text: check.fix.title }]),
      ...(check.advice === null ? [] : [{ kind: 'advice' as const, check, text: forEditor(stripControl(check.advice)) }]),
    ];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const { check } = node;
    if (node.kind !== 'check') {
      const item = new vscode.TreeItem(node.text);
      item.tooltip = node.text;
      item.iconPath = new vscode.ThemeIcon(node.kind === 'fix' ? 'wrench' : 'info');
      if (node.kind === 'fix') item.command = { command: commands.repair, title: node.text, arguments: [{ check: check.id }] };
      return item;
    }
    const seen = stripControl(check.seen);
    const item = new vscode.TreeItem(
      check.title,
      check.status === 'passed' ? vscode.TreeItemCollapsibleState.None : vscode.TreeItemCollapsibleState.Expanded,
    );
    // With another status it is another item, folded out anew.
    item.id = `${check.id} ${check.status}`;
    item.description = seen;
    item.tooltip = `${check.title}: ${seen}`;
    item.iconPath = icons[check.status];
    item.accessibilityInformation = { label: `${check.title}, ${check.status}: ${seen}` };
    return item;
  }

  dispose(): void {
    this.store.dispose();
  }
}
