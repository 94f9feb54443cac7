import type { Pod } from '../pod/pod.ts';
import { onPod, type PodPlaces, type Project, remoteRootOf, setUpLines } from '../project/project.ts';
import type { Check, VerifyReport } from './check.ts';
import { questionScript } from './script.ts';

/** A pod's clock this far from ours makes file times and logs misleading. */
const clockToleranceSeconds = 60;
/** Less free disk than this and a checkpoint may not fit. */
const lowDiskKb = 2 * 1024 * 1024;
/** PyTorch's data loader workers share tensors through /dev/shm; Docker's default of 64 MB is too small for them. */
const lowShmKb = 256 * 1024;

/**
 * Looks at everything that training a project on a pod needs.
 *
 * @throws UserError what connecting throws; an unfit pod is an answer and not an error
 */
export async function verify(pod: Pod, project: Project, places: PodPlaces, signal?: AbortSignal): Promise<VerifyReport> {
  const startedAt = Date.now();
  const remoteRoot = remoteRootOf(project, places);
  const { checks, environment } = project.config;
  const activate = environment.activate === undefined ? null : onPod(environment.activate, remoteRoot, places);
  // The first command pays for connecting; the second is the latency that is felt from then on.
  await pod.exec(':', { timeoutMs: 60_000, signal });
  const pingAt = Date.now();
  await pod.exec(':', { timeoutMs: 30_000, signal });
  const latencyMs = Date.now() - pingAt;
  const askedAt = Date.now();
  const { stdout } = await pod.exec(
    questionScript({ remoteRoot, activate, files: checks.files, packages: checks.packages, setUp: setUpLines(project, places) }),
    {
      timeoutMs: 120_000,
      signal,
    },
  );
  const answers = new Answers(stdout);
  const list = judge(answers, {
    remoteRoot,
    activate,
    files: checks.files,
    packages: checks.packages,
    wantsCuda: project.config.train.device.startsWith('cuda'),
    latencyMs,
    askedAt,
  });
  return {
    pod: pod.name,
    remoteRoot,
    ok: list.every((check) => check.status !== 'failed'),
    checks: list,
    milliseconds: Date.now() - startedAt,
  };
}

/** The `key<TAB>value` lines of questionScript; an empty value counts as no answer. */
export class Answers {
  private readonly values = new Map<string, string[]>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const tab = line.indexOf('\t');
      if (tab <= 0) continue;
      const value = line.slice(tab + 1).trim();
      if (value === '') continue;
      const key = line.slice(0, tab);
      this.values.set(key, [...(this.values.get(key) ?? []), value]);
    }
  }

  get(key: string): string | null {
    return this.values.get(key)?.[0] ?? null;
  }

  all(key: string): readonly string[] {
    return this.values.get(key) ?? [];
  }
}

interface Expected {
  readonly remoteRoot: string;
  readonly activate: string | null;
  readonly files: readonly string[];
  readonly packages: readonly string[];
  readonly wantsCuda: boolean;
  readonly latencyMs: number;
  /** When the clock was asked, milliseconds since 1970. */
  readonly askedAt: number;
}

/** What the answers mean. Pure, so that every kind of pod can be shown to it. */
export function judge(answers: Answers, expected: Expected): readonly Check[] {
  const checks: Check[] = [];
  const add = (id: string, title: string, status: Check['status'], seen: string, advice: string | null = null) =>
    checks.push({ id, title, status, seen, advice: status === 'passed' ? null : advice });

  add(
    'ssh',
    'Connection',
    'passed',
    `${answers.get('user') ?? 'user unknown'}, ${answers.get('system') ?? 'system unknown'}, ${expected.latencyMs} ms a command`,
  );

  const skew = Math.round(Number(answers.get('clock') ?? Number.NaN) - expected.askedAt / 1000);
  if (Math.abs(skew) > clockToleranceSeconds)
    add(
      'clock',
      'Clock',
      'warning',
      `${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} this machine's`,
      'Times in logs and lists will look shifted.',
    );

  const nearest = answers.get('nearest') ?? '/';
  const writable = answers.get('writable') !== null;
  if (!writable)
    add(
      'root',
      'Project folder',
      'failed',
      `${nearest} cannot be written to`,
      'Choose a folder of this user as "remoteRoot" in runpod.json.',
    );
  else if (answers.get('root') === null)
    add(
      'root',
      'Project folder',
      'warning',
      `${expected.remoteRoot} is not there yet`,
      'Deploy the project: `rpo deploy --changed`, or "RunPod: Deploy Changed Files".',
    );
  else add('root', 'Project folder', 'passed', expected.remoteRoot);

  checks.push(disk(answers, nearest));
  const shmKb = Number(answers.get('shm') ?? Number.NaN);
  if (shmKb < lowShmKb)
    add(
      'shm',
      'Shared memory',
      'warning',
      `/dev/shm has ${size(shmKb)}`,
      'Data loaders with workers may die with "bus error"; use num_workers=0 or a pod with more shared memory.',
    );

  const tools = ['sha256sum', 'tar', 'setsid'].filter((tool) => answers.get(`tool:${tool}`) === null);
  if (tools.length > 0)
    add(
      'tools',
      'Tools',
      'warning',
      `no ${tools.join(', ')}`,
      'Everything works without, more slowly. `apt-get install coreutils tar util-linux` brings them.',
    );

  if (expected.activate !== null && answers.get('activate') === null) {
    add(
      'activate',
      'Environment',
      'failed',
      `${expected.activate} is not there`,
      `Create it on the pod, e.g. \`python3 -m venv --system-site-packages ${expected.activate.replace(/\/bin\/activate$/, '')}\`, or correct "environment.activate" in runpod.json.`,
    );
  }
  const python = answers.get('python');
  const version = answers.get('python-version');
  if (version !== null) add('python', 'Python', 'passed', `${version}, ${python}`);
  else if (expected.activate === null || answers.get('activate') !== null)
    add(
      'python',
      'Python',
      'failed',
      python === null ? 'no python on the pod' : `${python} does not run`,
      'Use an image with Python, or `apt-get install python3` on the pod.',
    );

  if (version !== null) {
    for (const name of expected.packages) {
      if (answers.get(`package:${name}`) !== null) add(`package:${name}`, `Package ${name}`, 'passed', 'importable');
      else
        add(
          `package:${name}`,
          `Package ${name}`,
          'failed',
          'not importable',
          `Install it: \`rpo exec "python -m pip install ${name}"\` (the name on PyPI may differ from the module's).`,
        );
    }
  }
  for (const file of expected.files) {
    if (answers.get(`file:${file}`) !== null) add(`file:${file}`, file, 'passed', 'on the pod');
    else add(`file:${file}`, file, 'failed', 'not on the pod', `Deploy it: \`rpo deploy ${file}\`.`);
  }
  checks.push(...gpu(answers, expected.wantsCuda));
  return checks;
}

function disk(answers: Answers, nearest: string): Check {
  const [total, free, mount] = (answers.get('disk') ?? '').split(' ');
  const freeKb = Number(free);
  if (free === undefined || Number.isNaN(freeKb))
    return { id: 'disk', title: 'Disk', status: 'warning', seen: `unknown for ${nearest}`, advice: 'Look with `rpo exec df`.' };
  const seen = `${size(freeKb)} of ${size(Number(total))} free on ${mount}`;
  if (freeKb < lowDiskKb)
    return { id: 'disk', title: 'Disk', status: 'warning', seen, advice: 'Checkpoints may not fit. Delete old artifacts on the pod.' };
  // RunPod wipes the container disk at every stop, restart and edit; only a volume survives (docs: "Pod storage").
  if (answers.get('container') !== null && answers.get('same-disk-as-root') !== null) {
    return {
      id: 'disk',
      title: 'Disk',
      status: 'warning',
      seen: `${seen}, which is the container's own disk`,
      advice: 'It is wiped when the pod stops. Attach a volume and put "remoteRoot" below it.',
    };
  }
  return { id: 'disk', title: 'Disk', status: 'passed', seen, advice: null };
}

function gpu(answers: Answers, wanted: boolean): readonly Check[] {
  const gpus = answers.all('gpu');
  const torch = answers.get('torch');
  const torchCuda = answers.get('torch-cuda');
  const cuda = answers.get('cuda-available') === 'yes';
  const lacking = wanted ? 'failed' : 'warning';
  const checks: Check[] = [];
  const cpuAdvice = 'Train on the CPU (--device cpu), or start the pod again with a GPU.';
  if (gpus.length > 0)
    checks.push({
      id: 'gpu',
      title: 'GPU',
      status: 'passed',
      seen: gpus.length > 1 ? `${gpus.length} GPUs: ${gpus[0]}` : (gpus[0] ?? ''),
      advice: null,
    });
  // A pod that was stopped may come back without its GPU (RunPod: "zero GPU pods").
  else
    checks.push({
      id: 'gpu',
      title: 'GPU',
      status: 'warning',
      seen: answers.get('nvidia-smi') === null ? 'none: no nvidia-smi on the pod' : 'none, although NVIDIA tools are there',
      advice: cpuAdvice,
    });
  const error = answers.get('torch-error');
  if (error !== null)
    checks.push({
      id: 'torch',
      title: 'PyTorch',
      status: 'failed',
      seen: `does not load: ${error}`,
      advice: 'Reinstall torch on the pod.',
    });
  else if (torch !== null && gpus.length > 0 && !cuda) {
    const why = torchCuda === 'none' ? `${torch} is a build without CUDA` : `${torch} for CUDA ${torchCuda} does not see the GPU`;
    checks.push({
      id: 'torch',
      title: 'PyTorch',
      status: lacking,
      seen: why,
      advice:
        torchCuda === 'none'
          ? 'Install a CUDA build of torch.'
          : 'The driver is older than this CUDA, or CUDA_VISIBLE_DEVICES hides the GPU: choose a pod with a newer CUDA, or an older torch.',
    });
  } else if (torch !== null)
    checks.push({ id: 'torch', title: 'PyTorch', status: 'passed', seen: `${torch}, ${cuda ? `CUDA ${torchCuda}` : 'CPU'}`, advice: null });
  return checks;
}

/** Kilobytes of df as text. */
function size(kb: number): string {
  if (Number.isNaN(kb)) return 'unknown';
  return kb >= 1024 * 1024 ? `${(kb / 1024 / 1024).toFixed(1)} GB` : `${Math.round(kb / 1024)} MB`;
}
