import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { messageOf } from '../core/errors.ts';
import type { Home } from '../project/home.ts';
import type { PodEntry } from '../project/schema.ts';
import { commands } from '../manifest.ts';
import type { ApiKeys } from './apiKeys.ts';
import { openHome } from './home.ts';
import type { Sessions } from './sessions.ts';
import type { StatusBar } from './statusBar.ts';
import { setContext } from './typed.ts';
import { watchFile } from './watchFile.ts';
import { mention, withProgress } from './work.ts';

/** The person's pods: adding, selecting, removing, and accepting a changed host key. */
export class Pods implements Disposable {
  private readonly store = new DisposableStore();

  constructor(
    private readonly sessions: Sessions,
    private readonly apiKeys: ApiKeys,
    private readonly status: StatusBar,
  ) {}

  /** Tells the views whether there is a pod, now and whenever pods.json is written: a terminal adds pods, too. */
  async watch(): Promise<void> {
    const home = await openHome();
    // A file that cannot be read is told by the first command that needs it; there are pods in it, most likely.
    const look = async () =>
      setContext(
        'runpod.hasPod',
        await home.readPods().then(
          ({ pods }) => Object.keys(pods).length > 0,
          () => true,
        ),
      );
    this.store.add(watchFile(home.podsFile, () => void look()));
    await look();
  }

  dispose(): void {
    this.store.dispose();
  }

  /** Takes the SSH line that RunPod's console shows, pasted whole. */
  async add(options: { readonly line?: string; readonly name?: string } = {}): Promise<string> {
    const [home, { parseSshLine }] = await Promise.all([openHome(), import('../project/sshLine.ts')]);
    const complaint = (line: string): string | undefined => {
      try {
        parseSshLine(line);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    };
    const known = options.line === undefined ? await this.chooseHost() : undefined;
    const line =
      options.line ??
      known ??
      (await vscode.window.showInputBox({
        title: 'RunPod: Add Pod (1/2)',
        prompt: 'Paste the SSH line of the pod (in RunPod\'s console: Connect, "SSH over exposed TCP"), or its pod id',
        placeHolder: 'ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519',
        ignoreFocusOut: true,
        validateInput: (typed) => (typed.trim() === '' ? undefined : complaint(typed)),
      }));
    if (line === undefined) throw new vscode.CancellationError();
    const { entry, name: suggested } = known === undefined ? parseSshLine(line) : { entry: { sshConfigHost: known }, name: known };
    const taken = Object.keys((await home.readPods()).pods);
    const name =
      options.name ??
      (await vscode.window.showInputBox({
        title: 'RunPod: Add Pod (2/2)',
        prompt: `What to call ${addressOf(entry)}`,
        value: freeName(suggested, taken),
        ignoreFocusOut: true,
        validateInput: (typed) =>
          taken.includes(typed.trim())
            ? `There is a pod "${typed.trim()}" already`
            : typed.trim() === ''
              ? 'A pod needs a name'
              : undefined,
      }));
    if (name === undefined) throw new vscode.CancellationError();
    await home.addPod(name.trim(), entry, { select: true });
    this.status.setPod(name.trim());
    const verify = 'Verify Environment';
    void vscode.window
      .showInformationMessage(`${name.trim()} is added and selected.`, verify)
      .then((chosen) => chosen && vscode.commands.executeCommand(commands.verifyEnvironment));
    return name.trim();
  }

  async select(wanted?: string): Promise<string> {
    const home = await openHome();
    const name = wanted ?? (await this.choose(home, 'RunPod: Select Pod', true));
    await home.selectPod(name);
    this.status.setPod(name);
    mention(`$(check) ${name} is selected`);
    return name;
  }

  async remove(wanted?: string): Promise<string> {
    const home = await openHome();
    const name = wanted ?? (await this.choose(home, 'RunPod: Remove Pod'));
    if (wanted === undefined) {
      const sure = await vscode.window.showWarningMessage(
        `Remove ${name} from your pods?`,
        { modal: true, detail: 'Only the entry here is removed. The pod itself is not touched: it keeps running and is still billed.' },
        'Remove',
      );
      if (sure === undefined) throw new vscode.CancellationError();
    }
    await home.removePod(name);
    this.sessions.drop(name);
    this.status.setPod((await home.readPods()).selected);
    return name;
  }

  /** Shows both fingerprints, and remembers the new key when the person says so. */
  async trustHostKey(wanted?: string, confirmed = false): Promise<string> {
    const { hostKeyOfPod } = await import('../orchestrator.ts');
    const shown = await withProgress('Asking for the host key', (work) =>
      hostKeyOfPod({ pod: wanted, askApiKey: this.apiKeys.ask, signal: work.signal }),
    );
    const name = shown.pod;
    if (!confirmed) {
      const before = shown.remembered.length === 0 ? 'No key was remembered so far.' : `Remembered: ${shown.remembered.join(', ')}`;
      const detail = `${before}\nShown now: ${shown.fingerprint}\n\nThis is expected if the pod was recreated, or if the address now belongs to another of your pods. The pod's boot log shows its fingerprint, too.`;
      const sure = await vscode.window.showWarningMessage(
        `Trust the host key that ${name} (${shown.address}) shows now?`,
        { modal: true, detail },
        'Trust',
      );
      if (sure === undefined) throw new vscode.CancellationError();
    }
    await shown.trust();
    this.sessions.drop(name);
    mention(`$(check) ${name}: ${shown.fingerprint} is trusted`);
    return shown.fingerprint;
  }

  /** A Host of ~/.ssh/config; undefined: none, something is to be pasted. */
  private async chooseHost(): Promise<string | undefined> {
    const { listSshHosts } = await import('../pod/sshConfig.ts');
    // A file that is not understood is told when one of its hosts is used.
    const hosts = await listSshHosts().catch(() => []);
    if (hosts.length === 0) return undefined;
    const paste = { label: '$(clippy) Paste an SSH Line or Pod Id', description: '', host: undefined };
    const items = hosts.map((host) => ({ label: host, description: 'in ~/.ssh/config', host }));
    const chosen = await vscode.window.showQuickPick([paste, ...items], { title: 'RunPod: Add Pod', placeHolder: 'Which machine?' });
    if (!chosen) throw new vscode.CancellationError();
    return chosen.host;
  }

  private async choose(home: Home, title: string, withAdd = false): Promise<string> {
    const { pods, selected } = await home.readPods();
    const names = Object.keys(pods);
    if (names.length === 0) throw home.noPod();
    const items = Object.entries(pods).map(([name, entry]) => ({
      label: name,
      description: `${addressOf(entry)}${name === selected ? '  (selected)' : ''}`,
      add: false,
    }));
    const chosen = await vscode.window.showQuickPick(
      [...items, ...(withAdd ? [{ label: '$(add) Add Pod', description: 'by its SSH line', add: true }] : [])],
      { title, placeHolder: 'Which pod?' },
    );
    if (!chosen) throw new vscode.CancellationError();
    return chosen.add ? this.add() : chosen.label;
  }
}

function addressOf(entry: PodEntry): string {
  if ('sshConfigHost' in entry) return `${entry.sshConfigHost} in ~/.ssh/config`;
  if ('podId' in entry) return `pod ${entry.podId}`;
  return `${entry.user ?? 'root'}@${entry.host}:${entry.port ?? 22}`;
}

function freeName(suggested: string, taken: readonly string[]): string {
  let name = suggested;
  for (let number = 2; taken.includes(name); number++) name = `${suggested}-${number}`;
  return name;
}
