import type { Answers } from './answers.ts';
import { type Check, failed, passed, warning } from './check.ts';

const cpuAdvice = 'Start the pod again with a GPU, or train on the CPU: --device cpu, or "device": "cpu" under "train" in runpod.json.';

/** What to do about an error of nvidia-smi that nothing on the pod mends; null for another one. */
export function brokenDriver(error: string): string | null {
  // NVML's own words when the kernel module was updated and the container kept the old library, or the reverse.
  return /mismatch|couldn't communicate|failed to initialize/i.test(error)
    ? 'The driver of the machine is broken: nothing on the pod mends it. Start another pod.'
    : null;
}

export function gpu(answers: Answers, needsGpu: boolean): Check {
  const complain = needsGpu ? failed : warning;
  const [first, ...others] = answers.all('gpu');
  const cuda = answers.get('driver-cuda');
  if (first !== undefined) {
    const [name = first, memory, driver] = first.split(', ');
    const seen = [name, memory, driver && `driver ${driver}`, cuda && `CUDA up to ${cuda}`].filter(Boolean).join(', ');
    return passed('gpu', 'GPU', others.length > 0 ? `${others.length + 1} GPUs: ${seen}` : seen);
  }
  if (!answers.has('nvidia-smi')) return complain('gpu', 'GPU', 'none: no nvidia-smi on the pod', cpuAdvice);
  const error = answers.get('nvidia-smi-error');
  const broken = error === null ? null : brokenDriver(error);
  if (error !== null && broken !== null) return failed('gpu', 'GPU', error, broken);
  // A pod that was stopped may come back without its GPU (RunPod: "zero GPU pods").
  return complain('gpu', 'GPU', `none, although NVIDIA's tools are there${error === null ? '' : ` (${error})`}`, cpuAdvice);
}

export function torch(answers: Answers, wantsCuda: boolean): Check[] {
  const error = answers.get('torch-error');
  if (error !== null) return [failed('torch', 'PyTorch', `does not load: ${error}`, 'Reinstall torch on the pod.')];
  const version = answers.get('torch');
  if (version === null) return [];
  const built = answers.get('torch-cuda') ?? 'none';
  if (answers.get('cuda-available') === 'yes') return [passed('torch', 'PyTorch', `${version}, CUDA ${built}`)];
  if (answers.all('gpu').length === 0) return [passed('torch', 'PyTorch', `${version}, CPU`)];
  const complain = wantsCuda ? failed : warning;
  return [complain('torch', 'PyTorch', ...whyBlind(version, built, answers))];
}

/** Why torch does not see a GPU that is there. */
function whyBlind(version: string, built: string, answers: Answers): readonly [seen: string, advice: string] {
  if (built === 'none') return [`${version} is a build without CUDA`, 'Install a CUDA build of torch.'];
  const driver = answers.get('driver-cuda');
  if (driver !== null && isNewer(built, driver))
    return [
      `${version} is built for CUDA ${built}, and the driver is older: it knows CUDA up to ${driver}`,
      `Install a torch that is built for CUDA ${driver} or older, or start a pod whose driver is newer (RunPod can filter by CUDA version).`,
    ];
  const visible = answers.get('cuda-visible');
  if (visible !== null)
    return [
      `${version} for CUDA ${built} does not see the GPU, and CUDA_VISIBLE_DEVICES is ${JSON.stringify(visible)}`,
      'Correct CUDA_VISIBLE_DEVICES: it names the GPUs that programs may see.',
    ];
  return [`${version} for CUDA ${built} does not see the GPU`, 'Try torch again on another pod: this one does not let it reach its GPU.'];
}

/** Whether CUDA version `a` is newer than `b`: `12.4` than `11.8`. */
function isNewer(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { numeric: true }) > 0;
}
