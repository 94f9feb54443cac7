import { createHash } from 'node:crypto';
import { UserError } from '../core/errors.ts';
import { checkModel, type TrainingRequest } from '../project/project.ts';
import type { ProjectConfig } from '../project/schema.ts';
import { newRunId } from '../runs/run.ts';

/** One run of a pipeline: a model of a stage, or the stage's own command. */
export interface Job {
  /** Stable within the pipeline: `stage/model`, or `stage`. */
  readonly key: string;
  readonly stage: string;
  readonly model: string | null;
  readonly request: Omit<TrainingRequest, 'stage'>;
}

export interface PlannedStage {
  readonly name: string;
  /** Stages of this plan that must have succeeded before. */
  readonly needs: readonly string[];
  readonly jobs: readonly Job[];
}

/** What a pipeline is to do, written down once: resuming it does not depend on what runpod.json says by then. */
export interface PipelinePlan {
  readonly id: string;
  /** After a failure: leave the rest, or go on with what does not need it. */
  readonly onFailure: 'stop' | 'continue';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly startedBy: string;
  /** In the order in which they run. */
  readonly stages: readonly PlannedStage[];
}

export interface PlanOptions {
  /** Only these models, what they need, and what is built from nothing else. Default: all. */
  readonly models?: readonly string[];
  /** Exactly these stages, without what they need. Default: all. */
  readonly stages?: readonly string[];
  readonly device?: string;
  readonly seed?: number;
  readonly onFailure?: 'stop' | 'continue';
  readonly startedBy: string;
}

/**
 * Lays out the stages of runpod.json.
 *
 * @throws UserError 'not-configured' without stages, 'bad-argument' for a model or stage that is in none
 */
export function makePlan({ stages, train }: ProjectConfig, options: PlanOptions, now: Date, random: () => number): PipelinePlan {
  if (stages.length === 0)
    throw new UserError(
      'not-configured',
      'runpod.json has no "stages". Add them, for example: "stages": [{ "name": "base", "models": ["rf", "xgb"] }, { "name": "stack", "models": ["stack"], "needs": ["base"] }]',
    );
  const { models, device, seed } = options;
  const known = [...new Set(stages.flatMap((stage) => stage.models ?? []))];
  models?.forEach((model) => checkModel(model, known));
  const unknown = options.stages?.filter((name) => !stages.some((stage) => stage.name === name)) ?? [];
  if (unknown.length > 0)
    throw new UserError(
      'bad-argument',
      `There is no stage "${unknown.join('", "')}" in runpod.json. Its stages: ${stages.map(({ name }) => name).join(', ')}.`,
    );

  const chosen = options.stages ? new Set(options.stages) : models ? stagesFor(stages, models) : new Set(stages.map(({ name }) => name));
  const planned = inOrder(stages.filter(({ name }) => chosen.has(name))).map(
    ({ name, needs = [], command, device: own, models: all }): PlannedStage => {
      // A stage that is there for what it makes of others trains all of its models.
      const wanted = models && all?.some((model) => models.includes(model)) ? all.filter((model) => models.includes(model)) : (all ?? []);
      const common = {
        ...(device === undefined ? (own === undefined ? {} : { device: own }) : { device }),
        ...(seed === undefined ? {} : { seed }),
      };
      const jobs: Job[] =
        command === undefined
          ? wanted.map((model) => ({ key: `${name}/${model}`, stage: name, model, request: { model, ...cpuOnly(train, model, common) } }))
          : [{ key: name, stage: name, model: null, request: { command, ...common } }];
      return { name, needs: needs.filter((need) => chosen.has(need)), jobs };
    },
  );
  return {
    id: newPipelineId(now, random),
    onFailure: options.onFailure ?? 'stop',
    startedAt: now.toISOString(),
    startedBy: options.startedBy,
    stages: planned,
  };
}

/** A device for the whole pipeline does not reach commands that have no place for one, like those of CPU-only models. */
function cpuOnly(train: ProjectConfig['train'], model: string, common: { readonly device?: string; readonly seed?: number }) {
  const command = train.models[model]?.command ?? train.command ?? '';
  return Object.fromEntries(Object.entries(common).filter(([name]) => command.includes(`{${name}}`)));
}

/** `20261124-153012-pipeline-4f2a`: of the form of a run's id, so that both sort together. */
export function newPipelineId(now: Date, random: () => number): string {
  return newRunId('pipeline', now, random);
}

export function isPipelineId(id: string): boolean {
  return /^\d{8}-\d{6}-pipeline-[0-9a-f]{4}$/.test(id);
}

/**
 * The id of the run that does a job in a round. Whoever drives the pipeline comes to the same one, and the pod makes a
 * run's folder only once: so no job is ever started twice.
 *
 * @param roundStartedAt ISO 8601; a round is one try of all that has not succeeded yet
 */
export function runIdOf(plan: PipelinePlan, job: Job, roundStartedAt: string): string {
  const index = plan.stages.flatMap(({ jobs }) => jobs).findIndex(({ key }) => key === job.key);
  const hash = createHash('sha256').update(`${plan.id}\n${job.key}\n${roundStartedAt}`).digest().readUInt16BE();
  // A second apart, so that lists by id have them in order.
  const at = new Date(Date.parse(roundStartedAt) + index * 1000);
  return newRunId(job.model ?? job.stage, at, () => hash / 0x10000);
}

/** The stages that train these models, what they need, and those that need nothing but stages of that set. */
function stagesFor(stages: ProjectConfig['stages'], models: readonly string[]): Set<string> {
  const chosen = new Set(stages.filter((stage) => stage.models?.some((model) => models.includes(model))).map(({ name }) => name));
  const needed = (name: string): void => {
    for (const need of stages.find((stage) => stage.name === name)?.needs ?? []) {
      // Models that were not asked for are not trained because others need them: what the pod has of them counts.
      if (chosen.has(need) || stages.find((stage) => stage.name === need)?.models !== undefined) continue;
      chosen.add(need);
      needed(need);
    }
  };
  [...chosen].forEach(needed);
  for (let grown = true; grown;) {
    grown = false;
    for (const { name, needs = [] } of stages) {
      if (chosen.has(name) || needs.length === 0 || !needs.every((need) => chosen.has(need))) continue;
      if (!needs.some((need) => stages.find((stage) => stage.name === need)?.models !== undefined)) continue;
      chosen.add(name);
      grown = true;
    }
  }
  return chosen;
}

/** Each after what it needs, otherwise as written. (Cycles are refused when runpod.json is read.) */
function inOrder(stages: ProjectConfig['stages']): ProjectConfig['stages'] {
  const sorted: ProjectConfig['stages'] = [];
  const add = (stage: ProjectConfig['stages'][number]): void => {
    if (sorted.includes(stage)) return;
    for (const need of stage.needs ?? []) {
      const other = stages.find(({ name }) => name === need);
      if (other) add(other);
    }
    sorted.push(stage);
  };
  stages.forEach(add);
  return sorted;
}
