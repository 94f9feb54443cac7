import { messageOf } from '../core/errors.ts';
import { expandTemplates } from '../project/project.ts';
import type { ProjectConfig } from '../project/schema.ts';
import type { FetchReport } from '../results/fetch.ts';
import type { FileVerdict } from '../results/judge.ts';
import { isArray } from '../results/previous.ts';
import type { Judged } from './pipeline.ts';
import type { Job } from './plan.ts';

/** What collecting a job's results needs of the rest. */
export interface JobPorts {
  ofRun(run: string): Promise<FetchReport>;
  fetch(patterns: readonly string[]): Promise<FetchReport>;
  judge(localPath: string): Promise<FileVerdict>;
}

/** Fetches what a job left, and judges the predictions among it. */
export async function collectJob(job: Job, run: string, { stages, labels }: ProjectConfig, ports: JobPorts): Promise<Judged> {
  const ofRun = await ports.ofRun(run);
  const own = expandTemplates(stages.find(({ name }) => name === job.stage)?.results ?? [], { model: job.model, seed: job.request.seed });
  const ofStage = own.length === 0 ? null : await ports.fetch(own);
  const files = [...ofRun.files, ...(ofStage?.files ?? [])];
  const problems = [...ofRun.incomplete, ...(ofStage?.incomplete ?? [])].map(({ path, why }) => `${path} is not whole: ${why}.`);
  const missing = [...ofRun.missing, ...(ofStage?.missing ?? [])];
  const isEmpty = missing.length > 0 && !files.some(({ path }) => !path.startsWith('.runpod/'));
  if (isEmpty && problems.length === 0) problems.push(`It left no results: nothing on the pod matches ${missing.join(', ')}.`);
  const arrays = files.filter(({ path }) => isArray(path) && path !== labels);
  const verdicts = await Promise.all(
    arrays.map(async ({ path, localPath }) => {
      try {
        return [{ path, verdict: await ports.judge(localPath) }];
      } catch (error) {
        problems.push(messageOf(error));
        return [];
      }
    }),
  );
  return { files: files.length, verdicts: verdicts.flat(), problems };
}
