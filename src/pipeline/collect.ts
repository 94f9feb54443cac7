import { matcher } from '../project/globs.ts';
import { expandTemplates } from '../project/project.ts';
import type { ProjectConfig } from '../project/schema.ts';
import type { CollectedRun } from '../results/collect.ts';
import type { FetchedFile } from '../results/fetch.ts';
import type { Judgements } from '../results/judgeAll.ts';
import type { Run } from '../runs/run.ts';
import type { Judged } from './pipeline.ts';
import type { Job } from './plan.ts';

/** What collecting a job's results needs of the rest. */
export interface JobPorts {
  /** @param more patterns of results beside the model's */
  ofRun(more: readonly string[]): Promise<CollectedRun>;
  judge(files: readonly FetchedFile[]): Promise<Judgements>;
}

/**
 * Fetches what a job left, and judges the predictions among it: only what it wrote itself, since a file of an earlier run
 * lies in the same place. A job that ended well and left nothing new of what it is there for has not succeeded.
 */
export async function collectJob(job: Job, run: Run, config: ProjectConfig, ports: JobPorts): Promise<Judged> {
  const { status, manifest } = run;
  const values = { model: manifest.model, seed: manifest.seed ?? undefined };
  const ofStage = expandTemplates(config.stages.find(({ name }) => name === job.stage)?.results ?? [], values);
  const collected = await ports.ofRun(ofStage);
  // After a failure there is nothing to be judged.
  if (status.kind !== 'exited' || status.exitCode !== 0) return { files: collected.files.length, verdicts: [], problems: [] };

  const older = new Set(collected.older);
  const labels = config.labels === undefined ? undefined : expandTemplates([config.labels], values)[0];
  const isLabels = labels === undefined ? () => false : matcher(labels);
  const results = collected.files.filter(({ path }) => !path.startsWith('.runpod/') && !isLabels(path));
  const problems = collected.incomplete.map(({ path, why }) => `${path} is not whole: ${why}.`);
  for (const pattern of [...ofModel(manifest.model, config, values), ...ofStage]) {
    const matches = matcher(pattern);
    // The labels are as they are, whoever names them.
    if (pattern === labels) continue;
    if (collected.incomplete.some(({ path }) => matches(path))) continue;
    const there = collected.files.filter(({ path }) => matches(path));
    if (there.length === 0) problems.push(`It left no results: nothing on the pod matches ${pattern}.`);
    else if (there.every(({ path }) => older.has(path)))
      problems.push(`It left no new results: ${there[0]?.path ?? pattern} is of before this run.`);
  }
  const fresh = results.filter(({ path }) => !older.has(path));
  if (problems.length === 0 && fresh.length === 0) {
    if (results.length > 0) problems.push(`It left no new results: ${results[0]?.path ?? ''} is of before this run.`);
    else if (collected.missing.length > 0) problems.push(`It left no results: nothing on the pod matches ${collected.missing.join(', ')}.`);
  }

  const judged = await ports.judge(fresh);
  return { files: collected.files.length, verdicts: judged.verdicts, problems: [...problems, ...judged.problems] };
}

/** The result patterns that are about this one model: a pattern without {model} may be there for another one. */
function ofModel(
  model: string | null,
  { results, train }: ProjectConfig,
  values: Parameters<typeof expandTemplates>[1],
): readonly string[] {
  if (model === null) return [];
  const own = Object.hasOwn(train.models, model) ? train.models[model]?.results : undefined;
  return expandTemplates(own ?? results.filter((pattern) => pattern.includes('{model}')), values);
}
