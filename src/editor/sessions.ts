import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { type Disposable, DisposableStore, toDisposable } from '../core/disposable.ts';
import { isUserError } from '../core/errors.ts';
import { Emitter } from '../core/event.ts';
import type { Orchestrator } from '../orchestrator.ts';
import type { PodState } from '../pod/pod.ts';
import type { Home } from '../project/home.ts';
import type { ConfigProblems } from './configProblems.ts';
import type { ApiKeys } from './apiKeys.ts';
import { openHome } from './home.ts';
import type { Log } from './log.ts';
import type { Passphrases } from './passphrases.ts';

/** A project on a pod, as it stands in the files that describe both. */
interface Opened {
  /** What it was opened from; another text means that it has to be opened anew. */
  readonly stamp: string;
  readonly orchestrator: Orchestrator;
  readonly store: DisposableStore;
  users: number;
  /** Replaced by a newer one; goes when its last user does. */
  retired: boolean;
}

export interface PodChange {
  readonly pod: string;
  readonly state: PodState;
}

/**
 * The connections of this window: one for each project and pod, opened when first needed, kept warm, and opened anew
 * when runpod.json or the pod's entry has changed. The room that can connect is loaded on first use, not on activation.
 */
export class Sessions implements Disposable {
  private readonly opened = new Map<string, Opened>();
  private readonly all = new Set<Opened>();
  private readonly changes = new Emitter<PodChange>();
  private turn: Promise<unknown> = Promise.resolve();

  readonly onDidChangePod = this.changes.event;

  constructor(
    private readonly log: Log,
    private readonly passphrases: Passphrases,
    private readonly apiKeys: ApiKeys,
    private readonly configProblems: ConfigProblems,
  ) {}

  /** @throws UserError; CancellationError when a pod has to be chosen and none is. */
  async get(root: string, podName?: string): Promise<Orchestrator> {
    // One at a time: two commands at once must not open two connections.
    const mine = this.turn.then(() => this.getNow(root, podName));
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  /** Keeps a connection until what is returned is disposed, also when a newer one takes its place. */
  hold(orchestrator: Orchestrator): Disposable {
    const opened = [...this.all].find((each) => each.orchestrator === orchestrator);
    if (!opened) return toDisposable(() => undefined);
    opened.users++;
    return toDisposable(() => {
      opened.users--;
      this.sweep(opened);
    });
  }

  /** Ends the connections to a pod, so that the next use connects anew (a host key was accepted, say). */
  drop(podName: string): void {
    for (const [key, opened] of this.opened) {
      if (opened.orchestrator.pod.name !== podName) continue;
      this.opened.delete(key);
      opened.retired = true;
      this.sweep(opened);
    }
  }

  dispose(): void {
    for (const { store } of this.all) store.dispose();
    this.all.clear();
    this.opened.clear();
    this.changes.dispose();
  }

  private async getNow(root: string, wanted: string | undefined): Promise<Orchestrator> {
    const [{ Orchestrator }, home] = await Promise.all([import('../orchestrator.ts'), openHome()]);
    const pod = wanted ?? (await choosePod(home));
    const { entry } = await home.pod(pod);
    this.configProblems.clear(home.podsFile);
    const key = JSON.stringify([root, pod]);
    const stamp = JSON.stringify([entry, await stampOf(join(root, 'runpod.json'))]);
    const known = this.opened.get(key);
    if (known?.stamp === stamp) return known.orchestrator;

    const orchestrator = await Orchestrator.open({
      projectRoot: root,
      pod,
      log: this.log.info,
      askPassphrase: this.passphrases.ask,
      askApiKey: this.apiKeys.ask,
    }).catch(async (error: unknown) => {
      if (isUserError(error, 'auth-failed') && error.details['apiKey'] === true) await this.apiKeys.forget();
      throw error;
    });
    this.configProblems.clear(join(root, 'runpod.json'));
    const store = new DisposableStore();
    const opened: Opened = { stamp, orchestrator: store.add(orchestrator), store, users: 0, retired: false };
    store.add(orchestrator.pod.onState((state) => this.changes.fire({ pod, state })));
    this.opened.set(key, opened);
    this.all.add(opened);
    if (known) {
      known.retired = true;
      this.sweep(known);
    }
    this.changes.fire({ pod, state: orchestrator.pod.state });
    return orchestrator;
  }

  private sweep(opened: Opened): void {
    if (!opened.retired || opened.users > 0) return;
    this.all.delete(opened);
    opened.store.dispose();
  }
}

/** The selected pod, or the only one; asks when several are there and none is selected. */
async function choosePod(home: Home): Promise<string> {
  const { pods, selected } = await home.readPods();
  const names = Object.keys(pods);
  if (names.length === 0) {
    throw home.noPod();
  }
  const name = selected ?? (names.length === 1 ? names[0] : undefined);
  if (name !== undefined) return name;
  const chosen = await vscode.window.showQuickPick(names, {
    title: 'RunPod: Which pod?',
    placeHolder: 'It stays selected until you select another',
  });
  if (chosen === undefined) throw new vscode.CancellationError();
  await home.selectPod(chosen);
  return chosen;
}

async function stampOf(file: string): Promise<string> {
  const info = await stat(file).catch(() => null);
  return info ? `${info.mtimeMs} ${info.size}` : 'none';
}
