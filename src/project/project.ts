import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import { exports, quote } from '../core/shell.ts';
import { checkProject, commandPlaceholders, modelNameProblem, pathPlaceholders } from './checks.ts';
import { readConfig } from './configFile.ts';
import { type ProjectConfig, projectSchema } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { fill, fillCommand, placeholdersOf } from './template.ts';

/** A local folder that is trained on a pod. */
export interface Project {
  /** Absolute local folder. */
  readonly root: string;
  /** What runpod.json says, defaults filled in. */
  readonly config: ProjectConfig;
  /** Absolute path of runpod.json; null when there is none and everything is default. */
  readonly configFile: string | null;
}

/** What of a pod's entry in pods.json decides where things live on it. */
export interface PodPlaces {
  /** The folder that is /workspace on RunPod, where this pod has it elsewhere. */
  readonly workspace?: string;
}

export const configFileName = 'runpod.json';

/** Exit code of a command that did not start because the project is not set up on the pod (EX_CONFIG of sysexits.h). */
export const notSetUpExitCode = 78;

/**
 * Reads `<root>/runpod.json`; without one, a project of defaults.
 *
 * @throws UserError 'bad-config' with every bad value (see readConfig), 'local-missing' when the folder is not there,
 *   'local-failed' when the file cannot be read.
 */
export async function loadProject(root: string): Promise<Project> {
  const folder = resolve(root);
  const file = join(folder, configFileName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EISDIR')
      throw new UserError('bad-config', `${file} is a folder. Rename it: the file of that name says how the project is trained.`, {
        details: { file },
      });
    if (!isMissing(error))
      throw new UserError('local-failed', `${file} cannot be read: ${messageOf(error)}. Check its permissions.`, { cause: error });
    if (!(await isDirectory(folder)))
      throw new UserError('local-missing', `There is no folder ${folder}. Open the project's folder and try again.`);
    return { root: folder, config: projectSchema.parse({}), configFile: null };
  }
  return { root: folder, config: readConfig(text, file, projectSchema, checkProject), configFile: file };
}

/** The nearest folder, from `start` (a folder or a file) upwards, that has a runpod.json; null when none has. */
export async function findProjectRoot(start: string): Promise<string | null> {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const found = await stat(join(folder, configFileName)).catch(() => null);
    if (found?.isFile()) return folder;
    if (dirname(folder) === folder) return null;
  }
}

/**
 * The project's folder on a pod: `remoteRoot`, or `/workspace/<name of the local folder>`. On a pod whose entry has a
 * `workspace`, that stands in the place of a leading `/workspace`. Normalised, without a slash at the end.
 */
export function remoteRootOf(project: Project, pod: PodPlaces = {}): string {
  return rerooted(project.config.remoteRoot ?? `/workspace/${basename(project.root) || 'project'}`, pod);
}

/** A path of the configuration as an absolute one on the pod: relative ones start at `remoteRoot`, absolute ones follow the pod's `workspace`. */
export function onPod(path: string, remoteRoot: string, pod: PodPlaces = {}): string {
  return path.startsWith('/') ? rerooted(path, pod) : withoutSlash(posix.normalize(posix.join(remoteRoot, path)));
}

/** The environment variables of the project as they are on this pod: paths in them below /workspace (also in lists with `:`) follow the pod's `workspace`. */
export function variablesOf(project: Project, pod: PodPlaces = {}): Readonly<Record<string, string>> {
  const { variables } = project.config.environment;
  if (pod.workspace === undefined) return variables;
  const moved = (value: string) =>
    value
      .split(':')
      .map((part) => (/^\/workspace(\/|$)/.test(part) ? rerooted(part, pod) + (part.length > 1 && part.endsWith('/') ? '/' : '') : part))
      .join(':');
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, moved(value)]));
}

/**
 * The `sh` text that stands before every command of the project on a pod, one line that ends in `; `:
 * into the project's folder, the project's variables exported, the activate script sourced (in this order, so that a
 * script may use the variables and its PATH wins).
 *
 * A folder that is not there yet is made, so that a pod needs no preparation. When it cannot be, or the script is not
 * there, the command after it does not run: one sentence goes to stderr and the shell exits with {@link notSetUpExitCode}.
 */
export function setUpLines(project: Project, pod: PodPlaces = {}, withoutActivate: 'stop' | 'warn' = 'stop'): string {
  const root = remoteRootOf(project, pod);
  const noFolder = stop(
    `The project's folder ${root} cannot be made or entered on the pod. Set "remoteRoot" in runpod.json to a folder that this user may write to.`,
  );
  const into = `mkdir -p -- ${quote(root)} 2>/dev/null; cd -- ${quote(root)} 2>/dev/null || ${noFolder}; `;
  const variables = exports(variablesOf(project, pod));
  const { activate } = project.config.environment;
  if (activate === undefined) return into + variables;
  const script = onPod(activate, root, pod);
  const sentence = `The activate script ${script} is not on the pod. Create the environment there, or correct "environment.activate" in runpod.json.`;
  if (withoutActivate === 'warn') {
    const warning = `printf '%s\\n' ${quote(`Warning, this runs outside of the project's environment: ${sentence}`)} >&2`;
    return `${into}${variables}if [ -r ${quote(script)} ]; then . ${quote(script)}; else ${warning}; fi; `;
  }
  return `${into}${variables}[ -r ${quote(script)} ] || ${stop(sentence)}; . ${quote(script)}; `;
}

/** What to train; what is left out comes from the stage, then the model, then `train` in runpod.json. */
export interface TrainingRequest {
  readonly model?: string;
  readonly device?: string;
  readonly seed?: number;
  /** Path of a pre-trained encoder on the pod, relative to the remote root or absolute. */
  readonly encoder?: string;
  /** A command to run instead of the configured one; placeholders it has are filled in, other braces stay. */
  readonly command?: string;
  /** The stage this is part of. */
  readonly stage?: ProjectConfig['stages'][number];
}

/** A training command ready to run on the pod, after setUpLines(). */
export interface TrainingCommand {
  readonly command: string;
  /** Null when a command was run that names none. */
  readonly model: string | null;
  readonly device: string;
  readonly seed: number;
  /** Absolute on the pod; null without one. */
  readonly encoder: string | null;
  /** What setUpLines() exports before it. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * The command that trains one model, placeholders filled in; each value is quoted for the shell.
 *
 * @throws UserError 'not-configured' when there is no command, 'bad-argument' for a model that is not configured (if
 *   any is) and for a device, seed or encoder that the command has no place for, 'bad-config' for an unknown placeholder.
 */
export function trainingCommand(project: Project, request: TrainingRequest, pod: PodPlaces = {}): TrainingCommand {
  const { train } = project.config;
  const known = Object.keys(train.models);
  const ownCommand = request.command ?? request.stage?.command;
  const model = request.model ?? (ownCommand === undefined && known.length === 1 ? known[0] : undefined);
  if (model !== undefined) checkModel(model, known);
  const settings = model !== undefined && Object.hasOwn(train.models, model) ? train.models[model] : undefined;

  const template = ownCommand ?? settings?.command ?? train.command;
  if (template === undefined) throw noCommand(project, model);
  const used = placeholdersOf(template);
  const unknown = used.find((name) => !commandPlaceholders.some((placeholder) => placeholder === name));
  if (unknown !== undefined && request.command === undefined) {
    throw new UserError(
      'bad-config',
      `The command ${JSON.stringify(template)} has an unknown placeholder {${unknown}}. ${didYouMean(unknown, commandPlaceholders, 'placeholders')}`,
    );
  }
  if (model === undefined && used.includes('model')) {
    throw new UserError('bad-argument', `Which model? ${known.length > 0 ? `Known models: ${known.join(', ')}.` : 'Name one.'}`);
  }

  const device = request.device ?? request.stage?.device ?? settings?.device ?? train.device;
  const seed = request.seed ?? settings?.seed ?? train.seed;
  if (!Number.isSafeInteger(seed) || seed < 0) throw new UserError('bad-argument', `The seed must be a whole number >= 0, not ${seed}.`);
  if (device === '' || device.startsWith('-'))
    throw new UserError('bad-argument', `${JSON.stringify(device)} is not a device; expected something like cuda, cuda:1 or cpu.`);
  const encoderPath = request.encoder ?? settings?.encoder;
  const encoder = encoderPath === undefined ? null : onPod(encoderPath, remoteRootOf(project, pod), pod);

  // A value that is asked for and then silently not used would be a lie about what was trained.
  const asked = {
    device: request.device,
    seed: request.seed,
    encoder: request.encoder ?? (ownCommand === undefined ? settings?.encoder : undefined),
  };
  for (const [name, value] of Object.entries(asked)) {
    if (value === undefined || used.includes(name)) continue;
    throw new UserError(
      'bad-argument',
      `The command ${JSON.stringify(template)} has no place for the ${name} ${JSON.stringify(value)}. Write {${name}} in it in runpod.json, or leave the ${name} out.`,
    );
  }

  const argument = encoder === null ? '' : fillCommand(train.encoderArgument, { path: encoder });
  const values = { ...(model === undefined ? {} : { model }), device, seed: String(seed), encoder: { shell: argument } };
  const command = fillCommand(template, values).trim();
  return { command, model: model ?? null, device, seed, encoder, variables: variablesOf(project, pod) };
}

/** Result and log patterns for one model and seed. What a model's name or seed brings in is literal, also where it looks like a glob. */
export function expandTemplates(patterns: readonly string[], values: { readonly model?: string | null; readonly seed?: number }): string[] {
  const given: Record<string, string> = {};
  if (values.model !== undefined && values.model !== null) given['model'] = values.model.replace(/[\\*?[\]{}()!+@|]/g, '\\$&');
  if (values.seed !== undefined) given['seed'] = String(values.seed);
  // Without a value a placeholder means "all of them".
  for (const name of pathPlaceholders) given[name] ??= '*';
  return patterns.map((pattern) => fill(pattern, given));
}

/** The result patterns of a model: its own, or the project's, expanded. */
export function resultPatterns(project: Project, values: { readonly model?: string | null; readonly seed?: number }): string[] {
  const { results, train } = project.config;
  const { model } = values;
  const own = model !== undefined && model !== null && Object.hasOwn(train.models, model) ? train.models[model]?.results : undefined;
  return expandTemplates(own ?? results, values);
}

/** The file with the true classes, below the remote root and, once fetched, below the results' folder; undefined when runpod.json names none. */
export function labelsPath(
  { config }: Project,
  values: { readonly model?: string | null; readonly seed?: number } = {},
): string | undefined {
  const { labels, train } = config;
  return labels === undefined ? undefined : fill(labels, { model: values.model ?? '', seed: String(values.seed ?? train.seed) });
}

/** @throws UserError 'bad-argument' when runpod.json has no such stage */
export function findStage({ config: { stages } }: Project, name: string): ProjectConfig['stages'][number] {
  const stage = stages.find((one) => one.name === name);
  if (stage) return stage;
  const known =
    stages.length === 0
      ? 'It has no stages yet: add them under "stages".'
      : didYouMean(
          name,
          stages.map((one) => one.name),
          'stages',
        );
  throw new UserError('bad-argument', `There is no stage "${name}" in runpod.json. ${known}`);
}

/**
 * The result patterns of a stage: its own, and those of the models it trains, expanded.
 *
 * @throws UserError 'bad-argument' when there is no such stage, 'not-configured' when it is said to leave nothing
 */
export function stageResults(project: Project, name: string, seed: number | undefined): string[] {
  const { results = [], models = [] } = findStage(project, name);
  const given = seed ?? project.config.train.seed;
  const patterns = [
    ...expandTemplates(results, { seed: given }),
    ...models.flatMap((model) => resultPatterns(project, { model, seed: seed ?? project.config.train.models[model]?.seed ?? given })),
  ];
  if (patterns.length > 0) return patterns;
  throw new UserError(
    'not-configured',
    `runpod.json does not say what the stage "${name}" leaves. Add its files under "results" of the stage, e.g. ["artifacts/pretrained/encoder.pt"].`,
  );
}

/** @throws UserError 'bad-argument' when runpod.json has models and this is none of them, or it cannot be a name at all. */
export function checkModel(model: string, known: readonly string[]): void {
  const problem = model === '' ? 'a model name cannot be empty' : modelNameProblem(model);
  if (problem !== null) throw new UserError('bad-argument', `${JSON.stringify(model)} cannot be trained: ${problem}.`);
  if (known.length === 0 || known.includes(model)) return;
  const near = didYouMean(model, known, 'models');
  const all = near.startsWith('Known') ? near : `${near} Known models: ${known.join(', ')}.`;
  throw new UserError('bad-argument', `There is no model "${model}" in runpod.json. ${all}`, { details: { known } });
}

function noCommand(project: Project, model: string | undefined): UserError {
  const where = project.configFile === null ? `Create ${configFileName} in ${project.root}` : `Add it to ${project.configFile}`;
  const what = model === undefined ? 'how to train' : `how to train "${model}"`;
  return new UserError(
    'not-configured',
    `${configFileName} does not say ${what}. ${where}, for example: { "train": { "command": "python -m my_package.train --model {model} --device {device} --seed {seed} {encoder}" } }`,
  );
}

function rerooted(path: string, { workspace }: PodPlaces): string {
  const normal = withoutSlash(posix.normalize(path));
  if (workspace === undefined || !/^\/workspace(\/|$)/.test(normal)) return normal;
  return withoutSlash(posix.normalize(workspace + '/' + normal.slice('/workspace'.length)));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function stop(sentence: string): string {
  return `{ printf '%s\\n' ${quote(sentence)} >&2; exit ${notSetUpExitCode}; }`;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
