import { z } from 'zod';
import { messageOf, UserError } from '../core/errors.ts';
import type { ApiKey } from './apiKey.ts';

/** Where a pod is now. */
export interface PodAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** What we read of `Pod` in RunPod's REST API v2; it says more. */
const podSchema = z.object({
  status: z.string(),
  ssh: z
    .object({ direct: z.object({ host: z.string().min(1), port: z.int().min(1).max(65535), username: z.string().min(1) }).nullable() })
    .nullish(),
});

const timeoutMs = 15_000;

/** RPO_RUNPOD_API names another server, for tests. */
function serverOf(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  return environment['RPO_RUNPOD_API'] || 'https://api.runpod.io';
}

/**
 * Asks RunPod where a pod's sshd is: the published port changes with every restart.
 *
 * @throws UserError 'auth-failed' for a key that is not accepted, 'not-configured' when there is no such pod, 'unreachable' when
 *   it is not running or RunPod cannot be asked, 'interactive-only' when its port 22 is not published
 */
export async function podAddress(id: string, { key, from }: ApiKey, server = serverOf()): Promise<PodAddress> {
  const answer = await fetch(new URL(`/v2/pods/${encodeURIComponent(id)}`, server), {
    headers: { authorization: `Bearer ${key}`, accept: 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    const { cause } = error as { readonly cause?: unknown };
    throw new UserError(
      'unreachable',
      `RunPod cannot be asked where pod ${id} is (${messageOf(cause ?? error)}). Check that this machine is online, or add the pod by its SSH line.`,
      { cause: error },
    );
  });
  if (!answer.ok) throw refusal(id, answer, from);
  const pod = podSchema.safeParse(await answer.json().catch(() => null));
  if (!pod.success)
    throw new UserError(
      'unsupported',
      `RunPod's answer about pod ${id} is not understood. Add the pod by its SSH line, and update this program.`,
    );
  const { status, ssh } = pod.data;
  if (status === 'PROVISIONING' || status === 'STARTING')
    throw new UserError('unreachable', `Pod ${id} is still starting. Try again in a moment.`, { details: { status } });
  if (status !== 'RUNNING')
    throw new UserError(
      'unreachable',
      `Pod ${id} is not running: RunPod calls it ${status}. Start it in RunPod's console, then try again.`,
      {
        details: { status },
      },
    );
  if (!ssh?.direct)
    throw new UserError(
      'interactive-only',
      `Pod ${id} runs, but its port 22 is not published, so no files can go there. In RunPod's console edit the pod and add 22 to its exposed TCP ports; if it has just started, try again in a moment.`,
    );
  const { host, port, username } = ssh.direct;
  return { host, port, user: username };
}

function refusal(id: string, { status, headers }: Response, from: string): UserError {
  switch (status) {
    case 401:
    case 403:
      return new UserError(
        'auth-failed',
        `RunPod does not accept the API key in ${from}. Create one in RunPod's console under Settings, API Keys, and put it there.`,
        { details: { apiKey: true } },
      );
    case 404:
      return new UserError(
        'not-configured',
        `RunPod has no pod ${id} for the API key in ${from}: it was terminated, or belongs to another account. Add the pod that you have now.`,
        { details: { missing: 'pod' } },
      );
    case 429: {
      const seconds = Number(headers.get('retry-after'));
      const when = seconds > 0 ? `in ${seconds} s` : 'in a minute';
      return new UserError('unreachable', `RunPod was asked too often and answers again later. Try again ${when}.`);
    }
    default:
      return new UserError(
        'unreachable',
        `RunPod could not say where pod ${id} is (HTTP ${status}). Try again, or add the pod by its SSH line.`,
      );
  }
}
