import { messageOf } from '../core/errors.ts';
import { Journal } from '../journal/journal.ts';
import { Home } from '../project/home.ts';
import type { Call, Operation, OperationContext } from './operation.ts';

/** Handles what a person asked for, and writes into the journal what came of it, unless it only reads. @param by the face they used */
export async function handleJournaled(
  record: Operation,
  context: OperationContext,
  input: Readonly<Record<string, unknown>>,
  call: Call,
  by: string,
): Promise<Record<string, unknown>> {
  if (record.effect === 'read') return record.handle(context, input, call);
  const startedAt = Date.now();
  const add = async (ok: boolean, result: string, run: unknown) =>
    new Journal(new Home(context.home).stateFolder).add({
      at: new Date().toISOString(),
      who: 'person',
      by,
      operation: record.name,
      project: context.projectRoot,
      arguments: input,
      ok,
      result,
      ...(typeof run === 'string' ? { run } : {}),
      milliseconds: Date.now() - startedAt,
    });
  try {
    const output = await record.handle(context, input, call);
    await add((record.exitCode?.(output) ?? 0) === 0, record.render(output, { eventsShown: true }), output['run'] ?? input['run']);
    return output;
  } catch (error) {
    await add(false, messageOf(error), input['run']);
    throw error;
  }
}
