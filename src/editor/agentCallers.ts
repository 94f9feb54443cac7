import * as vscode from 'vscode';
import type { AgentCaller } from '../agents/caller.ts';
import type { ConfirmedCalls } from '../agents/confirmed.ts';
import type { AgentSessions } from '../agents/sessions.ts';
import type { Disposable } from '../core/disposable.ts';
import type { Operation } from '../operations/operation.ts';
import type { Log } from './log.ts';
import type { ApiKeys } from './apiKeys.ts';
import type { Passphrases } from './passphrases.ts';
import type { Projects } from './projects.ts';
import { readSetting } from './typed.ts';

interface Opened {
  readonly caller: AgentCaller;
  readonly sessions: AgentSessions | undefined;
  /** The setting that it was made with. */
  readonly limits: string;
}

/**
 * What agents in this window may do, for each project. Their connections are their own: what is put on a pod over them is asked of the owner's limits first. Loaded when an
 * agent comes.
 */
export class AgentCallers implements Disposable {
  private confirmed: Promise<ConfirmedCalls> | undefined;
  private readonly opened = new Map<string, Opened>();

  constructor(
    private readonly projects: Projects,
    private readonly passphrases: Passphrases,
    private readonly apiKeys: ApiKeys,
    private readonly log: Log,
  ) {}

  /**
   * @param root of the project; default: the one that a person most likely means
   * @throws UserError 'not-configured' when no folder is open
   */
  async get(root?: string): Promise<AgentCaller> {
    return this.of(root ?? (await this.projects.likeliest()));
  }

  /** What people were told of calls that have not come yet. */
  async told(): Promise<ConfirmedCalls> {
    this.confirmed ??= import('../agents/confirmed.ts').then(({ ConfirmedCalls }) => new ConfirmedCalls());
    return this.confirmed;
  }

  /** The operation behind a tool of ours. */
  async record(tool: string): Promise<Operation> {
    const [{ agentOperations, toolName }, { toolPrefix }] = await Promise.all([
      import('../operations/table.ts'),
      import('../agents/contributed.ts'),
    ]);
    const record = agentOperations.find((one) => toolPrefix + toolName(one) === tool);
    if (!record) throw new Error(`No operation stands behind ${tool}.`);
    return record;
  }

  dispose(): void {
    for (const { sessions } of this.opened.values()) void sessions?.close();
    this.opened.clear();
  }

  private async of(root: string): Promise<AgentCaller> {
    const limits = JSON.stringify(readSetting('runpod.agents.limits'));
    const known = this.opened.get(root);
    if (known?.limits === limits) return known.caller;
    void known?.sessions?.close();
    const opened = { ...(await this.open(root, limits)), limits };
    this.opened.set(root, opened);
    opened.caller.introduce(vscode.env.appName);
    return opened.caller;
  }

  private async open(projectRoot: string, limits: string): Promise<Omit<Opened, 'limits'>> {
    const [{ AgentCaller }, { AgentSessions }] = await Promise.all([import('../agents/caller.ts'), import('../agents/sessions.ts')]);
    let sessions: AgentSessions | undefined;
    const caller = new AgentCaller({
      projectRoot,
      home: undefined,
      limits: { given: JSON.parse(limits) as unknown, name: 'the setting runpod.agents.limits' },
      context: (guards) => {
        const ports = { ...guards, askPassphrase: this.passphrases.ask, askApiKey: this.apiKeys.ask, log: this.log.info };
        sessions = new AgentSessions({ projectRoot, home: undefined, ports });
        return { projectRoot, home: undefined, ports, orchestrator: sessions.get };
      },
    });
    return { caller, sessions };
  }
}
