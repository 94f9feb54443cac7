import * as vscode from 'vscode';
import type { Disposable } from '../core/disposable.ts';
import type { Deployment } from './deployment.ts';
import type { Failures } from './failures.ts';
import type { Projects } from './projects.ts';
import { readSetting } from './typed.ts';

/** With `runpod.deploy.onSave`, a saved file of the project is on the pod a moment later. */
export class SaveDeployment implements Disposable {
  private readonly subscription: Disposable;

  constructor(
    private readonly projects: Projects,
    private readonly deployment: Deployment,
    private readonly failures: Failures,
  ) {
    this.subscription = vscode.workspace.onDidSaveTextDocument((document) => {
      if (document.uri.scheme !== 'file' || !vscode.workspace.isTrusted || !readSetting('runpod.deploy.onSave', document.uri)) return;
      void this.deploy(document.uri);
    });
  }

  dispose(): void {
    this.subscription.dispose();
  }

  private async deploy(uri: vscode.Uri): Promise<void> {
    try {
      if ((await this.projects.nearest(uri)) !== null) await this.deployment.saved(uri);
    } catch (error) {
      this.failures.show(error);
    }
  }
}
