import { distributionOf, isWellKnown } from '../core/packages.ts';
import type { Fix, Frame } from './finding.ts';

/** Names under which projects set a batch size: plain, HF Trainer, DeepSpeed, mmengine, YOLO. */
export const BATCH_SIZE_NAMES = [
  'batch_size',
  'per_device_train_batch_size',
  'train_batch_size',
  'batch-size',
  'micro_batch_size',
  'train_micro_batch_size_per_gpu',
  'batch_size_per_gpu',
  'samples_per_gpu',
  'ims_per_batch',
  'BATCH_SIZE',
  'batchSize',
  'batch',
  'bs',
] as const;

export const LEARNING_RATE_NAMES = [
  'learning_rate',
  'lr',
  'base_lr',
  'lr0',
  'max_lr',
  'init_lr',
  'learning-rate',
  'LEARNING_RATE',
  'LR',
  'initial_lr',
  'eta',
] as const;

export const RETRAIN: Fix = { kind: 'deploy-and-retrain', title: 'Deploy the fixed file and train again' };

export const halveBatchSize: Fix = { kind: 'scale-setting', names: BATCH_SIZE_NAMES, factor: 0.5, title: 'Halve the batch size' };

export const accumulateGradients: Fix = {
  kind: 'suggest-edit',
  after: '.backward()',
  code: 'if (step + 1) % accumulation_steps == 0:\n    optimizer.step()\n    optimizer.zero_grad()',
  title: 'Accumulate gradients, to keep the effective batch size',
};

export const lowerLearningRate: Fix = {
  kind: 'scale-setting',
  names: LEARNING_RATE_NAMES,
  factor: 0.1,
  title: 'Lower the learning rate to a tenth',
};

export const clipGradients: Fix = {
  kind: 'suggest-edit',
  after: '.backward()',
  code: 'torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)',
  title: 'Clip the gradient norm',
};

export const fewerWorkers: Fix = {
  kind: 'scale-setting',
  names: ['num_workers', 'dataloader_num_workers', 'workers', 'num-workers', 'n_workers'],
  factor: 0.5,
  title: 'Halve the data loader workers',
};

export const pretrainEncoder: Fix = {
  kind: 'run-stage',
  names: ['pretrain', 'pretrain-encoder', 'pretraining', 'encoder'],
  title: 'Pre-train the encoder',
};

export function deployFile(path: string): Fix {
  return { kind: 'deploy-file', path, title: `Deploy ${path.slice(path.lastIndexOf('/') + 1)} to the pod` };
}

/** Programs that a package on PyPI brings under another name. */
const BRINGS: Readonly<Record<string, string>> = {
  torchrun: 'torch',
  accelerate: 'accelerate',
  deepspeed: 'deepspeed',
  yolo: 'ultralytics',
};

/** What to do about a program that the shell did not find: only for those of which it is known how they are installed. */
export function installCommand(program: string): readonly Fix[] {
  const name = BRINGS[program];
  return name === undefined ? [] : [{ kind: 'install-package', module: program, package: name, title: `Install ${name} on the pod` }];
}

/**
 * What to do about an import that failed. A package is only offered when the module is not the project's own: not when a name is missing from a module that was
 * found, not when a submodule is missing, not when the traceback shows a file or folder of that name among the project's frames.
 */
export function importFixes(module: string, submodule: boolean, projectFrames: readonly Frame[]): readonly Fix[] {
  const top = module.split('.')[0]!;
  const shown = projectFrames.some((frame) => frame.file.split(/[\\/]/).some((part) => part === top || part === `${top}.py`));
  // `sklearn.externals`: the package is there, in a version without it. Which one had it is not known here.
  if (submodule && !shown && isWellKnown(module)) return [RETRAIN];
  const own = submodule || shown;
  if (own) return [{ kind: 'deploy-file', path: module.replaceAll('.', '/') + '.py', title: `Deploy ${module} to the pod` }, RETRAIN];
  const name = distributionOf(module);
  if (name === null) return [RETRAIN];
  return [{ kind: 'install-package', module, package: name, title: `Install ${name} on the pod` }, RETRAIN];
}
