import assert from 'node:assert/strict';
import { parseGpuStatus } from '../../../src/doctor/gpuStatus.ts';
import { gpu } from '../../../src/operations/gpu.ts';

const words = (output: object) => gpu.render({ pod: 'p', problem: null, running: [], ...output }, { eventsShown: false });

describe('what nvidia-smi says', () => {
  it('is read from its CSV, also where a GPU does not tell', () => {
    const text =
      'gpu 0, NVIDIA A40, 97, 40123, 46068, 71\ngpu 1, NVIDIA H100 80GB HBM3 MIG 1g.10gb, [N/A], 3, 9728, [N/A]\nprocess 40|4242, /usr/bin/python3, 40110 MiB\nprocess |77, [Not Found], [N/A]\n';
    const { gpus, processes, problem } = parseGpuStatus(text);
    assert.deepEqual(gpus[0], { index: 0, name: 'NVIDIA A40', usePercent: 97, memoryUsedMiB: 40123, memoryMiB: 46068, celsius: 71 });
    assert.deepEqual([gpus[1]?.usePercent, gpus[1]?.memoryMiB, gpus[1]?.celsius], [null, 9728, null]);
    assert.deepEqual(processes, [
      { pid: 4242, program: '/usr/bin/python3', memory: '40110 MiB', session: 40 },
      { pid: 77, program: '[Not Found]', memory: '[N/A]', session: null },
    ]);
    assert.equal(problem, null);
    const [own, foreign] = processes.map(({ pid, program, memory, session }) => ({
      pid,
      program,
      memory,
      ours: session !== null,
      run: null,
    }));
    const shown = words({ gpus, processes: [{ ...own, run: 'r1' }, foreign], running: ['r1'] });
    assert.match(shown, /GPU 0 NVIDIA A40: 97 % used, 40123 of 46068 MiB, 71 °C/);
    assert.match(shown, /4242 {2}\/usr\/bin\/python3, 40110 MiB, run r1\n {2}77 .*not of this container\n1 run going on: r1\./);
    assert.match(words({ gpus, processes: [own], running: [] }), /`rpo gpu kill PID` ends one/);
  });

  it('is nothing where there is no GPU', () => {
    const status = parseGpuStatus('missing\n');
    assert.deepEqual(status, { gpus: [], processes: [], problem: 'There is no GPU, or no nvidia-smi to ask it.' });
    assert.match(words(status), /p: There is no GPU/);
  });

  it('is told with its exit code where it fails, and what to do', () => {
    const broken = parseGpuStatus('error 18 Failed to initialize NVML: Driver/library version mismatch\n');
    assert.deepEqual([broken.gpus, broken.processes], [[], []]);
    assert.equal(
      broken.problem,
      'nvidia-smi failed with exit code 18: Failed to initialize NVML: Driver/library version mismatch. The driver of the machine is broken: nothing on the pod mends it. Start another pod.',
    );
    assert.match(
      parseGpuStatus('error 6 No devices were found\n').problem ?? '',
      /exit code 6: No devices were found\. Start the pod again/,
    );
    assert.match(parseGpuStatus('error 124 \n').problem ?? '', /did not answer within 20 s/);
  });
});
