import type { Pod } from '../pod/pod.ts';
import { listDeployable } from '../project/files.ts';
import { baseOf } from '../project/globs.ts';
import { onPod, type PodPlaces, type Project, remoteRootOf, resultPatterns, setUpLines } from '../project/project.ts';
import { Answers } from './answers.ts';
import type { VerifyReport } from './check.ts';
import { judge } from './judge.ts';
import { questionScript } from './script.ts';

/** More files than this are not read for their imports. */
const maxSources = 5_000;

/**
 * Looks at everything that training a project on a pod needs; changes nothing. Beside connecting it costs one round trip.
 *
 * @throws UserError what connecting throws; an unfit pod is an answer and not an error
 */
export async function verify(pod: Pod, project: Project, places: PodPlaces, signal?: AbortSignal): Promise<VerifyReport> {
  const startedAt = Date.now();
  const remoteRoot = remoteRootOf(project, places);
  const { checks, environment, train } = project.config;
  const activate = environment.activate === undefined ? null : onPod(environment.activate, remoteRoot, places);
  const encoders = encodersOf(train.models);
  const outputs = outputFolders(project);
  const [deployable] = await Promise.all([listDeployable(project, signal), pod.exec(':', { timeoutMs: 60_000, signal })]);
  const local = new Set(deployable.map(({ path }) => path));

  const askedAt = Date.now();
  let answeredAt = 0;
  // At the same time, on the same connection.
  const sftp = pod.trySftp(signal);
  const { stdout } = await pod.exec(
    questionScript({
      remoteRoot,
      activate,
      files: [...new Set([...checks.files, ...Object.keys(encoders)])],
      outputs,
      packages: checks.packages,
      setUp: setUpLines(project, places),
    }),
    {
      stdin: sourcesOf(local),
      timeoutMs: 120_000,
      signal,
      onStdout: () => (answeredAt ||= Date.now()),
    },
  );
  const list = judge(new Answers(stdout), {
    remoteRoot,
    activate,
    files: checks.files,
    packages: checks.packages,
    encoders,
    outputs,
    local,
    wantsCuda: wantsCuda(train),
    needsGpu: project.configFile !== null && wantsCuda(train),
    withoutSftp: await sftp,
    latencyMs: Math.max(0, answeredAt - askedAt),
    askedAt,
  });
  const ok = list.every(({ status }) => status !== 'failed');
  return { pod: pod.name, remoteRoot, ok, checks: list, milliseconds: Date.now() - startedAt };
}

function encodersOf(models: Project['config']['train']['models']): Readonly<Record<string, readonly string[]>> {
  const encoders: Record<string, string[]> = {};
  for (const [name, { encoder }] of Object.entries(models)) if (encoder !== undefined) (encoders[encoder] ??= []).push(name);
  return encoders;
}

/** Whether something is trained on a GPU unless a person says otherwise. */
function wantsCuda({ device, models }: Project['config']['train']): boolean {
  const devices = Object.values(models).map((model) => model.device ?? device);
  return (devices.length > 0 ? devices : [device]).some((one) => one.startsWith('cuda'));
}

/** The topmost folders that results lie in, each once. */
function outputFolders(project: Project): string[] {
  const tops = resultPatterns(project, {}).map((pattern) => baseOf(pattern).split('/')[0] ?? '');
  return [...new Set(tops.filter((top) => top !== ''))];
}

function sourcesOf(local: ReadonlySet<string>): string {
  const sources = [...local].filter((path) => path.endsWith('.py') && !path.includes('\n')).slice(0, maxSources);
  return sources.map((path) => path + '\n').join('');
}
