import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PathMap } from '../core/pathMap.ts';
import { quote } from '../core/shell.ts';
import type { Finding, Fix, Frame } from '../monitor/finding.ts';
import { looksLikeProjectFile } from '../monitor/frames.ts';
import { placeInConfig } from '../project/configPlace.ts';
import { listDeployable } from '../project/files.ts';
import { type Project, trainingCommand, type TrainingRequest } from '../project/project.ts';
import { scaleSetting } from '../project/scaleSetting.ts';
import { findProjectSettings } from '../project/settings.ts';
import { placeholdersOf } from '../project/template.ts';
import type { FixAction, LocalPlace, LocatedFinding } from './located.ts';
import { diffOf, suggestLoopEdit } from './loopEdits.ts';

/** What of a run decides where its findings belong. */
export interface RunOrigin {
  readonly model: string | null;
  readonly command: string;
  readonly device?: string | null;
  readonly seed?: number | null;
}

/** Finds out where a finding belongs on this machine, and makes its fixes concrete for this project. */
export class Locator {
  constructor(
    private readonly project: Project,
    private readonly map: PathMap,
  ) {}

  /** Asks the local disk only; never throws for what it does not find. */
  async locate(finding: Finding, origin: RunOrigin): Promise<LocatedFinding> {
    const local: { readonly place: LocalPlace; readonly frame: Frame }[] = [];
    // In a traceback the innermost frame is the last one.
    for (const frame of finding.frames.toReversed()) {
      const file = await this.localFile(frame.file);
      if (file !== null) local.push({ place: { file, line: frame.line }, frame });
    }
    // The monitor's own choice stands first when it is a local file: with chained exceptions it is not simply the last one.
    const chosen = local.findIndex(({ frame }) => frame.file === finding.frame?.file && frame.line === finding.frame.line);
    const [first] = chosen >= 0 ? local.splice(chosen, 1) : local.splice(0, 1);
    const actions = await this.actions(finding, origin, first?.place ?? null);
    if (first) return { finding, place: { ...first.place, source: 'frame' }, related: local, actions };

    const edit = actions.find((action) => action.kind === 'edit');
    if (edit) return { finding, place: { file: edit.edit.file, line: edit.edit.line, source: 'setting' }, related: local, actions };
    const config = await this.configPlace(finding, origin);
    return { finding, place: config ? { ...config, source: 'config' } : null, related: local, actions };
  }

  /**
   * The local file that a printed path means. A pod may call its folders otherwise than we do (links, another mount
   * point, a relative path), so the longest tail of the path that is a file of the project counts too, if it is at
   * least a folder and a file: a bare `utils.py` could be anybody's.
   */
  private async localFile(printed: string): Promise<string | null> {
    if (!looksLikeProjectFile(printed)) return null;
    const direct = this.map.toLocal(printed);
    if (direct !== null && (await isFile(direct))) return direct;
    const parts = printed.split('/').filter((part) => part !== '' && part !== '.');
    for (let from = 1; from <= parts.length - 2; from++) {
      const tail = this.map.join(parts.slice(from).join('/'));
      if (tail !== null && (await isFile(tail))) return tail;
    }
    return null;
  }

  /** The line of runpod.json that set the run. */
  private async configPlace(finding: Finding, origin: RunOrigin): Promise<LocalPlace | null> {
    const file = this.project.configFile;
    if (file === null) return null;
    const text = await readFile(file, 'utf8').catch(() => '');
    // What our own sentence names is to be corrected there, whatever the run was.
    const named = finding.type === 'config-error' ? /^The (activate script|project's folder) /.exec(finding.message)?.[1] : undefined;
    if (named !== undefined) {
      const place = placeInConfig(text, [named === 'activate script' ? ['environment', 'activate'] : ['remoteRoot'], []]);
      return place && { file, ...place };
    }
    const { model } = origin;
    // A command that was typed for this one run is nowhere in the file: runpod.json's own names a model.
    if (model === null && this.project.config.train.command?.includes('{model}') !== false) return null;
    const ofModel =
      model === null
        ? []
        : [
            ['train', 'models', model, 'command'],
            ['train', 'models', model],
          ];
    const paths = [...ofModel, ['train', 'command'], ['train'], []];
    const place = placeInConfig(text, paths);
    return place && { file, ...place };
  }

  private async actions(finding: Finding, origin: RunOrigin, place: LocalPlace | null): Promise<readonly FixAction[]> {
    const actions: FixAction[] = [];
    // A package that is missing is no reason to deploy the file that imports it.
    const isPackageMissing = finding.fixes.some(({ kind }) => kind === 'install-package');
    for (const fix of finding.fixes) {
      if (isPackageMissing && fix.kind === 'deploy-and-retrain') continue;
      const action = await this.action(fix, origin, place);
      if (action) actions.push(action);
    }
    return actions;
  }

  private async action(fix: Fix, origin: RunOrigin, place: LocalPlace | null): Promise<FixAction | null> {
    switch (fix.kind) {
      case 'scale-setting':
        return this.scale(fix, origin);
      case 'install-package':
        return {
          kind: 'install',
          title: `Install ${fix.package} on the pod`,
          fix,
          command: `python -m pip install ${quote(fix.package)}`,
        };
      case 'deploy-file': {
        const file = await this.projectFile(fix.path);
        return file === null ? null : { kind: 'deploy', title: `Deploy ${file}`, fix, files: [file] };
      }
      case 'run-stage':
        return this.stage(fix, origin);
      case 'deploy-and-retrain': {
        const files = place === null ? [] : [this.map.relativeOfLocal(place.file)].filter((path) => path !== null);
        const [only] = files;
        return {
          kind: 'deploy-and-retrain',
          title: only === undefined ? 'Deploy what changed' : `Deploy ${only}`,
          fix,
          files,
        };
      }
      case 'suggest-edit':
        return this.suggest(fix, place);
    }
  }

  private async scale(fix: Extract<Fix, { kind: 'scale-setting' }>, origin: RunOrigin): Promise<FixAction | null> {
    const [place] = await findProjectSettings(this.project, fix.names, { model: origin.model ?? undefined });
    if (!place) return null;
    const { newValueText: newText, changed } = scaleSetting(place, fix.factor);
    if (!changed) return null;
    return {
      kind: 'edit',
      title: `Change ${place.name} from ${place.text} to ${newText} in ${place.path}`,
      fix,
      setting: place.name,
      edit: {
        file: join(this.project.root, ...place.path.split('/')),
        line: place.line,
        start: place.start,
        end: place.end,
        oldText: place.text,
        newText,
      },
    };
  }

  /** Advice as an edit of the file that failed, or of the only file of the project with a loop that it fits; null when it is not clear where it belongs. */
  private async suggest(fix: Extract<Fix, { kind: 'suggest-edit' }>, place: LocalPlace | null): Promise<FixAction | null> {
    const found = place === null ? null : await this.suggestIn(place.file, fix);
    if (found) return found;
    const paths = (await listDeployable(this.project))
      .map(({ path }) => path)
      .filter((path) => path.endsWith('.py') && !/(?:^|\/)tests?\//.test(path));
    const all = await Promise.all(paths.map((path) => this.suggestIn(join(this.project.root, ...path.split('/')), fix)));
    const [only, ...more] = all.filter((action) => action !== null);
    return more.length === 0 ? (only ?? null) : null;
  }

  private async suggestIn(file: string, fix: Extract<Fix, { kind: 'suggest-edit' }>): Promise<FixAction | null> {
    const path = this.map.relativeOfLocal(file);
    const text = path?.endsWith('.py') ? await readFile(file, 'utf8').catch(() => '') : '';
    const edit = suggestLoopEdit(text, fix);
    if (!edit) return null;
    return {
      kind: 'suggest-edit',
      title: `${fix.title}, in ${path}`,
      fix,
      edit: { ...edit, file, end: edit.start + edit.oldText.length },
      diff: diffOf(edit),
    };
  }

  /** A stage that makes what is missing, with the device and seed of the run that missed it. */
  private stage(fix: Extract<Fix, { kind: 'run-stage' }>, origin: RunOrigin): FixAction | null {
    const stage = this.project.config.stages.find(({ name, command }) => command !== undefined && fix.names.includes(name));
    if (stage?.command === undefined) return null;
    const given = { ...(origin.device ? { device: origin.device } : {}), ...(origin.seed != null ? { seed: origin.seed } : {}) };
    const placeholders = placeholdersOf(stage.command);
    const used = Object.entries(given).filter(([name]) => placeholders.includes(name));
    const request: TrainingRequest = { stage, ...Object.fromEntries(used) };
    const { command } = trainingCommand(this.project, request);
    return { kind: 'run-stage', title: `Run stage ${stage.name}`, fix, stage: stage.name, command, request };
  }

  /** A file that a program on the pod did not find, if the project has it: at that place, or one with that tail. */
  private async projectFile(printed: string): Promise<string | null> {
    const direct = this.map.toLocal(printed);
    if (direct !== null && (await isFile(direct))) return this.map.relativeOfLocal(direct);
    const tail = '/' + printed.replace(/^(\.?\/)+/, '');
    const found = (await listDeployable(this.project)).filter(({ path }) => `/${path}`.endsWith(tail));
    return found.length === 1 && found[0] ? found[0].path : null;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
