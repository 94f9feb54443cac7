import * as vscode from 'vscode';

const secret = 'runpod.apiKey';

/** RunPod's API key, for pods given by their id: asked for once where no other place has it, kept by the editor's SecretStorage. */
export class ApiKeys {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** The port that a look-up asks; undefined: the person declined. */
  readonly ask = async (): Promise<string | undefined> => {
    const kept = await this.secrets.get(secret);
    if (kept !== undefined) return kept;
    const typed = await vscode.window.showInputBox({
      title: 'RunPod: API Key',
      prompt: "Needed to look up where the pod is. Create one in RunPod's console under Settings, API Keys; read access is enough",
      password: true,
      ignoreFocusOut: true,
    });
    if (typed === undefined || typed.trim() === '') return undefined;
    await this.secrets.store(secret, typed.trim());
    return typed.trim();
  };

  /** The key was not accepted: the next look-up asks again. */
  async forget(): Promise<void> {
    await this.secrets.delete(secret);
  }
}
