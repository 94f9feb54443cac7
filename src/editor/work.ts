import * as vscode from 'vscode';

export interface Work {
  /** Aborted when the person cancels. */
  readonly signal: AbortSignal;
  /** Says how far; `fraction` from 0 to 1. */
  report(message: string, fraction?: number): void;
}

/** Nobody reads a dialog that is gone at once: what ends within this time shows in the status bar only. */
const patienceMs = 700;

/** Runs something that may take a while: seen in the status bar at once, as a notification that can be cancelled when it lasts. */
export async function withProgress<T>(title: string, task: (work: Work) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let shown: vscode.Progress<{ message?: string; increment?: number }> | undefined;
  let percent = 0;
  let lastMessage = '';
  const report = (message: string, fraction?: number) => {
    lastMessage = message;
    const now = fraction === undefined ? percent : Math.min(100, Math.max(percent, fraction * 100));
    shown?.report({ message, ...(now > percent ? { increment: now - percent } : {}) });
    if (shown) percent = now;
  };
  const done = task({ signal: controller.signal, report });
  const status = vscode.window.setStatusBarMessage(`$(sync~spin) ${title}`, done.then(noop, noop));
  const timer = setTimeout(() => {
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      async (progress, token) => {
        shown = progress;
        if (lastMessage !== '') progress.report({ message: lastMessage });
        token.onCancellationRequested(() => controller.abort());
        await done.catch(noop);
      },
    );
  }, patienceMs);
  try {
    return await done;
  } finally {
    clearTimeout(timer);
    status.dispose();
  }
}

/** A word about what was done, in the status bar for a moment. */
export function mention(text: string): void {
  vscode.window.setStatusBarMessage(text, 6000);
}

function noop(): void {}
