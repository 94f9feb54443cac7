import { z } from 'zod';
import { statusWord } from '../runs/run.ts';
import { operation } from './operation.ts';
import { bounded, count } from './text.ts';

const gpuSchema = z.object({
  index: z.int(),
  name: z.string(),
  usePercent: z.number().nullable(),
  memoryUsedMiB: z.number().nullable(),
  memoryMiB: z.number().nullable(),
  celsius: z.number().nullable(),
});

type Gpu = z.output<typeof gpuSchema>;

/** Both queries in one trip; a driver that hangs must not hang us. */
const script = `command -v nvidia-smi >/dev/null 2>&1 || exit 0
smi() { if command -v timeout >/dev/null 2>&1; then timeout 20 nvidia-smi "$@"; else nvidia-smi "$@"; fi; }
smi --query-gpu=index,name,utilization.gpu,memory.used,memory.total,temperature.gpu --format=csv,noheader,nounits 2>/dev/null | sed 's/^/gpu /'
smi --query-compute-apps=pid,process_name,used_memory --format=csv,noheader 2>/dev/null | sed 's/^/process /'
exit 0`;

export const gpu = operation({
  name: 'gpu',
  audience: 'people',
  title: 'GPU status',
  description:
    'Tells whether anything is training on the pod: runs that go on, and of each GPU its use, memory, temperature and processes.',
  effect: 'read',
  input: z.object({}),
  output: z.object({
    pod: z.string(),
    gpus: z.array(gpuSchema),
    processes: z.array(z.string()).describe('pid, program, memory; of other containers, as far as the driver shows them.'),
    running: z.array(z.string()).describe('Ids of the runs of this project that are still going.'),
  }),
  async handle(context, _input, { signal }) {
    const orchestrator = await context.orchestrator();
    const [{ stdout }, runs] = await Promise.all([
      orchestrator.pod.exec(script, { timeoutMs: 60_000, signal }),
      orchestrator.runs.list(signal),
    ]);
    return {
      pod: orchestrator.pod.name,
      ...parseGpus(stdout),
      running: runs.filter(({ status }) => statusWord(status) === 'running').map(({ manifest }) => manifest.id),
    };
  },
  render({ pod, gpus, processes, running }) {
    const lines = gpus.map(
      (one) =>
        `GPU ${one.index} ${one.name}: ${shown(one.usePercent)} % used, ${shown(one.memoryUsedMiB)} of ${shown(one.memoryMiB)} MiB, ${shown(one.celsius)} °C`,
    );
    return [
      ...(lines.length > 0 ? bounded(lines, 16, 'GPU') : [`${pod} has no GPU, or no nvidia-smi to ask it.`]),
      ...bounded(
        processes.map((text) => `  ${text.slice(0, 200)}`),
        20,
        'process',
      ),
      running.length > 0
        ? `${count(running.length, 'run')} going on: ${bounded(running, 10, 'run').join(', ')}.`
        : 'No run of this project is going on.',
    ].join('\n');
  },
});

/** Lines of nvidia-smi's CSV; a value that a GPU does not tell ("[N/A]") is null. */
export function parseGpus(text: string): { gpus: Gpu[]; processes: string[] } {
  const lines = text.split('\n');
  const gpus = lines.flatMap((line): Gpu[] => {
    const [index, name, ...values] = line.startsWith('gpu ') ? line.slice(4).split(', ') : [];
    if (!/^\d+$/.test(index ?? '') || name === undefined) return [];
    const [usePercent = null, memoryUsedMiB = null, memoryMiB = null, celsius = null] = values.map((value) =>
      /^[\d.]+$/.test(value.trim()) ? Number(value) : null,
    );
    return [{ index: Number(index), name, usePercent, memoryUsedMiB, memoryMiB, celsius }];
  });
  return { gpus, processes: lines.flatMap((line) => (line.startsWith('process ') ? [line.slice('process '.length)] : [])) };
}

function shown(value: number | null): string {
  return value === null ? '?' : String(value);
}
