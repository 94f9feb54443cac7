import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { mcpProvider } from '../manifest.ts';
import type { Projects } from './projects.ts';
import { readSetting } from './typed.ts';

/** Offers `rpo mcp` to the editor, one server for each project that is open. The editor starts it, with its own Node, when an agent wants it. */
export class McpServers implements vscode.McpServerDefinitionProvider<vscode.McpStdioServerDefinition>, Disposable {
  private readonly store = new DisposableStore();
  private readonly changes = this.store.add(new vscode.EventEmitter<void>());

  readonly onDidChangeMcpServerDefinitions = this.changes.event;

  constructor(
    private readonly extension: Pick<vscode.Extension<unknown>, 'extensionUri' | 'packageJSON'>,
    private readonly projects: Projects,
  ) {
    this.store.add(vscode.lm.registerMcpServerDefinitionProvider(mcpProvider, this));
    this.store.add(vscode.workspace.onDidChangeWorkspaceFolders(() => this.changes.fire()));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.changes.fire()));
    this.store.add(
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('runpod.agents')) this.changes.fire();
      }),
    );
  }

  async provideMcpServerDefinitions(): Promise<vscode.McpStdioServerDefinition[]> {
    const offered = readSetting('runpod.agents.offer');
    if (!vscode.workspace.isTrusted || (offered !== 'both' && offered !== 'mcp')) return [];
    const roots = await this.projects.roots();
    const { version } = this.extension.packageJSON as { readonly version: string };
    const cli = vscode.Uri.joinPath(this.extension.extensionUri, 'dist', 'cli.js').fsPath;
    const limits = JSON.stringify(readSetting('runpod.agents.limits'));
    const env = { ELECTRON_RUN_AS_NODE: '1', RPO_AGENT_LIMITS: limits };
    // A server that runs has the limits it was started with: only another version makes the editor start it anew.
    const stamp = createHash('sha256').update(limits).digest('hex').slice(0, 8);
    return roots.map((root) => {
      const label = roots.length === 1 ? 'RunPod' : `RunPod: ${basename(root)}`;
      const server = new vscode.McpStdioServerDefinition(
        label,
        process.execPath,
        [cli, 'mcp', '--project', root],
        env,
        `${version}+${stamp}`,
      );
      server.cwd = vscode.Uri.file(root);
      return server;
    });
  }

  dispose(): void {
    this.store.dispose();
  }
}
