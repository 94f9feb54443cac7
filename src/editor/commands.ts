import * as vscode from 'vscode';
import { type Disposable, DisposableStore } from '../core/disposable.ts';
import { UserError } from '../core/errors.ts';
import type { FileEdit, FixAction } from '../fixes/located.ts';
import { type CommandArguments, type CommandId, commands, internalCommands, untrustedCommands } from '../manifest.ts';
import type { Failures } from './failures.ts';
import type { RunRef } from './runRef.ts';

/** What stands behind every command; one that is missing does not compile. */
export type Handlers = { readonly [Id in CommandId]: (...args: CommandArguments[Id]) => unknown };

export interface InternalHandlers {
  applyFix(run: RunRef, action: FixAction): unknown;
  offerTrainAgain(run: RunRef, edit: FileEdit): unknown;
}

/** Told of every command that was carried out, or not. */
export type Told = (
  id: CommandId,
  args: readonly unknown[],
  startedAtMs: number,
  outcome: { readonly answer: unknown } | { readonly error: unknown },
) => unknown;

/** Registers all commands. A command answers with what it did, or shows its failure and answers undefined. */
export function registerCommands(handlers: Handlers, internal: InternalHandlers, failures: Failures, told: Told): Disposable {
  const store = new DisposableStore();
  const register = (id: string, needsTrust: boolean, run: (...args: never[]) => unknown) => {
    const call = async (...args: never[]): Promise<unknown> => {
      try {
        if (needsTrust && !vscode.workspace.isTrusted) {
          throw new UserError('not-configured', 'This workspace is not trusted, so nothing of it is deployed or run. Trust it first.', {
            details: { missing: 'trust' },
          });
        }
        return await run(...args);
      } catch (error) {
        failures.show(error, () => call(...args));
        return undefined;
      }
    };
    store.add(vscode.commands.registerCommand(id, call));
  };
  for (const id of Object.values(commands)) {
    const handler: (...args: never[]) => unknown = handlers[id];
    register(id, !untrustedCommands.has(id), async (...args) => {
      const startedAtMs = Date.now();
      try {
        const answer: unknown = await handler(...args);
        told(id, args, startedAtMs, { answer });
        return answer;
      } catch (error) {
        told(id, args, startedAtMs, { error });
        throw error;
      }
    });
  }
  register(internalCommands.applyFix, true, internal.applyFix.bind(internal));
  register(internalCommands.offerTrainAgain, true, internal.offerTrainAgain.bind(internal));
  return store;
}
