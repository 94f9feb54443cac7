import * as vscode from 'vscode';
import { DisposableStore } from './core/disposable.ts';
import { messageOf } from './core/errors.ts';
import { ApiKeys } from './editor/apiKeys.ts';
import { ArrayView } from './editor/arrayView.ts';
import { AgentCallers } from './editor/agentCallers.ts';
import { registerCommands } from './editor/commands.ts';
import { ConfigProblems } from './editor/configProblems.ts';
import { Conflicts } from './editor/conflicts.ts';
import { Deployment } from './editor/deployment.ts';
import { Downloads } from './editor/downloads.ts';
import { Environment } from './editor/environment.ts';
import { EnvironmentView } from './editor/environmentView.ts';
import { Failures } from './editor/failures.ts';
import { FindingNotices } from './editor/findingNotices.ts';
import { Fixes } from './editor/fixes.ts';
import { handlers } from './editor/handlers.ts';
import { JournalView } from './editor/journalView.ts';
import { LanguageModelTools } from './editor/languageModelTools.ts';
import { Log } from './editor/log.ts';
import { McpServers } from './editor/mcpServers.ts';
import { OtherStarts } from './editor/otherStarts.ts';
import { Passphrases } from './editor/passphrases.ts';
import { Pipelines } from './editor/pipelines.ts';
import { PipelineTree } from './editor/pipelineTree.ts';
import { Pods } from './editor/pods.ts';
import { PodTerminals } from './editor/podTerminal.ts';
import { Practice } from './editor/practice.ts';
import { Problems } from './editor/problems.ts';
import { Projects } from './editor/projects.ts';
import { QuickFixes } from './editor/quickFixes.ts';
import { ResultProblems } from './editor/resultProblems.ts';
import { Resumption } from './editor/resumption.ts';
import { RunOutputs } from './editor/runOutput.ts';
import { RunWatches } from './editor/runWatches.ts';
import { SaveDeployment } from './editor/saveDeployment.ts';
import { Sessions } from './editor/sessions.ts';
import { StatusBar } from './editor/statusBar.ts';
import { Training } from './editor/training.ts';
import { Troubleshooting } from './editor/troubleshooting.ts';

/** Builds the parts and joins them. Nothing is read, connected or loaded here; that waits for the first command. */
export function activate(context: vscode.ExtensionContext): void {
  const store = new DisposableStore();
  context.subscriptions.push(store);
  const memory = context.workspaceState;
  try {
    const log = store.add(new Log());
    const configProblems = store.add(new ConfigProblems());
    const failures = new Failures(log, configProblems);
    const projects = store.add(new Projects());
    const passphrases = new Passphrases(context.secrets);
    const apiKeys = new ApiKeys(context.secrets);
    const sessions = store.add(new Sessions(log, passphrases, apiKeys, configProblems));

    const outputs = store.add(new RunOutputs());
    const problems = store.add(new Problems());
    const watches = store.add(new RunWatches(sessions, outputs, problems, store.add(new FindingNotices()), memory, log));
    const status = store.add(new StatusBar(memory, sessions, watches));

    const deployment = new Deployment(projects, sessions, store.add(new Conflicts(sessions)));
    const training = new Training(projects, sessions, watches, log);
    const fixes = new Fixes(sessions, deployment, training, outputs);
    store.add(new QuickFixes());
    store.add(new ArrayView(projects));

    const environment = new Environment(projects, sessions, outputs, store.add(new EnvironmentView()));
    const results = store.add(new ResultProblems());
    const downloads = new Downloads(projects, sessions, watches, results, log);
    store.add(watches.onDidEnd(({ ref, watched }) => void downloads.afterRun(ref, watched.exitCode)));
    const pipelines = store.add(new Pipelines(projects, sessions, watches, store.add(new PipelineTree()), results, log));
    const troubleshooting = new Troubleshooting(projects, sessions, outputs, watches, passphrases, apiKeys);
    const terminals = new PodTerminals(projects, sessions);
    const pods = store.add(new Pods(sessions, apiKeys, status));
    const practice = new Practice(context.extensionUri, projects, sessions, status, log);
    const journal = store.add(new JournalView(projects));

    const byCommand = handlers({
      projects,
      deployment,
      training,
      watches,
      environment,
      downloads,
      pipelines,
      troubleshooting,
      terminals,
      pods,
      practice,
      journal,
      log,
      extensionId: context.extension.id,
    });
    store.add(registerCommands(byCommand, fixes, failures, journal.add));
    store.add(new LanguageModelTools(context.extension, store.add(new AgentCallers(projects, passphrases, apiKeys, log))));
    store.add(new McpServers(context.extension, projects));
    store.add(new OtherStarts(projects, training, log));
    store.add(new SaveDeployment(projects, deployment, failures));
    store.add(new Resumption(projects, pods, training, watches));
  } catch (error) {
    // VS Code would only write it into a log nobody opens.
    void vscode.window.showErrorMessage(`RunPod Orchestrator could not start: ${messageOf(error)}`);
    throw error;
  }
}
