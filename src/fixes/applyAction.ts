import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UserError } from '../core/errors.ts';
import { lastLine } from '../core/lastLine.ts';
import type { PathMap } from '../core/pathMap.ts';
import type { TrainingRequest } from '../project/project.ts';
import { applyEdit } from './apply.ts';
import { type AppliedEdit, AppliedEdits } from './appliedEdits.ts';
import type { FixAction } from './located.ts';

/** What an action needs of the pod. */
export interface ActionPorts {
  /** Runs a command in the project's environment. */
  run(command: string): Promise<{ readonly exitCode: number; readonly stderr: string }>;
  /** Deploys these files, or all that changed when none is named; answers how many. */
  deploy(files: readonly string[]): Promise<number>;
  /** Starts a run; answers its id. */
  start(request: TrainingRequest): Promise<string>;
}

/** The run that a fix is for. */
export interface FailedRun {
  readonly id: string;
  /** SHA-256 of the sources it was started with, by path below the project. */
  readonly sources: Readonly<Record<string, string>>;
}

type Edit = Extract<FixAction, { kind: 'edit' }>;

/** Carries out what a finding offers, and remembers which settings were changed for which run. */
export class FixActions {
  private readonly edits: AppliedEdits;

  constructor(
    private readonly map: PathMap,
    stateFolder: string,
  ) {
    this.edits = new AppliedEdits(stateFolder);
  }

  /**
   * Does it; training again is left to the caller.
   *
   * @param run the run that the action is for: a setting is changed only once because of it
   * @returns what was done, one sentence
   * @throws UserError 'local-failed' when the file is not what that run had, 'remote-failed' when a command failed, and what the ports throw
   */
  async apply(action: FixAction, run: FailedRun | undefined, pod: ActionPorts): Promise<string> {
    switch (action.kind) {
      case 'edit':
        await (run === undefined ? applyEdit(action.edit) : this.editFor(run, action));
        return `${this.shown(action.edit.file)}:${action.edit.line}: ${action.edit.oldText} became ${action.edit.newText}.`;
      case 'suggest-edit':
        await applyEdit(action.edit);
        return `${this.shown(action.edit.file)}:${action.edit.line}:\n${action.diff}\n`;
      case 'install': {
        const { exitCode, stderr } = await pod.run(action.command);
        if (exitCode === 0) return `${action.command}: done.`;
        const said = lastLine(stderr);
        throw new UserError(
          'remote-failed',
          `\`${action.command}\` ended with exit code ${exitCode} on the pod${said === '' ? '' : `: ${said}`}. Install it there by hand, or add it to the project's requirements.`,
        );
      }
      case 'run-stage': {
        const id = await pod.start(action.request);
        return `Stage ${action.stage} was started as run ${id}; \`rpo follow ${id}\` shows when it is done.`;
      }
      case 'deploy':
      case 'deploy-and-retrain': {
        const files = await pod.deploy(action.files);
        return `${files} ${files === 1 ? 'file' : 'files'} deployed.`;
      }
    }
  }

  /** The change that was made because of this run already, where the action would change the same setting once more; null: it may be done. */
  async appliedBefore(action: FixAction, run: FailedRun): Promise<AppliedEdit | null> {
    if (action.kind !== 'edit') return null;
    const before = await this.edits.find(run.id, this.shown(action.edit.file), action.setting);
    // What was taken back by hand may be done again.
    return before === null || before.from === action.edit.oldText ? null : before;
  }

  /** A fix scales the value that the run had: not what an earlier fix made of it. */
  private async editFor(run: FailedRun, action: Edit): Promise<void> {
    const { edit, setting } = action;
    const path = this.shown(edit.file);
    const before = await this.appliedBefore(action, run);
    if (before !== null)
      throw new UserError(
        'local-failed',
        `${setting} in ${path} was changed from ${before.from} to ${before.to} because of run ${run.id} already. Train again with it first; the next run's findings go on from there.`,
      );
    await checkUnchanged(edit.file, path, run);
    // Written down first: should the edit fail, the old value still stands there and it may be tried again.
    await this.edits.add({ run: run.id, path, setting, from: edit.oldText, to: edit.newText });
    await applyEdit(edit);
  }

  /** Below the project where it is there. */
  private shown(file: string): string {
    return this.map.relativeOfLocal(file) ?? file;
  }
}

/** @throws UserError 'local-failed' when the file is not the one that the run was started with, as far as that is known */
async function checkUnchanged(file: string, path: string, run: FailedRun): Promise<void> {
  const then = run.sources[path];
  if (then === undefined) return;
  const now = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  if (then === now) return;
  throw new UserError(
    'local-failed',
    `${path} is not what it was when run ${run.id} started, so this fix may be in it already. Deploy it and train again, or change it by hand.`,
  );
}
