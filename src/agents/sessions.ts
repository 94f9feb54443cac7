import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Orchestrator, OrchestratorPorts } from '../orchestrator.ts';
import { Home } from '../project/home.ts';

export interface AgentSessionsOptions {
  readonly projectRoot: string;
  readonly home: string | undefined;
  /** Default: the one that is selected when a call comes. */
  readonly pod?: string | undefined;
  readonly ports: OrchestratorPorts;
}

/** The project on its pod, opened when first needed and anew when runpod.json or pods.json has changed. */
export class AgentSessions {
  private readonly opened: { readonly stamp: string; readonly orchestrator: Promise<Orchestrator> }[] = [];

  constructor(private readonly options: AgentSessionsOptions) {}

  /** @param pod by its name; default: the one of the options, or the selected one */
  readonly get = async (pod: string | undefined = this.options.pod): Promise<Orchestrator> => {
    const { projectRoot, home, ports } = this.options;
    const folder = new Home(home);
    const files = await stampOf([join(projectRoot, 'runpod.json'), folder.podsFile]);
    const { name } = await folder.pod(pod);
    const stamp = `${files} ${name}`;
    const known = this.opened.find((one) => one.stamp === stamp);
    if (known !== undefined) return known.orchestrator;
    const facade = await import('../orchestrator.ts');
    const next = { stamp, orchestrator: facade.Orchestrator.open({ projectRoot, pod: name, home, ...ports }) };
    this.opened.push(next);
    // What could not be opened is tried again; what a call may still use is closed one change later.
    next.orchestrator.catch(() => this.opened.splice(this.opened.indexOf(next), 1));
    if (this.opened.length > 2) void this.closed(this.opened.shift());
    return next.orchestrator;
  };

  async close(): Promise<void> {
    await Promise.all(this.opened.splice(0).map(async (one) => this.closed(one)));
  }

  private async closed(one: { readonly orchestrator: Promise<Orchestrator> } | undefined): Promise<void> {
    await (await one?.orchestrator.catch(() => undefined))?.close();
  }
}

async function stampOf(files: readonly string[]): Promise<string> {
  const infos = await Promise.all(files.map(async (file) => stat(file).catch(() => null)));
  return infos.map((info) => (info ? `${info.mtimeMs} ${info.size}` : 'none')).join(' ');
}
