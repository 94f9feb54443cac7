import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';
import type { Pod } from '../pod/pod.ts';
import { remoteFailure } from '../pod/remoteFailure.ts';
import { compareBeginnings } from '../runs/run.ts';
import { isPipelineId, type PipelinePlan, runIdOf } from './plan.ts';

/** A pipeline as its folder on the pod tells it; what its jobs came to is told by their runs. */
export interface StoredPipeline {
  readonly plan: PipelinePlan;
  /** When each round began, ISO 8601; the last is the current one. */
  readonly rounds: readonly string[];
  /** Runs that ended well and whose results are not good for anything. */
  readonly rejected: ReadonlySet<string>;
  /** All of its jobs succeeded once: what became of their runs since then does not matter. */
  readonly isFinished: boolean;
}

/** The ids of the runs that it has, or will have. */
export function runsOf({ plan, rounds }: StoredPipeline): readonly string[] {
  return rounds.flatMap((round) => plan.stages.flatMap(({ jobs }) => jobs.map((job) => runIdOf(plan, job, round))));
}

/**
 * The pipelines of one project on one pod: `<remoteRoot>/.runpod/pipelines/<id>/` holds `plan.json`, a file `round-<n>`
 * with its time for each round, an empty file `rejected-<run>` for each run whose results are bad, and `finished` when all is done.
 */
export class PipelineStore {
  private readonly folder: string;

  constructor(
    private readonly pod: Pod,
    remoteRoot: string,
  ) {
    this.folder = posix.join(remoteRoot, '.runpod', 'pipelines');
  }

  async create(plan: PipelinePlan, signal?: AbortSignal): Promise<StoredPipeline> {
    const folder = quote(posix.join(this.folder, plan.id));
    const gitignore = quote(posix.join(this.folder, '..', '.gitignore'));
    await this.exec(
      `set -e
umask 022
mkdir -p ${quote(this.folder)}
[ -s ${gitignore} ] || echo '*' >${gitignore}
mkdir ${folder}
cd ${folder}
echo ${quote(plan.startedAt)} >round-1
cat >plan.new && mv plan.new plan.json`,
      'Writing down the pipeline',
      signal,
      JSON.stringify(plan) + '\n',
    );
    return { plan, rounds: [plan.startedAt], rejected: new Set(), isFinished: false };
  }

  /** @param id default: the newest that has a plan @throws UserError 'run-unknown' */
  async read(id: string | undefined, signal?: AbortSignal): Promise<StoredPipeline> {
    if (id !== undefined && !isPipelineId(id)) throw this.unknown(id);
    // Whoever was cut off while he made one left a folder without a plan, or with half of one.
    const found = (await this.query(id === undefined ? '*' : quote(id), signal)).at(-1);
    if (!found) throw this.unknown(id);
    return found;
  }

  /** Oldest first. */
  async list(signal?: AbortSignal): Promise<readonly StoredPipeline[]> {
    return this.query('*', signal);
  }

  /** Begins round `number` (1 is the first), unless somebody else just did: then theirs counts. */
  async beginRound(id: string, number: number, startedAt: string, signal?: AbortSignal): Promise<void> {
    // noclobber opens with O_EXCL: only one writer makes the file.
    await this.exec(
      `cd ${quote(posix.join(this.folder, id))} && { (set -C; echo ${quote(startedAt)} >round-${number}) 2>/dev/null || [ -e round-${number} ]; }`,
      'Beginning a round of the pipeline',
      signal,
    );
  }

  /** All of its jobs have succeeded. */
  async finish(id: string, signal?: AbortSignal): Promise<void> {
    await this.exec(`cd ${quote(posix.join(this.folder, id))} && : >finished`, 'Writing down the end of the pipeline', signal);
  }

  async reject(id: string, run: string, signal?: AbortSignal): Promise<void> {
    await this.exec(
      `cd ${quote(posix.join(this.folder, id))} && : >${quote(`rejected-${run}`)} && rm -f finished`,
      'Writing down a verdict',
      signal,
    );
  }

  /** @param folders shell words, in the folder of all pipelines */
  private async query(folders: string, signal: AbortSignal | undefined): Promise<readonly StoredPipeline[]> {
    const stdout = await this.exec(
      `cd ${quote(this.folder)} 2>/dev/null || exit 0
for d in ${folders}; do
  [ -f "$d/plan.json" ] || continue
  printf 'plan '; head -n 1 "$d/plan.json"
  n=1; while [ -e "$d/round-$n" ]; do printf 'round '; head -n 1 "$d/round-$n"; n=$((n + 1)); done
  for r in "$d"/rejected-*; do [ -e "$r" ] && printf 'rejected %s\\n' "\${r##*/rejected-}"; done
  [ ! -e "$d/finished" ] || echo 'finished '
done
exit 0`,
      'Reading the pipelines',
      signal,
    );
    return parsePipelines(stdout);
  }

  private async exec(script: string, what: string, signal: AbortSignal | undefined, stdin?: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.pod.exec(script, {
      timeoutMs: 30_000,
      signal,
      ...(stdin === undefined ? {} : { stdin }),
    });
    if (exitCode !== 0) throw remoteFailure(what, stderr || `exit code ${exitCode}`);
    return stdout;
  }

  private unknown(id: string | undefined): UserError {
    const message =
      id === undefined
        ? `There is no pipeline on ${this.pod.name} yet. Start one with \`rpo retrain\`.`
        : `There is no pipeline ${JSON.stringify(id)} on ${this.pod.name}. \`rpo pipelines\` lists them.`;
    return new UserError('run-unknown', message);
  }
}

/** Oldest first. A plan that cannot be read is left out with all that belongs to it: the folder may hold anything. */
export function parsePipelines(text: string): readonly StoredPipeline[] {
  const found: { plan: PipelinePlan; rounds: string[]; rejected: Set<string>; isFinished: boolean }[] = [];
  let current: (typeof found)[number] | undefined;
  for (const line of text.split('\n')) {
    const [, kind, rest = ''] = /^(plan|round|rejected|finished) (.*)$/.exec(line) ?? [];
    if (kind === 'plan') {
      const plan = parsePlan(rest);
      current = plan ? { plan, rounds: [], rejected: new Set(), isFinished: false } : undefined;
      if (current) found.push(current);
    } else if (kind === 'round' && !Number.isNaN(Date.parse(rest))) current?.rounds.push(rest);
    else if (kind === 'rejected') current?.rejected.add(rest);
    else if (kind === 'finished' && current) current.isFinished = true;
  }
  return found.filter(({ rounds }) => rounds.length > 0).sort((a, b) => compareBeginnings(beginningOf(a), beginningOf(b)));
}

function beginningOf({ plan, rounds }: StoredPipeline): { readonly id: string; readonly startedAt: string } {
  return { id: plan.id, startedAt: rounds[0] ?? '' };
}

function parsePlan(line: string): PipelinePlan | null {
  try {
    const value = JSON.parse(line) as Partial<PipelinePlan> | null;
    return value && typeof value.id === 'string' && isPipelineId(value.id) && Array.isArray(value.stages) ? (value as PipelinePlan) : null;
  } catch {
    return null;
  }
}
