import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { throwIfCancelled } from '../core/errors.ts';
import { commandNumbers } from './commandSettings.ts';
import { LineIndex } from './configFile.ts';
import { jsonNumbers, tomlNumbers, yamlNumbers } from './dataSettings.ts';
import { listDeployable } from './files.ts';
import { configFileName, type Project } from './project.ts';
import { pythonNumbers } from './pythonSettings.ts';
import { decimalPattern, type FoundNumber, type SettingPlace, type SettingSource, wordsOf } from './settingPlace.ts';

/** A file of the project, relative POSIX path and content. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Whose setting is meant. */
export interface SettingContext {
  readonly model?: string;
  /** All models of the project: with a model given, what belongs to another one is left out. */
  readonly models?: readonly string[];
}

/**
 * Where the project sets one of these hyper-parameters to a plain number, best place first. Names are the same whatever
 * their case and separators (`batch_size`, `--batch-size`, `batchSize`); a word such as `default`, `train` or the
 * model's name may stand before.
 *
 * Best means, in this order: no test; the command line in runpod.json, since it overrules what stands in the code; what
 * mentions the model, or a word of its name, in its class, section, dict or file; the order of `names`; the very name; files
 * that look like configuration; definitions before defaults before arguments of calls. What belongs to another model is no
 * place at all: changing it would help nobody.
 */
export function findSettings(files: readonly SourceText[], names: readonly string[], context: SettingContext = {}): SettingPlace[] {
  const wanted = names.map((name) => wordsOf(name).join(''));
  const mention = new RegExp(
    wanted.map((name) => Array.from(name, (char) => char.replace(/\W/, '\\$&')).join('[-_. ]?')).join('|') || '$^',
    'i',
  );
  const others = (context.models ?? []).filter((model) => model !== context.model);
  const ranked: { readonly place: SettingPlace; readonly rank: readonly number[] }[] = [];
  for (const { path, text } of files) {
    if (!mention.test(text)) continue; // parsing is the costly part
    const lines = new LineIndex(text);
    const source = sourceOf(path);
    for (const found of numbersIn(path, text, context.model)) {
      const written = text.slice(found.start, found.end);
      const match = matchName(found.name, wanted, context.model);
      const value = Number(written.replaceAll('_', ''));
      if (match === null || !decimalPattern.test(written) || !Number.isFinite(value)) continue;
      const around = [...path.replace(/\.[^./]*$/, '').split('/'), ...found.context, found.name];
      const belongs = belongsTo(around, context.model, others);
      if (belongs === 'other' && context.model !== undefined) continue;
      const place: SettingPlace = {
        path,
        ...lines.at(found.start),
        start: found.start,
        end: found.end,
        name: found.name,
        value,
        source,
        text: written,
        context: found.context,
      };
      ranked.push({
        place,
        rank: [
          isTest(path) ? 1 : 0,
          source === 'command' ? 0 : 1,
          closeness.indexOf(belongs),
          match.index,
          match.exact ? 0 : 1,
          isConfig(path) ? 0 : 1,
          found.distance,
        ],
      });
    }
  }
  return ranked
    .sort((a, b) => compare(a.rank, b.rank) || compareText(a.place.path, b.place.path) || a.place.start - b.place.start)
    .map(({ place }) => place);
}

/**
 * The same over the files of a project: Python, YAML, JSON and TOML below 1 MB that may be deployed, and runpod.json.
 *
 * @throws UserError as listDeployable().
 */
export async function findProjectSettings(
  project: Project,
  names: readonly string[],
  context: SettingContext = {},
  signal?: AbortSignal,
): Promise<SettingPlace[]> {
  return findSettings(await readSources(project, signal), names, { models: Object.keys(project.config.train.models), ...context });
}

const maxBytes = 1_000_000;
/** Configuration and source come in hundreds; more of one kind is data that happens to be written as JSON or YAML. */
const maxFiles = 3000;

/** The files findSettings() can read in, bounded in size and number; files that vanish meanwhile are left out. */
export async function readSources(project: Project, signal?: AbortSignal): Promise<SourceText[]> {
  const files = (await listDeployable(project, signal))
    .filter(
      ({ path, bytes }) => /\.(py|ya?ml|json|toml)$/i.test(path) && bytes < maxBytes && !/(^|\/)(package-lock|tsconfig)\.json$/.test(path),
    )
    .map(({ path }) => path)
    .sort((a, b) => Number(/\.json$/i.test(a)) - Number(/\.json$/i.test(b)))
    .slice(0, maxFiles);
  if (project.configFile !== null && !files.includes(configFileName)) files.push(configFileName);
  const sources: SourceText[] = [];
  for (const path of files) {
    throwIfCancelled(signal, 'Looking for settings');
    const text = await readFile(join(project.root, ...path.split('/')), 'utf8').catch(() => null);
    if (text !== null && text.length < maxBytes) sources.push({ path, text });
  }
  return sources;
}

function numbersIn(path: string, text: string, model: string | undefined): FoundNumber[] {
  switch (sourceOf(path)) {
    case 'command':
      return commandNumbers(text, model);
    case 'python':
      return pythonNumbers(text);
    case 'yaml':
      return yamlNumbers(text);
    case 'toml':
      return tomlNumbers(text);
    case 'json':
      return jsonNumbers(text);
  }
}

function sourceOf(path: string): SettingSource {
  if (path === configFileName) return 'command';
  const extension = posix.extname(path).toLowerCase();
  if (extension === '.py') return 'python';
  if (extension === '.yaml' || extension === '.yml') return 'yaml';
  return extension === '.toml' ? 'toml' : 'json';
}

/** Words before a name that do not make it another setting (as `min_` or `eval_` would). */
const harmless = new Set(['default', 'defaults', 'base', 'initial', 'init', 'start', 'train', 'training', 'my', 'the', 'global']);

function matchName(
  name: string,
  wanted: readonly string[],
  model: string | undefined,
): { readonly index: number; readonly exact: boolean } | null {
  const words = wordsOf(name);
  const exact = wanted.indexOf(words.join(''));
  if (exact >= 0) return { index: exact, exact: true };
  for (let skip = 1; skip < words.length; skip++) {
    const index = wanted.indexOf(words.slice(skip).join(''));
    if (index < 0) continue;
    const before = words.slice(0, skip);
    const ofModel = model !== undefined && before.join('') === wordsOf(model).join('');
    if (ofModel || before.every((word) => harmless.has(word))) return { index, exact: false };
  }
  return null;
}

/** From the model's own to another model's. */
const closeness = ['own', 'related', 'shared', 'other'] as const;

/** Whose setting these names around it speak of; `related`: some word of the model's name, as `lstm` of `simple_lstm`. */
function belongsTo(names: readonly string[], model: string | undefined, others: readonly string[]): (typeof closeness)[number] {
  if (model !== undefined && mentions(names, model)) return 'own';
  if (others.some((other) => mentions(names, other))) return 'other';
  const related = (one: string) =>
    wordsOf(one).length > 1 && wordsOf(one).some((word) => word.length > 2 && !vague.has(word) && mentions(names, word));
  if (model !== undefined && related(model)) return 'related';
  return others.some(related) ? 'other' : 'shared';
}

/** Words of model names that say nothing about which model. */
const vague = new Set([
  'simple',
  'small',
  'base',
  'large',
  'big',
  'tiny',
  'deep',
  'model',
  'models',
  'net',
  'network',
  'train',
  'config',
  'new',
  'old',
  'test',
  'the',
]);

/** Whether a model's name is one of these names, or some of the words of one: `logreg` in `LogRegConfig`, not `rf` in `performance`. */
function mentions(names: readonly string[], model: string | undefined): boolean {
  const wanted = model === undefined ? '' : wordsOf(model).join('');
  if (wanted === '') return false;
  return names.some((name) => {
    const words = wordsOf(name);
    return words.some((_, from) => {
      let joined = '';
      return words.slice(from).some((word) => (joined += word) === wanted);
    });
  });
}

function isTest(path: string): boolean {
  return /(^|\/)(tests?\/|test_[^/]*$|conftest\.py$)|_test\.py$/.test(path);
}

function isConfig(path: string): boolean {
  return (
    !path.endsWith('.py') || wordsOf(path).some((word) => /^(conf|config|configs|cfg|settings?|h?params?|hyperparam(eter)?s?)$/.test(word))
  );
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
