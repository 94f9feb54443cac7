/**
 * Every id that package.json and the code must agree on, once, with its type. A unit test holds package.json against
 * this file in both directions. Pure: imports nothing of vscode at run time.
 */
import type { Uri } from 'vscode';

/** Commands, as package.json contributes them. */
export const commands = {
  addPod: 'runpod.addPod',
  selectPod: 'runpod.selectPod',
  removePod: 'runpod.removePod',
  trustHostKey: 'runpod.trustHostKey',
  testConnection: 'runpod.testConnection',
  verifyEnvironment: 'runpod.verifyEnvironment',
  repair: 'runpod.repair',
  reinstall: 'runpod.reinstall',
  selfTest: 'runpod.selfTest',
  deployCurrentFile: 'runpod.deployCurrentFile',
  deployResources: 'runpod.deployResources',
  deployChanged: 'runpod.deployChanged',
  deployPreset: 'runpod.deployPreset',
  train: 'runpod.train',
  trainAgain: 'runpod.trainAgain',
  retrainPipeline: 'runpod.retrainPipeline',
  resumePipeline: 'runpod.resumePipeline',
  refreshPipelines: 'runpod.refreshPipelines',
  stopTraining: 'runpod.stopTraining',
  followRun: 'runpod.followRun',
  runCommand: 'runpod.runCommand',
  openTerminal: 'runpod.openTerminal',
  gpuStatus: 'runpod.gpuStatus',
  endGpuProcess: 'runpod.endGpuProcess',
  downloadResults: 'runpod.downloadResults',
  downloadLogs: 'runpod.downloadLogs',
  writeRunToTask: 'runpod.writeRunToTask',
  clean: 'runpod.clean',
  showOutput: 'runpod.showOutput',
  showMenu: 'runpod.showMenu',
  createConfig: 'runpod.createConfig',
  startPracticePod: 'runpod.startPracticePod',
  stopPracticePod: 'runpod.stopPracticePod',
  openExample: 'runpod.openExample',
  openWalkthrough: 'runpod.openWalkthrough',
  showJournal: 'runpod.showJournal',
} as const;

/** Commands that only our own buttons, links and quick fixes call; never contributed, so never in the palette. */
export const internalCommands = {
  applyFix: '_runpod.applyFix',
  offerTrainAgain: '_runpod.offerTrainAgain',
} as const;

export type CommandId = (typeof commands)[keyof typeof commands];

/** These only look or lead somewhere; everything else runs what the workspace says, and so needs a trusted one. */
export const untrustedCommands: ReadonlySet<CommandId> = new Set<CommandId>([
  commands.showOutput,
  commands.showMenu,
  commands.openExample,
  commands.openWalkthrough,
  commands.addPod,
  commands.selectPod,
  commands.removePod,
  commands.showJournal,
]);

/** `wait`: the command ends when the run does, and answers with its exit code too; for a chain of commands. */
export interface WaitOption {
  readonly wait?: boolean;
}

/** What a command may be given, by a key binding, a menu or a test; all of it is asked for when left out. */
export interface CommandArguments {
  'runpod.addPod': [options?: { readonly line?: string; readonly name?: string }];
  'runpod.selectPod': [options?: { readonly pod?: string }];
  'runpod.removePod': [options?: { readonly pod?: string }];
  'runpod.trustHostKey': [options?: { readonly pod?: string; readonly confirmed?: boolean }];
  'runpod.testConnection': [];
  'runpod.verifyEnvironment': [];
  'runpod.repair': [options?: { readonly check?: string }];
  'runpod.reinstall': [options?: { readonly what?: 'both' | 'requirements' | 'project' }];
  'runpod.selfTest': [];
  'runpod.deployCurrentFile': [resource?: Uri];
  'runpod.deployResources': [resource?: Uri, selected?: readonly Uri[]];
  'runpod.deployChanged': [];
  'runpod.deployPreset': [options?: { readonly preset?: string }];
  'runpod.train': [
    options?: WaitOption & {
      readonly model?: string;
      readonly device?: string;
      readonly seed?: number;
      readonly encoder?: string;
      readonly command?: string;
      /** A stage of runpod.json that is one command, e.g. `pretrain`. */
      readonly stage?: string;
    },
  ];
  'runpod.trainAgain': [options?: WaitOption & { readonly run?: string }];
  'runpod.retrainPipeline': [
    options?: {
      readonly models?: readonly string[];
      readonly stages?: readonly string[];
      readonly device?: string;
      readonly onFailure?: 'stop' | 'continue';
    },
  ];
  'runpod.resumePipeline': [options?: { readonly pipeline?: string }];
  'runpod.refreshPipelines': [];
  'runpod.stopTraining': [options?: { readonly run?: string }];
  'runpod.followRun': [options?: WaitOption & { readonly run?: string }];
  'runpod.runCommand': [options?: { readonly command?: string }];
  'runpod.openTerminal': [];
  'runpod.gpuStatus': [];
  'runpod.endGpuProcess': [options: { readonly pid: number; readonly confirmed?: boolean }];
  'runpod.downloadResults': [options?: { readonly model?: string; readonly folder?: string }];
  'runpod.downloadLogs': [options?: { readonly folder?: string }];
  'runpod.writeRunToTask': [options?: { readonly run?: string; readonly task?: string; readonly status?: string }];
  'runpod.clean': [options?: { readonly keep?: number }];
  'runpod.showOutput': [options?: { readonly run?: string }];
  'runpod.showMenu': [];
  'runpod.createConfig': [];
  'runpod.startPracticePod': [];
  'runpod.stopPracticePod': [];
  'runpod.openExample': [options?: { readonly folder?: string }];
  'runpod.openWalkthrough': [];
  'runpod.showJournal': [];
}

/** Views, all in the container of our own in the activity bar. */
export const views = {
  environment: 'runpod.environment',
  pipeline: 'runpod.pipeline',
} as const;

export const customEditors = {
  array: 'runpod.array',
} as const;

/** Settings and their defaults. Read where they are used, so that a change counts at once. */
export const settings = {
  'runpod.notifications': 'problems' as 'all' | 'problems' | 'errors' | 'off',
  'runpod.deploy.saveFirst': true as boolean,
  'runpod.deploy.onSave': false as boolean,
  'runpod.deploy.testImports': false as boolean,
  'runpod.downloads.folder': 'results' as string,
  'runpod.downloads.automatic': 'always' as 'always' | 'success' | 'never',
  'runpod.agents.offer': 'tools' as 'both' | 'tools' | 'mcp' | 'off',
  /** As `agents` in runpod.json. */
  'runpod.agents.limits': {} as Readonly<Record<string, unknown>>,
};

export type SettingId = keyof typeof settings;
export type SettingValue<Id extends SettingId> = (typeof settings)[Id];

/** Context keys for `when` clauses. */
export const contextKeys = {
  /** An opened folder has a runpod.json, or a folder of it that holds a file looked at in this window. */
  hasProject: 'runpod.hasProject',
  /** There is a pod in pods.json, as far as this window knows. */
  hasPod: 'runpod.hasPod',
  /** A run is being followed in this window. */
  isTraining: 'runpod.isTraining',
} as const;

export interface ContextValues {
  'runpod.hasProject': boolean;
  'runpod.hasPod': boolean;
  'runpod.isTraining': boolean;
}

/** `source` of our diagnostics, and the scheme of the pod's copies in a diff. */
export const diagnosticSource = 'RunPod';
export const remoteScheme = 'runpod-remote';
export const journalScheme = 'runpod-journal';
export const mcpProvider = 'runpod.mcp';
export const walkthrough = 'runpod.start';
