import { isUserError } from '../core/errors.ts';
import type { PodPlaces, Project, TrainingCommand, TrainingRequest } from './project.ts';
import { trainingCommand } from './project.ts';

/** What is known of a command that was run, or is to be. */
export interface RunCommand extends Pick<TrainingCommand, 'command' | 'model'> {
  readonly device: string | null;
  readonly seed: number | null;
}

/**
 * Whether a command is one that runpod.json makes, with whatever device and seed it was asked for; also where it goes on from a checkpoint in the
 * project's own way.
 */
export function isConfigured(project: Project, { command, model, device, seed }: RunCommand, places: PodPlaces): boolean {
  const { train, stages } = project.config;
  const [before = '', after = ''] = train.resume?.argument.split('{checkpoint}') ?? [];
  const named = model === null ? {} : { model };
  const ways: Omit<TrainingRequest, 'command'>[] = [{}, ...stages.map((stage) => ({ stage }))];
  return ways
    .flatMap((way) => [{}, device === null ? {} : { device }].map((one) => ({ ...named, ...way, ...one })))
    .flatMap((way) => [way, seed === null ? way : { ...way, seed }])
    .some((request) => {
      const made = commandOf(project, request, places);
      if (made === null || !command.startsWith(made)) return false;
      const rest = command.slice(made.length);
      if (rest === '') return true;
      // One word, and nothing that would begin a second command.
      const isResuming = train.resume !== undefined && rest.startsWith(` ${before}`) && rest.endsWith(after);
      return isResuming && /^(?:'[^']*'|[\w@%+=:,./-]+)$/.test(rest.slice(before.length + 1, rest.length - after.length));
    });
}

/** Null when there is no place in the command for what is asked. */
function commandOf(project: Project, request: TrainingRequest, places: PodPlaces): string | null {
  try {
    return trainingCommand(project, request, places).command;
  } catch (error) {
    if (isUserError(error)) return null;
    throw error;
  }
}
