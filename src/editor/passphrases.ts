import * as vscode from 'vscode';

/** Passphrases of key files: asked for once, kept by the editor's SecretStorage, never in a file of ours. */
export class Passphrases {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** The port that connecting asks; undefined: the person declined. `retry`: the last one was wrong. */
  readonly ask = async (identityFile: string, retry: boolean): Promise<string | undefined> => {
    const key = `passphrase:${identityFile}`;
    const kept = retry ? undefined : await this.secrets.get(key);
    if (kept !== undefined) return kept;
    if (retry) await this.secrets.delete(key);
    const typed = await vscode.window.showInputBox({
      title: 'RunPod: Passphrase',
      prompt: `${retry ? 'That was not it. ' : ''}Passphrase of ${identityFile}`,
      password: true,
      ignoreFocusOut: true,
    });
    if (typed === undefined || typed === '') return undefined;
    await this.secrets.store(key, typed);
    return typed;
  };
}
