import * as vscode from 'vscode';
import { commands } from '../manifest.ts';
import type { RunWatches } from './runWatches.ts';

interface Item extends vscode.QuickPickItem {
  readonly command?: string;
}

/** What a click on the status bar item offers. */
export async function showMenu(watches: RunWatches): Promise<void> {
  const isTraining = watches.following.length > 0;
  const item = (icon: string, label: string, command: string): Item => ({ label: `$(${icon}) ${label}`, command });
  const separator = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const items: readonly Item[] = [
    ...(isTraining ? [item('debug-stop', 'Stop Training', commands.stopTraining)] : []),
    item('output', 'Show Output', commands.showOutput),
    separator('deploy'),
    item('cloud-upload', 'Deploy Current File to Pod', commands.deployCurrentFile),
    item('cloud-upload', 'Deploy Changed Files', commands.deployChanged),
    item('files', 'Deploy Preset', commands.deployPreset),
    separator('train'),
    item('play', 'Train Model', commands.train),
    ...(watches.last ? [item('debug-restart', 'Train Again', commands.trainAgain)] : []),
    item('eye', 'Follow Run', commands.followRun),
    item('run-all', 'Retrain Pipeline', commands.retrainPipeline),
    item('debug-continue', 'Resume Pipeline', commands.resumePipeline),
    item('cloud-download', 'Download Results', commands.downloadResults),
    item('cloud-download', 'Download Logs', commands.downloadLogs),
    item('tasklist', 'Write Run to Task', commands.writeRunToTask),
    separator('pod'),
    item('vm', 'Select Pod', commands.selectPod),
    item('add', 'Add Pod', commands.addPod),
    item('checklist', 'Verify Environment', commands.verifyEnvironment),
    item('wrench', 'Repair Environment', commands.repair),
    item('pulse', 'GPU Status', commands.gpuStatus),
    item('terminal', 'Run Command on Pod', commands.runCommand),
    item('terminal', 'Open Terminal on Pod', commands.openTerminal),
    item('debug-disconnect', 'Test Connection', commands.testConnection),
    item('trash', 'Clean Up Pod', commands.clean),
    separator('more'),
    item('book', 'Show Journal', commands.showJournal),
    item('mortar-board', 'Open Walkthrough', commands.openWalkthrough),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: 'RunPod', placeHolder: 'What next?' });
  if (chosen?.command !== undefined) await vscode.commands.executeCommand(chosen.command);
}
