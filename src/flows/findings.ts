import type { DeployOptions } from '../deploy/deploy.ts';
import type { AppliedEdit } from '../fixes/appliedEdits.ts';
import { FixActions } from '../fixes/applyAction.ts';
import type { FixAction, LocatedFinding } from '../fixes/located.ts';
import type { Locator } from '../fixes/locator.ts';
import type { Finding } from '../monitor/finding.ts';
import { TrainingMonitor } from '../monitor/monitor.ts';
import type { RunManifest } from '../runs/run.ts';
import type { Runs } from '../runs/runs.ts';
import type { Environment } from './environment.ts';
import type { ProjectFiles } from './files.ts';
import type { ProjectOnPod } from './projectOnPod.ts';
import type { Training } from './training.ts';

/** What broke in a run, where that is here, and what is done about it. */
export class Findings {
  private readonly actions: FixActions;

  constructor(
    private readonly on: ProjectOnPod,
    private readonly files: ProjectFiles,
    private readonly environment: Environment,
    private readonly training: Training,
    private readonly runs: Runs,
    private readonly locator: Locator,
    stateFolder: string,
  ) {
    this.actions = new FixActions(on.map, stateFolder);
  }

  /** What the monitor makes of a run's log as it is now; for one that goes on, too. */
  async ofRun(id: string, signal?: AbortSignal): Promise<readonly LocatedFinding[]> {
    const { manifest } = await this.runs.get(id, signal);
    const monitor = new TrainingMonitor({ thresholds: this.on.project.config.monitor });
    const partBytes = 4 * 1024 * 1024;
    for (let offset = 0; ;) {
      const part = await this.runs.read(id, offset, partBytes, signal);
      monitor.write(part);
      offset += part.length;
      if (part.length < partBytes) break;
    }
    monitor.end();
    return Promise.all(monitor.getErrors().map((finding) => this.locator.locate(finding, manifest)));
  }

  /** Where a finding of this run belongs here, and what can be done about it. */
  async locate(finding: Finding, manifest: Pick<RunManifest, 'model' | 'command'>): Promise<LocatedFinding> {
    return this.locator.locate(finding, manifest);
  }

  /**
   * Does what an action says: edits the local file, installs the package on the pod, deploys, or starts the stage.
   * Training again is left to the caller.
   *
   * @param options.run the run that the action is for: a setting is changed only once because of it
   * @returns what was done, one sentence
   * @throws UserError 'local-failed' when the file is not what that run had, and what each kind of work throws
   */
  async apply(
    action: FixAction,
    options: DeployOptions & { readonly run?: RunManifest; readonly onOutput?: (text: string) => void } = {},
  ): Promise<string> {
    const { signal, onOutput } = options;
    return this.actions.apply(action, options.run, {
      run: async (command) => {
        this.on.may.mayRun?.(command);
        return this.environment.executeInside(command, { timeoutMs: 600_000, signal, onStdout: onOutput, onStderr: onOutput });
      },
      deploy: async (files) => (await this.files.deployAny(files, options)).files.length,
      start: async (request) => (await this.training.start(request, signal)).manifest.id,
    });
  }

  /** The change that was made because of this run already, where the action would change the same setting once more; null: it may be done. */
  async appliedBefore(action: FixAction, run: RunManifest): Promise<AppliedEdit | null> {
    return this.actions.appliedBefore(action, run);
  }
}
