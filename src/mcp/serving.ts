import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError } from '@modelcontextprotocol/server';
import type { AgentCaller } from '../agents/caller.ts';
import type { Call } from '../operations/operation.ts';
import type { ServedTool } from './tools.ts';
import type { RunUpdates } from './updates.ts';

/** What every connection of one server shares. */
export interface Serving {
  readonly version: string;
  readonly tools: readonly ServedTool[];
  readonly caller: AgentCaller;
  readonly updates: RunUpdates;
}

/** A call that nobody cancels and that tells of no progress. */
export const silentCall: Call = { signal: new AbortController().signal, progress: () => {}, emit: () => {} };

/** The text of an answer, for resources. @throws ResourceNotFoundError for a run that there is not; ProtocolError: both with what the operation said */
export async function answerOf(
  { caller }: Serving,
  { record }: ServedTool,
  args: { readonly run?: string } & Readonly<Record<string, unknown>>,
): Promise<string> {
  const answer = await caller.call(record, args, silentCall);
  if (answer.reason === 'run-unknown') throw new ResourceNotFoundError(`rpo://runs/${args.run ?? ''}`, answer.text);
  // The resource may well be there: the pod cannot be reached, or the owner does not allow it.
  if (!answer.ok) throw new ProtocolError(ProtocolErrorCode.InternalError, answer.text);
  return answer.text;
}
