import { distributionOf } from '../core/packages.ts';
import { quote } from '../core/shell.ts';
import type { Answers } from './answers.ts';
import { type Check, type CheckFix, failed, passed, warning } from './check.ts';
import { gpu, torch } from './gpu.ts';

/** A pod's clock this far from ours makes file times and logs misleading. */
const clockToleranceSeconds = 60;
/** Less free disk than this and a checkpoint may not fit. */
const lowDiskBytes = 2 * 1024 ** 3;
/** PyTorch's data loader workers share tensors through /dev/shm; Docker's default of 64 MB is too small for them. */
const lowShmBytes = 256 * 1024 ** 2;
/** Less memory than this and importing torch alone takes a good part of it. */
const lowMemoryBytes = 2 * 1024 ** 3;

/** What a project needs of a pod, and what was known before it was asked. */
export interface Expected {
  readonly remoteRoot: string;
  readonly activate: string | null;
  /** Of `checks` in runpod.json. */
  readonly files: readonly string[];
  readonly packages: readonly string[];
  /** Encoders that models start from, by path. */
  readonly encoders: Readonly<Record<string, readonly string[]>>;
  /** Folders that training writes into. */
  readonly outputs: readonly string[];
  /** Files that may be deployed from here. */
  readonly local: ReadonlySet<string>;
  readonly wantsCuda: boolean;
  /** runpod.json wants CUDA, so that a pod without a GPU is no pod for it. */
  readonly needsGpu: boolean;
  /** Why no session of SFTP was opened; null when one was. */
  readonly withoutSftp: string | null;
  readonly latencyMs: number;
  /** When the clock was asked, milliseconds since 1970. */
  readonly askedAt: number;
}

const deployAll: CheckFix = { kind: 'deploy', title: 'Deploy Changed Files', files: [] };

/** What the answers mean. Pure, so that every kind of pod can be shown to it. */
export function judge(answers: Answers, expected: Expected): readonly Check[] {
  return [
    connection(answers, expected),
    tools(answers, expected),
    clock(answers, expected),
    root(answers, expected),
    disk(answers),
    ...outputs(answers, expected),
    ...sharedMemory(answers),
    ...memory(answers),
    ...environment(answers, expected),
    ...requirements(answers, expected),
    ...packages(answers, expected),
    ...imports(answers, expected),
    ...files(answers, expected),
    ...encoders(answers, expected),
    gpu(answers, expected.needsGpu),
    ...torch(answers, expected.wantsCuda),
  ];
}

function connection(answers: Answers, { latencyMs }: Expected): Check {
  const who = `${answers.get('user') ?? 'user unknown'}, ${answers.get('system') ?? 'system unknown'}`;
  return passed('ssh', 'Connection', `${who}, ${latencyMs} ms to the first answer`);
}

function tools(answers: Answers, { withoutSftp }: Expected): Check {
  const lacking = ['sha256sum', 'tar', 'setsid'].filter((tool) => !answers.has(`tool:${tool}`));
  const sftp = withoutSftp === null ? 'SFTP answers too' : `no SFTP (${withoutSftp}), which is not needed`;
  if (lacking.length === 0) return passed('tools', 'Commands and files', `sh, sha256sum, tar, setsid; ${sftp}`);
  return warning('tools', 'Commands and files', `no ${lacking.join(', ')}`, 'Everything works without, more slowly.', {
    kind: 'run',
    title: `Install ${lacking.join(', ')}`,
    command: 'apt-get update && apt-get install -y coreutils tar util-linux',
    environment: false,
  });
}

function clock(answers: Answers, { askedAt }: Expected): Check {
  const skew = Math.round(answers.number('clock') - askedAt / 1000);
  const seen = `${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} this machine's`;
  if (Math.abs(skew) > clockToleranceSeconds) return warning('clock', 'Clock', seen, 'Times in logs and lists will look shifted.');
  return passed('clock', 'Clock', Number.isNaN(skew) ? 'not told' : Math.abs(skew) <= 2 ? "this machine's time" : seen);
}

function root(answers: Answers, { remoteRoot }: Expected): Check {
  if (!answers.has('writable')) {
    const advice = 'Choose a folder of this user as "remoteRoot" in runpod.json.';
    return failed('root', 'Project folder', `${answers.get('nearest') ?? '/'} cannot be written to`, advice);
  }
  if (answers.has('root')) return passed('root', 'Project folder', remoteRoot);
  return warning('root', 'Project folder', `${remoteRoot} is not there yet`, 'Deploy the project: `rpo deploy --changed`.', deployAll);
}

function disk(answers: Answers): Check {
  const [total, free, ...mount] = (answers.get('disk') ?? '').split(' ');
  const freeBytes = Number(free) * 1024;
  if (free === undefined || Number.isNaN(freeBytes))
    return warning('disk', 'Disk', `unknown for ${answers.get('nearest') ?? '/'}`, 'Look with `rpo exec df`.');
  const isWiped = answers.has('container') && answers.has('same-disk-as-root');
  const seen = `${size(freeBytes)} of ${size(Number(total) * 1024)} free on ${mount.join(' ')}`;
  if (freeBytes < lowDiskBytes) return warning('disk', 'Disk', seen, 'Checkpoints may not fit. Delete old artifacts on the pod.');
  // RunPod wipes the container disk at every stop, restart and edit; only a volume survives (docs: "Pod storage").
  if (isWiped) {
    const advice = 'It is wiped when the pod stops. Attach a volume and put "remoteRoot" below it.';
    return warning('disk', 'Disk', `${seen}, which is the container's own disk`, advice);
  }
  return passed('disk', 'Disk', answers.has('container') ? `${seen}, a volume: it outlives a stop` : seen);
}

/** Folders that are not there yet are no complaint: training makes them. */
function outputs(answers: Answers, expected: Expected): Check[] {
  return expected.outputs.map((folder) => {
    const [id, title] = [`output:${folder}`, `${folder}/`];
    if (answers.has(`output:${folder}`)) return passed(id, title, 'can be written to');
    return failed(
      id,
      title,
      'cannot be written to',
      'Training leaves its results there. Give the folder to this user, or correct "results".',
    );
  });
}

function sharedMemory(answers: Answers): Check[] {
  const bytes = answers.number('shm') * 1024;
  if (Number.isNaN(bytes)) return [];
  const seen = `/dev/shm has ${size(bytes)}`;
  const advice = 'Data loaders with workers may die with "bus error"; use num_workers=0 or a pod with more shared memory.';
  return [bytes < lowShmBytes ? warning('shm', 'Shared memory', seen, advice) : passed('shm', 'Shared memory', seen)];
}

/** The limit of the container; the machine's memory may be many times that and tells nothing. */
function memory(answers: Answers): Check[] {
  const limit = answers.number('memory-limit');
  const total = answers.number('memory-total');
  const bytes = Math.min(...[limit, total].filter((value) => value > 0));
  if (!Number.isFinite(bytes)) return [];
  const used = answers.number('memory-used');
  const seen = Number.isNaN(used) || !(limit <= total) ? size(bytes) : `${size(bytes)}, ${size(used)} used`;
  if (bytes >= lowMemoryBytes) return [passed('memory', 'Memory', seen)];
  return [
    warning('memory', 'Memory', seen, 'The system ends what needs more, with exit code 137. Load less at once, or take a larger pod.'),
  ];
}

function environment(answers: Answers, { activate }: Expected): Check[] {
  const checks: Check[] = [];
  if (activate !== null && !answers.has('activate')) {
    const folder = activate.replace(/\/bin\/activate$/, '');
    const isVenv = folder !== activate;
    checks.push(
      failed('activate', 'Environment', `${activate} is not there`, 'Create it, or correct "environment.activate" in runpod.json.', {
        kind: 'run',
        title: isVenv ? `Create ${folder}` : `Create an empty ${activate}`,
        command: isVenv
          ? `python3 -m venv --system-site-packages ${quote(folder)}`
          : `mkdir -p -- "$(dirname -- ${quote(activate)})" && : >${quote(activate)}`,
        environment: false,
      }),
    );
    return checks;
  }
  const python = answers.get('python');
  const version = answers.get('python-version');
  if (version === null) {
    const seen = python === null ? 'no python on the pod' : `${python} does not run`;
    return [failed('python', 'Python', seen, 'Use an image with Python, or `apt-get install python3` on the pod.')];
  }
  const lost = answers.all('pythonpath-missing');
  const path = [...answers.all('pythonpath'), ...lost].join(':');
  const seen = [`${version}, ${python}`, answers.has('venv') ? 'a virtual environment' : '', path === '' ? '' : `PYTHONPATH=${path}`];
  checks.push(passed('python', 'Python', seen.filter(Boolean).join(', ')));
  // Before the first deploy nothing of the project is there, and that is told already.
  if (lost.length > 0 && answers.has('root'))
    checks.push(
      warning('pythonpath', 'PYTHONPATH', `${lost.join(', ')} is not there`, 'Deploy it, or correct "environment.variables".', deployAll),
    );
  return checks;
}

/** What would bring all that is missing at once. */
function requirements(answers: Answers, { packages: wanted, local }: Expected): Check[] {
  if (!answers.has('python-version')) return [];
  const what = local.has('requirements.txt') ? 'requirements' : local.has('pyproject.toml') || local.has('setup.py') ? 'project' : null;
  const imported = answers.all('import-missing').map((text) => text.split(' ')[0] ?? '');
  const missing = new Set(
    [...wanted.filter((name) => !answers.has(`package:${name}`)), ...imported].filter((name) => distributionOf(name)),
  );
  if (what === null || missing.size === 0) return [];
  const file = what === 'requirements' ? 'requirements.txt' : local.has('pyproject.toml') ? 'pyproject.toml' : 'setup.py';
  const seen = missing.size === 1 ? '1 package is missing' : `${missing.size} packages are missing`;
  const advice = `Install what ${file} names: \`rpo reinstall ${what}\`.`;
  return [warning('requirements', 'Requirements', seen, advice, { kind: 'install', title: `Install what ${file} names`, what })];
}

function packages(answers: Answers, expected: Expected): Check[] {
  if (!answers.has('python-version')) return [];
  return expected.packages.map((name) =>
    answers.has(`package:${name}`)
      ? passed(`package:${name}`, `Package ${name}`, 'importable')
      : failed(`package:${name}`, `Package ${name}`, 'not importable', ...install(name, expected)),
  );
}

/** What the project's own files import, as far as runpod.json does not ask for it by name. */
function imports(answers: Answers, expected: Expected): Check[] {
  const missing = answers.all('import-missing').map((text) => /^(\S+) (always|sometimes) (.*)$/.exec(text));
  const checks = missing.flatMap((match): Check[] => {
    const [, name = '', kind, place = ''] = match ?? [];
    if (name === '' || expected.packages.includes(name)) return [];
    const complain = kind === 'always' ? failed : warning;
    return [complain(`import:${name}`, `Package ${name}`, `not importable, and ${place} imports it`, ...install(name, expected))];
  });
  const count = answers.number('imports');
  return count > 0 && missing.length === 0
    ? [passed('imports', 'Imports', `all ${count} packages that the project imports are there`)]
    : checks;
}

function install(name: string, { local }: Expected): readonly [advice: string, fix: CheckFix | null] {
  const distribution = distributionOf(name);
  if (distribution === null)
    return ["It looks like a module of the project's own: deploy it, or set PYTHONPATH under environment.variables in runpod.json.", null];
  const command = `python -m pip install ${quote(distribution)}`;
  const all = local.has('requirements.txt') ? ' Or all of requirements.txt: `rpo reinstall requirements`.' : '';
  return [
    `Install it: \`rpo exec "${command}"\`${distribution === name ? " (PyPI's name may differ from the module's)" : ''}.${all}`,
    { kind: 'run', title: `Install ${distribution}`, command, environment: true },
  ];
}

function files(answers: Answers, { files: wanted, local, remoteRoot }: Expected): Check[] {
  return wanted.map((file) => {
    const id = `file:${file}`;
    if (answers.has(id)) return passed(id, file, 'on the pod');
    if (file.endsWith('/'))
      return failed(id, file, 'not on the pod', 'Create the folder.', {
        kind: 'run',
        title: `Create ${file}`,
        command: `mkdir -p -- ${quote(file.startsWith('/') ? file : `${remoteRoot}/${file}`)}`,
        environment: false,
      });
    if (!local.has(file))
      return failed(id, file, 'not on the pod, and not among the files to deploy', `Put it there: \`rpo upload FILE ${file}\`.`);
    return failed(id, file, 'not on the pod', `Deploy it: \`rpo deploy ${file}\`.`, {
      kind: 'deploy',
      title: `Deploy ${file}`,
      files: [file],
    });
  });
}

function encoders(answers: Answers, { encoders: wanted, files: named }: Expected): Check[] {
  return Object.entries(wanted).flatMap(([file, models]) => {
    if (named.includes(file)) return [];
    const [id, title] = [`file:${file}`, `Encoder ${file}`];
    if (answers.has(id)) return [passed(id, title, `on the pod, for ${models.join(', ')}`)];
    return [warning(id, title, `not on the pod; ${models.join(', ')} starts from it`, 'Pre-train first, or upload the encoder.')];
  });
}

function size(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GB` : `${Math.round(bytes / 1024 ** 2)} MB`;
}
