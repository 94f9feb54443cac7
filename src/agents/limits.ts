import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import type { Operation } from '../operations/operation.ts';
import { toolName } from '../operations/table.ts';
import { readConfig } from '../project/configFile.ts';
import { complaint } from '../project/expectation.ts';
import { matcher } from '../project/globs.ts';
import type { Home } from '../project/home.ts';
import { loadProject } from '../project/project.ts';
import { type AgentLimits, agentLimitsSchema } from '../project/schema.ts';
import type { Run } from '../runs/run.ts';
import { placeOf, unwritable } from './localFiles.ts';

/** What `startedBy` of a run ends with when an agent started it. */
const agentMark = /\(agent\b[^)]*\)$/;

/** Limits from elsewhere than a file: a setting of the editor. */
export interface LimitSource {
  readonly given: unknown;
  /** What a person calls it. */
  readonly name: string;
}

interface Source {
  readonly limits: AgentLimits;
  /** Where it stands, and whose it is to change. */
  readonly where: string;
  /** The person's own: an agent that may edit the project cannot have written it. */
  readonly isOwn: boolean;
}

/**
 * What an owner lets agents do: the `agents` block of runpod.json, and the same block as a file of the person's own (`agents.json` beside pods.json), which an agent that may edit
 * the project cannot loosen; and in the editor a setting. All count. Read again for each call.
 */
export class Limits {
  private sources: readonly Source[] = [];

  constructor(
    private readonly projectRoot: string,
    private readonly home: Home,
    private readonly more?: LimitSource,
  ) {}

  /** @throws UserError 'bad-config' */
  async read(): Promise<void> {
    const project = await loadProject(this.projectRoot);
    const own = await readOwn(join(this.home.folder, 'agents.json'));
    this.sources = [
      ...(project.config.agents
        ? [{ limits: project.config.agents, where: '"agents" in runpod.json, which the owner of the project can change', isOwn: false }]
        : []),
      ...(own
        ? [{ limits: own, where: `${join(this.home.folder, 'agents.json')}, which the person at this machine can change`, isOwn: true }]
        : []),
      ...(this.more
        ? [{ limits: parsed(this.more), where: `${this.more.name}, which the person at this machine can change`, isOwn: true }]
        : []),
    ];
  }

  /** @throws UserError 'not-allowed' */
  checkCall(record: Operation, input: Readonly<Record<string, unknown>>): void {
    const names = [toolName(record), record.name];
    const [tool = record.name] = names;
    for (const { limits, where } of this.sources) {
      if (limits.deny?.some((name) => names.includes(name))) throw refused(`agents may not call ${tool} here`, where);
      if (record.effect !== 'read' && limits.operations && !limits.operations.some((name) => names.includes(name)))
        throw refused(`agents may call only ${limits.operations.join(', ') || 'what reads'} here, not ${tool}`, where);
      const command = record.ownCommand?.(input);
      if (command !== undefined) checkCommand(command, limits.exec, where);
    }
  }

  /** For OrchestratorPorts. */
  readonly mayWrite = (remotePath: string, below: string | null): void => {
    for (const { limits, where } of this.sources) {
      if (!limits.write) continue;
      const matches = (pattern: string) =>
        pattern.startsWith('/') ? matcher(pattern)(remotePath.slice(1)) : below !== null && matcher(pattern)(below);
      if (!limits.write.some(matches))
        throw refused(
          limits.write.length === 0
            ? `agents may write nothing to the pod, and ${remotePath} was to be written`
            : `agents may write only to ${limits.write.join(', ')} on the pod, not to ${remotePath}`,
          where,
        );
    }
  };

  /** For OrchestratorPorts. */
  readonly mayRun = (command: string): void => {
    for (const { limits, where } of this.sources) checkCommand(command, limits.exec, where);
  };

  /** For OrchestratorPorts. What lies outside the project is sent only where the person says so; the project's own file can but narrow that. */
  readonly mayReadLocal = async (path: string): Promise<void> => {
    const place = await placeOf(path, this.projectRoot, this.home.folder);
    if (place === 'project') return;
    const own = join(this.home.folder, 'agents.json');
    if (place === 'home')
      throw new UserError('not-allowed', `Refused: agents may not send ${path}; it is in the person's own folder ${this.home.folder}.`);
    const allows = ({ limits }: Source) => limits.upload?.some((pattern) => matcher(withHome(pattern))(place.elsewhere.slice(1))) ?? false;
    const against = this.sources.find((source) => source.limits.upload !== undefined && !allows(source));
    if (against)
      throw refused(
        `of local files outside the project agents may send only ${against.limits.upload?.join(', ') || 'none'}, not ${path}`,
        against.where,
      );
    if (!this.sources.some((source) => source.isOwn && allows(source)))
      throw new UserError(
        'not-allowed',
        `Refused: agents may send only files of the project, not ${path}. The person at this machine can allow others with "upload" in ${own}.`,
      );
  };

  /** For OrchestratorPorts. No owner can allow more: it is how the limits stay out of reach. */
  readonly mayWriteLocal = async (path: string): Promise<void> => {
    const why = await unwritable(path, this.projectRoot, this.home.folder);
    if (why !== null)
      throw new UserError(
        'not-allowed',
        `Refused: agents may not write to ${path} here, since ${why}. Name another place below ${this.projectRoot}.`,
      );
  };

  /** For OrchestratorPorts. */
  readonly mayStart = (runs: readonly Run[]): void => {
    const running = runs.filter(({ status }) => status.kind === 'running');
    const hours = hoursOfAgents(runs, Date.now());
    for (const { limits, where } of this.sources) {
      if (limits.maxRuns !== undefined && running.length >= limits.maxRuns)
        throw refused(
          `at most ${limits.maxRuns} runs may be going on for an agent to start another, and ${running.length} are (${running.map(({ manifest }) => manifest.id).join(', ')}); wait for one to end, or stop one`,
          where,
        );
      if (limits.hoursPerDay !== undefined && hours >= limits.hoursPerDay)
        throw refused(`runs that agents start may take ${limits.hoursPerDay} hours in 24, and ${hours.toFixed(1)} are used up`, where);
    }
  };
}

/** Hours that runs started by agents took in the last 24, as far as their logs show. */
export function hoursOfAgents(runs: readonly Run[], nowMs: number): number {
  const from = nowMs - 24 * 3_600_000;
  let total = 0;
  for (const { manifest, status, lastOutputMs } of runs) {
    const startMs = Date.parse(manifest.startedAt);
    if (!agentMark.test(manifest.startedBy) || Number.isNaN(startMs)) continue;
    const endMs = status.kind === 'running' ? nowMs : (lastOutputMs ?? startMs);
    total += Math.max(0, Math.min(endMs, nowMs) - Math.max(startMs, from));
  }
  return total / 3_600_000;
}

function checkCommand(command: string, limit: AgentLimits['exec'], where: string): void {
  if (limit === undefined || limit === 'free') return;
  const asked = command.length > 200 ? `${command.slice(0, 200)}…` : command;
  if (limit === 'off') throw refused(`agents may not run commands of their own here, such as \`${asked}\``, where);
  if (!limit.some((pattern) => commandPattern(pattern).test(command.trim())))
    throw refused(`agents may run only commands like ${limit.map((pattern) => `\`${pattern}\``).join(', ')} here, not \`${asked}\``, where);
}

/** `*` stands for words, never for what would begin a second command. */
export function commandPattern(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^;&|<>`$()\\r\\n\\\\]*')}$`);
}

function withHome(pattern: string): string {
  return pattern.startsWith('~/') ? join(homedir(), pattern.slice(2)) : pattern;
}

function refused(what: string, where: string): UserError {
  return new UserError('not-allowed', `Refused: ${what}. The limit is in ${where}.`);
}

function parsed({ given, name }: LimitSource): AgentLimits {
  const result = agentLimitsSchema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(
    'bad-config',
    `What agents may do is not known: ${name} has a problem at ${issue?.path.join('.') || 'its top'} (${issue === undefined ? '' : complaint(issue, agentLimitsSchema, given)}). Correct it.`,
  );
}

async function readOwn(file: string): Promise<AgentLimits | null> {
  try {
    return readConfig(await readFile(file, 'utf8'), file, agentLimitsSchema, () => []);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof UserError) throw error;
    throw new UserError(
      'local-failed',
      `${file} cannot be read (${messageOf(error)}), so what agents may do is not known. Check its permissions.`,
      { cause: error },
    );
  }
}
