import assert from 'node:assert/strict';
import { gpu, parseGpus } from '../../../src/operations/gpu.ts';

describe('what nvidia-smi says', () => {
  it('is read from its CSV, also where a GPU does not tell', () => {
    const text =
      'gpu 0, NVIDIA A40, 97, 40123, 46068, 71\ngpu 1, NVIDIA H100 80GB HBM3 MIG 1g.10gb, [N/A], 3, 9728, [N/A]\nprocess 4242, python, 40110 MiB\n';
    const { gpus, processes } = parseGpus(text);
    assert.deepEqual(gpus[0], { index: 0, name: 'NVIDIA A40', usePercent: 97, memoryUsedMiB: 40123, memoryMiB: 46068, celsius: 71 });
    assert.deepEqual([gpus[1]?.usePercent, gpus[1]?.memoryMiB, gpus[1]?.celsius], [null, 9728, null]);
    assert.deepEqual(processes, ['4242, python, 40110 MiB']);
    const words = gpu.render({ pod: 'p', gpus, processes, running: ['r1'] }, { eventsShown: false });
    assert.match(words, /GPU 0 NVIDIA A40: 97 % used, 40123 of 46068 MiB, 71 °C/);
    assert.match(words, /1 run going on: r1\./);
  });

  it('is nothing where there is no GPU', () => {
    assert.deepEqual(parseGpus('gpu No devices were found\n'), { gpus: [], processes: [] });
    assert.match(gpu.render({ pod: 'p', gpus: [], processes: [], running: [] }, { eventsShown: false }), /p has no GPU/);
  });
});
