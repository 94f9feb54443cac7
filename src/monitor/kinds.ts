import type { FindingType, Fix, Severity } from './finding.ts';
import { accumulateGradients, clipGradients, fewerWorkers, halveBatchSize, lowerLearningRate, pretrainEncoder, RETRAIN } from './fixes.ts';

/** What is the same for every failure of a kind. */
export interface Kind {
  readonly severity: Severity;
  /** What to do next. */
  readonly suggestion: string;
  readonly fixes: readonly Fix[];
  /** What it is called in a sentence. */
  readonly title: string;
}

/** One record a kind. Rules and trends say when; this says what then. */
export const KINDS: Readonly<Record<FindingType, Kind>> = {
  'cuda-oom': {
    severity: 'error',
    title: 'GPU out of memory',
    fixes: [halveBatchSize, accumulateGradients, RETRAIN],
    suggestion:
      'Halve the batch size (gradient accumulation keeps the effective one), shorten the inputs, or use mixed precision or gradient checkpointing. If another process holds the memory, stop it first (nvidia-smi).',
  },
  'host-oom': {
    severity: 'error',
    title: 'Out of host memory',
    fixes: [fewerWorkers, halveBatchSize],
    suggestion:
      'The machine ran out of RAM (the kernel or the scheduler killed the process): use fewer data loader workers, load the data lazily or memory-mapped, or take a pod with more memory.',
  },
  'nan-loss': {
    severity: 'error',
    title: 'Loss became NaN or infinite',
    fixes: [lowerLearningRate, clipGradients, RETRAIN],
    suggestion:
      'Lower the learning rate, clip gradients, and check the inputs for NaN, log(0) and division by zero; torch.autograd.set_detect_anomaly(True) names the operation.',
  },
  'gradient-explosion': {
    severity: 'warning',
    title: 'Gradients are exploding',
    fixes: [clipGradients, lowerLearningRate, RETRAIN],
    suggestion: 'Clip the gradient norm (1.0 is a common bound) and lower the learning rate or add warm-up.',
  },
  'class-collapse': {
    severity: 'warning',
    title: 'The model ignores a class',
    fixes: [RETRAIN],
    suggestion:
      'Weigh the classes in the loss or balance the sampling, check the labels of the class that is never predicted right, and lower the learning rate.',
  },
  'shape-mismatch': {
    severity: 'error',
    title: 'Shapes do not fit',
    fixes: [RETRAIN],
    suggestion:
      'Print the shapes at the marked line and make the two sides agree (input size of the layer, transposed axes, a last incomplete batch).',
  },
  'dtype-mismatch': {
    severity: 'error',
    title: 'Data types do not fit',
    fixes: [RETRAIN],
    suggestion: 'Bring both sides to one type at the marked line (.float(), .long(), .to(x.dtype)), or run the step under autocast.',
  },
  'device-mismatch': {
    severity: 'error',
    title: 'Tensors on different devices',
    fixes: [RETRAIN],
    suggestion:
      'Move the model and every input to the same device (.to(device)) before the marked line; buffers belong in register_buffer.',
  },
  'import-error': {
    severity: 'error',
    title: 'A module cannot be imported',
    fixes: [RETRAIN],
    suggestion: 'Install the missing package in the pod’s environment, or deploy the project’s own module that is missing.',
  },
  'encoder-not-found': {
    severity: 'error',
    title: 'The pre-trained encoder is missing',
    fixes: [pretrainEncoder],
    suggestion: 'Deploy the encoder’s weights, run the pre-training stage first, or correct the path.',
  },
  'file-not-found': {
    severity: 'error',
    title: 'A file is missing',
    fixes: [],
    suggestion: 'Deploy the file if it exists locally, or correct the path; relative paths count from the folder the command runs in.',
  },
  'permission-denied': {
    severity: 'error',
    title: 'No permission',
    fixes: [],
    suggestion: 'Write below the project’s folder on the pod (/workspace), or give the user access to the path.',
  },
  'disk-full': {
    severity: 'error',
    title: 'The disk is full',
    fixes: [],
    suggestion: 'Delete old checkpoints and caches on the pod (df -h shows which volume), keep fewer checkpoints, or enlarge the volume.',
  },
  'checkpoint-mismatch': {
    severity: 'error',
    title: 'The checkpoint does not fit the model',
    fixes: [RETRAIN],
    suggestion:
      'Build the model with the settings it was saved with (classes, vocabulary, layers), strip prefixes such as "module." from the keys, or load with strict=False where a new head is meant.',
  },
  'no-grad': {
    severity: 'error',
    title: 'Nothing to differentiate',
    fixes: [RETRAIN],
    suggestion:
      'The loss does not depend on a parameter that requires a gradient: look for detach(), .item(), torch.no_grad() or frozen layers before the marked line.',
  },
  'autograd-misuse': {
    severity: 'error',
    title: 'Autograd was used wrongly',
    fixes: [RETRAIN],
    suggestion:
      'Replace the in-place change by a new tensor, or call backward() once per graph (retain_graph=True only where it is meant).',
  },
  'cuda-assert': {
    severity: 'error',
    title: 'An assertion failed on the GPU',
    fixes: [RETRAIN],
    suggestion:
      'Most often a label or token id outside the valid range. Run once with CUDA_LAUNCH_BLOCKING=1, or on the CPU, to see the line that did it.',
  },
  'cuda-illegal-access': {
    severity: 'error',
    title: 'Illegal memory access on the GPU',
    fixes: [RETRAIN],
    suggestion:
      'Run once with CUDA_LAUNCH_BLOCKING=1 to find the kernel; check indices and custom kernels, and that the PyTorch build fits the GPU and driver.',
  },
  'cuda-unavailable': {
    severity: 'error',
    title: 'No usable GPU',
    fixes: [RETRAIN],
    suggestion:
      'Check nvidia-smi on the pod, CUDA_VISIBLE_DEVICES, and that the installed PyTorch build fits the driver and the GPU; or train with device cpu (map_location="cpu" when loading).',
  },
  'cudnn-cublas-error': {
    severity: 'error',
    title: 'A CUDA library failed',
    fixes: [halveBatchSize, RETRAIN],
    suggestion:
      'Often hidden lack of memory or bad indices: try a smaller batch and CUDA_LAUNCH_BLOCKING=1; otherwise check that the CUDA, cuDNN and PyTorch versions fit.',
  },
  'nccl-error': {
    severity: 'error',
    title: 'Communication between GPUs failed',
    fixes: [],
    suggestion:
      'Look for the rank that failed first; run with NCCL_DEBUG=INFO, check that every rank makes the same collective calls, that the port is free, and NCCL_SOCKET_IFNAME.',
  },
  'dataloader-shm': {
    severity: 'error',
    title: 'Shared memory is exhausted',
    fixes: [fewerWorkers, RETRAIN],
    suggestion:
      'Use fewer data loader workers (0 to be sure), or more shared memory: /dev/shm is small in containers. torch.multiprocessing.set_sharing_strategy("file_system") also helps.',
  },
  'gpu-lost': {
    severity: 'error',
    title: 'The GPU is gone',
    fixes: [],
    suggestion:
      'The hardware or driver failed (nvidia-smi, dmesg | grep Xid). Restart the pod; if it comes back, take another machine. Resume from the last checkpoint.',
  },
  'auth-error': {
    severity: 'error',
    title: 'Access refused',
    fixes: [],
    suggestion:
      'Set the token in the pod’s environment (HF_TOKEN, WANDB_API_KEY), and accept the model’s terms on its page if it is gated.',
  },
  'network-error': {
    severity: 'error',
    title: 'The network failed',
    fixes: [],
    suggestion:
      'Check the address and that the pod has internet access; retry, or download the data beforehand and work offline (HF_HUB_OFFLINE=1, WANDB_MODE=offline).',
  },
  'config-error': {
    severity: 'error',
    title: 'A setting or argument is wrong',
    fixes: [RETRAIN],
    suggestion: 'Correct the option or key that the message names, in the command or in the config file.',
  },
  'python-exception': {
    severity: 'error',
    title: 'An exception ended the program',
    fixes: [RETRAIN],
    suggestion: 'Look at the marked line: it is the innermost frame of the project’s own code.',
  },
  hang: {
    severity: 'warning',
    title: 'No progress',
    fixes: [],
    suggestion:
      'Look at the processes on the pod (py-spy dump --pid …, nvidia-smi): a deadlocked data loader and a rank that waits for another are the usual causes.',
  },
  preempted: {
    severity: 'error',
    title: 'The job was stopped from outside',
    fixes: [],
    suggestion: 'A scheduler, a time limit or the cloud stopped it. Resume from the last checkpoint; ask for more time or save more often.',
  },
  segfault: {
    severity: 'error',
    title: 'The process crashed',
    fixes: [],
    suggestion:
      'A native library crashed: run with python -X faulthandler to see where, and check that the installed binary packages fit each other.',
  },
  'loss-spike': {
    severity: 'info',
    title: 'The loss jumped',
    fixes: [clipGradients, lowerLearningRate],
    suggestion: 'One jump often heals; if it does not, clip gradients, lower the learning rate, and look at the batch that caused it.',
  },
  'loss-divergence': {
    severity: 'info',
    title: 'The loss keeps rising',
    fixes: [lowerLearningRate, clipGradients],
    suggestion: 'Lower the learning rate or add warm-up; training will hardly recover by itself.',
  },
  plateau: {
    severity: 'info',
    title: 'The loss no longer falls',
    fixes: [],
    suggestion: 'Stop early, or change the learning rate (a decay step, a restart).',
  },
  overfitting: {
    severity: 'info',
    title: 'Validation gets worse while training improves',
    fixes: [],
    suggestion: 'Stop at the best epoch; add regularisation, augmentation or data.',
  },
  'vanishing-gradient': {
    severity: 'info',
    title: 'Gradients are vanishing',
    fixes: [],
    suggestion: 'Check for dead activations, frozen or detached layers, and a learning rate that has decayed to nothing.',
  },
  'zero-learning-rate': {
    severity: 'info',
    title: 'The learning rate stays at zero',
    fixes: [],
    suggestion: 'The schedule ends before the training does, or warm-up never starts: check its total number of steps.',
  },
  'throughput-drop': {
    severity: 'info',
    title: 'Training became much slower',
    fixes: [],
    suggestion: 'Check the data loading (disk, network volume, workers), other processes on the GPU, and its temperature.',
  },
};
