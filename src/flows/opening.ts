import { findApiKey } from '../cloud/apiKey.ts';
import { podAddress } from '../cloud/podAddress.ts';
import { diagnose, type Diagnosis } from '../pod/diagnose.ts';
import type { HostKeyPolicy, PodOptions } from '../pod/pod.ts';
import { type FindPod, podOptions } from '../pod/podOptions.ts';
import { type ShownHostKey, shownHostKey } from '../pod/shownHostKey.ts';
import { Home } from '../project/home.ts';
import type { Permissions } from './projectOnPod.ts';

/** What the outside may have to answer. */
export interface OrchestratorPorts {
  readonly askPassphrase?: PodOptions['askPassphrase'];
  /** RunPod's API key where neither RUNPOD_API_KEY nor ~/.runpod/config.toml has one; undefined: there is none. */
  readonly askApiKey?: () => Promise<string | undefined>;
  readonly log?: (line: string) => void;
  /** Who starts runs; default `user@host`. */
  readonly startedBy?: string;
  /** What whoever works here may do; default: everything. */
  readonly may?: Permissions;
}

/** A machine given by its address, as scripts do. */
export interface ConnectOptions extends OrchestratorPorts {
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  readonly identityFile?: string;
  /** Default: runpod.json's, or /workspace/<name of projectRoot>. */
  readonly remoteRoot?: string;
  /** The folder that is /workspace on RunPod, where this machine has it elsewhere. */
  readonly workspace?: string;
  /** Default: the current folder. */
  readonly projectRoot?: string;
  readonly hostKeys?: HostKeyPolicy;
  /** Default: RPO_HOME, or ~/.runpod. */
  readonly home?: string;
}

/** A project, and a pod by its name in pods.json. */
export interface OpenOptions extends OrchestratorPorts {
  readonly projectRoot: string;
  /** Default: the selected pod, or the only one. */
  readonly pod?: string;
  readonly home?: string;
}

/** Looks a pod up at RunPod; the key is looked for each time, since it may have been corrected. */
export function podFinder(askApiKey: OrchestratorPorts['askApiKey']): FindPod {
  return async (podId) => podAddress(podId, await findApiKey(askApiKey));
}

/**
 * Asks one of the person's pods for its host key, without logging in.
 *
 * @throws UserError 'not-configured', 'bad-argument', 'unreachable', ...
 */
export async function hostKeyOfPod(
  options: Pick<OpenOptions, 'pod' | 'home' | 'askApiKey'> & { readonly signal?: AbortSignal } = {},
): Promise<ShownHostKey & { readonly pod: string }> {
  const home = new Home(options.home);
  const { name, entry } = await home.pod(options.pod);
  const there = await podOptions(entry, { name, knownHostsFile: home.knownHostsFile }, podFinder(options.askApiKey));
  return { pod: name, ...(await shownHostKey(there, options.signal)) };
}

/**
 * Connects to one of the person's pods step by step; what fails is an answer.
 *
 * @throws UserError 'not-configured', 'bad-argument', ... when it is not known where the pod is
 */
export async function diagnosePod(
  options: Pick<OrchestratorPorts, 'askPassphrase' | 'askApiKey'> & {
    readonly pod?: string;
    readonly home?: string;
    readonly signal?: AbortSignal;
  },
): Promise<Diagnosis & { readonly pod: string }> {
  const home = new Home(options.home);
  const { name, entry } = await home.pod(options.pod);
  const { knownHostsFile } = home;
  const base = { name, hostKeys: entry.hostKeys, knownHostsFile, askPassphrase: options.askPassphrase };
  return { pod: name, ...(await diagnose(await podOptions(entry, base, podFinder(options.askApiKey)), options.signal)) };
}
