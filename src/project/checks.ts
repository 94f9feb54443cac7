import type { PlacedMessage } from './configFile.ts';
import type { ProjectConfig } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { placeholdersOf } from './template.ts';

/** The placeholders of a training command. */
export const commandPlaceholders = ['model', 'device', 'seed', 'encoder'] as const;

/** The placeholders of result and log paths. */
export const pathPlaceholders = ['model', 'seed'] as const;

type Path = readonly (string | number)[];

/** What is wrong with a whole runpod.json that its schema cannot say: references between values, placeholders, paths. */
export function checkProject(config: ProjectConfig): PlacedMessage[] {
  return [...checkRoot(config), ...checkModels(config), ...checkStages(config), ...checkPaths(config)];
}

/** Why a text cannot be a model's name, or null. Names go into commands and file names on the pod. */
export function modelNameProblem(name: string): string | null {
  if (name.startsWith('-')) return 'a model name cannot start with "-"';
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'a model name cannot hold control characters';
  if (name.startsWith('/') || name.split('/').includes('..')) return 'a model name cannot lead out of the project';
  return null;
}

function checkRoot({ remoteRoot }: ProjectConfig): PlacedMessage[] {
  const safe = remoteRoot === undefined || remoteRoot.split('/').some((part) => part !== '' && part !== '.' && part !== '..');
  return safe
    ? []
    : [
        {
          path: ['remoteRoot'],
          message: `expected a folder of the project's own, like /workspace/project, got ${JSON.stringify(remoteRoot)}`,
        },
      ];
}

function checkModels({ train }: ProjectConfig): PlacedMessage[] {
  return [
    ...placeholders(['train', 'command'], train.command, commandPlaceholders),
    ...placeholders(['train', 'encoderArgument'], train.encoderArgument, ['path']),
    ...placeholders(['train', 'resume', 'argument'], train.resume?.argument, ['checkpoint']),
    ...Object.entries(train.models).flatMap(([name, model]) => {
      const problem = modelNameProblem(name);
      return [
        ...(problem === null ? [] : [{ path: ['train', 'models', name], message: problem, onKey: true }]),
        ...placeholders(['train', 'models', name, 'command'], model.command, commandPlaceholders),
      ];
    }),
  ];
}

function checkStages({ stages, train }: ProjectConfig): PlacedMessage[] {
  const problems: PlacedMessage[] = [];
  const names = stages.map((stage) => stage.name);
  const models = Object.keys(train.models);
  stages.forEach((stage, index) => {
    if (names.indexOf(stage.name) < index)
      problems.push({ path: ['stages', index, 'name'], message: `"${stage.name}" names two stages; give each its own name` });
    problems.push(...placeholders(['stages', index, 'command'], stage.command, ['device', 'seed', 'encoder']));
    stage.models?.forEach((model, place) => {
      if (models.length === 0 || models.includes(model)) return;
      problems.push({
        path: ['stages', index, 'models', place],
        message: `"${model}" is not in train.models. ${didYouMean(model, models, 'models')}`,
      });
    });
    stage.needs?.forEach((need, place) => {
      if (names.includes(need)) return;
      problems.push({
        path: ['stages', index, 'needs', place],
        message: `there is no stage "${need}". ${didYouMean(need, names, 'stages')}`,
      });
    });
  });
  const circle = findCycle(stages);
  if (circle !== null)
    problems.push({
      path: ['stages', circle.index, 'needs'],
      message: `these stages wait for each other: ${circle.names.join(' -> ')}; take one "needs" away`,
    });
  return problems;
}

function findCycle(stages: ProjectConfig['stages']): { readonly index: number; readonly names: readonly string[] } | null {
  const needs = new Map(stages.map((stage) => [stage.name, stage.needs ?? []]));
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): readonly string[] | null => {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const need of needs.get(name) ?? []) {
      const circle = visit(need, [...trail, name]);
      if (circle !== null) return circle;
    }
    done.add(name);
    return null;
  };
  for (const stage of stages) {
    const names = visit(stage.name, []);
    if (names !== null) return { index: stages.findIndex((one) => one.name === names[0]), names };
  }
  return null;
}

function checkPaths(config: ProjectConfig): PlacedMessage[] {
  const lists: (readonly [Path, readonly string[] | undefined])[] = [
    [['results'], config.results],
    [['logs'], config.logs],
    [['train', 'checkpoints'], config.train.checkpoints],
    [['validation', 'predictions'], config.validation.predictions],
    ...Object.entries(config.train.models).map(([name, model]) => [['train', 'models', name, 'results'], model.results] as const),
    ...config.stages.map((stage, index) => [['stages', index, 'results'], stage.results] as const),
  ];
  return [
    ...lists.flatMap(([path, patterns]) =>
      (patterns ?? []).flatMap((pattern, index) => [
        ...placeholders([...path, index], pattern, pathPlaceholders),
        ...below([...path, index], pattern, 'remote root'),
      ]),
    ),
    ...placeholders(['labels'], config.labels, pathPlaceholders),
    ...Object.entries(config.presets).flatMap(([name, patterns]) =>
      patterns.flatMap((pattern, index) => below(['presets', name, index], pattern, 'project')),
    ),
  ];
}

function below(path: Path, pattern: string, what: string): PlacedMessage[] {
  const leaves = pattern.startsWith('/') || /^[A-Za-z]:[\\/]/.test(pattern) || pattern.split(/[\\/]/).includes('..');
  return leaves ? [{ path, message: `expected a path below the ${what}, got ${JSON.stringify(pattern)}` }] : [];
}

function placeholders(path: Path, template: string | undefined, known: readonly string[]): PlacedMessage[] {
  return placeholdersOf(template ?? '')
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path,
      message: `unknown placeholder {${name}}. ${didYouMean(name, known, 'placeholders')} A literal {${name}} is written {{${name}}}.`,
    }));
}
