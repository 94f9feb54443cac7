import type { Rule } from '../rule.ts';

/** Out of memory, on the GPU and on the host. */
export const MEMORY_RULES: readonly Rule[] = [
  {
    type: 'cuda-oom',
    on: 'exception',
    pattern:
      /^(?:[\w.]+\.)?OutOfMemoryError\b|\b(?:CUDA|HIP|XPU|MPS|MUSA|NPU)\b.{0,12}\bout of memory\b|\bResourceExhaustedError\b(?!.{0,200}(?:No space left|file descriptors))|\bRESOURCE_EXHAUSTED: (?:Out of memory|.{0,80}OOM)|\bOOM when allocating tensor|\bcudaErrorMemoryAllocation\b|\bCUDA_ERROR_OUT_OF_MEMORY\b|Cannot allocate memory on GPU|out of memory.{0,40}\bon GPU\b|No available memory for the cache blocks|Free memory on device .{0,80}is less than desired GPU memory/,
    samples: [
      'torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB (GPU 0; 23.69 GiB total capacity; 20.00 GiB already allocated; 1.00 GiB free)',
      'torch.OutOfMemoryError: HIP out of memory. Tried to allocate 76.00 MiB. GPU 1 has a total capacity of 63.98 GiB of which 0 bytes is free.',
      'RuntimeError: CUDA error: out of memory',
      'RuntimeError: MPS backend out of memory (MPS allocated: 9.00 GB, max allowed: 9.07 GB).',
      'tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor with shape[32,256,56,56] and type float on /job:localhost/replica:0/task:0/device:GPU:0',
      'jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.',
    ],
    lookalikes: ['ValueError: set max_split_size_mb to avoid fragmentation', 'OSError: [Errno 12] Cannot allocate memory'],
  },
  {
    type: 'cuda-oom',
    on: 'line',
    pattern:
      /\b(?:CUDA|HIP) out of memory\. Tried to allocate \d|\bCUDA_ERROR_OUT_OF_MEMORY: out of memory$|^\S*\s*CUDA Error: out of memory(?:: File exists)?(?:: .{0,80})?$|\bmemory allocation .{0,60}\bfailed on device gpu|ran out of memory trying to allocate .{0,60}Current allocation summary follows/,
    samples: [
      'Error: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.65 GiB',
      'CUDA Error: out of memory',
      '2024-01-01 10:00:00.000000: E tensorflow/stream_executor/cuda/cuda_driver.cc:825] failed to allocate 2.00G (2147483648 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory',
    ],
    lookalikes: [
      'If you are running out of memory, reduce the batch size.',
      'CUDA OOMs: 0',
      'cuda malloc retries: 0',
      'UserWarning: CUDA out of memory detected. Train microbatch size will be decreased from 64 -> 32.',
    ],
  },
  {
    type: 'host-oom',
    on: 'exception',
    pattern:
      /^(?:[\w.]+\.)?(?:_?ArrayMemoryError|MemoryError)\b|DefaultCPUAllocator: (?:can't|not enough memory)|\[Errno 12\]|DataLoader worker \(pid\(?s?\)? ?[\d, ]+\) (?:is killed by signal: Killed|exited unexpectedly with exit code (?:-9|137))|died with <Signals\.SIGKILL|\bexitcode: -9\b|\bstd::bad_alloc\b|ray\.exceptions\.OutOfMemoryError/,
    samples: [
      'MemoryError',
      'numpy.core._exceptions._ArrayMemoryError: Unable to allocate 29.8 GiB for an array with shape (4000000000,) and data type float64',
      "RuntimeError: [enforce fail at alloc_cpu.cpp:73] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 68719476736 bytes. Error code 12 (Cannot allocate memory)",
      'RuntimeError: DataLoader worker (pid 4242) is killed by signal: Killed. ',
      'OSError: [Errno 12] Cannot allocate memory',
      "subprocess.CalledProcessError: Command '['python', 'train.py']' died with <Signals.SIGKILL: 9>.",
    ],
    lookalikes: ['torch.cuda.OutOfMemoryError: CUDA out of memory.', 'OSError: [Errno 28] No space left on device'],
  },
  {
    type: 'host-oom',
    on: 'line',
    // `Killed` by itself is all that a shell prints; after a progress bar it stands on the bar's line.
    pattern:
      /^\s*Killed\s*$|[\]%)s] *Killed$|: line \d+: +\d+ Killed\b|^\[\d+\][+-]? +(?:\d+ +)?Killed\b|: \d+ Killed\b|\bDetected \d+ oom[-_]kill event|\boom-kill event\(s\)|\bOUT_OF_MEMORY\b|Out of memory: Kill(?:ed)? process \d|Memory cgroup out of memory|\bOOMKilled\b|^terminate called after throwing an instance of 'std::bad_alloc'|exceeded (?:job )?memory limit.{0,40}(?:killed|terminat)|exitcode *: -9 \(|\(raylet\).{0,80}killed due to (?:the node running low on memory|memory pressure)/,
    samples: [
      'Killed',
      ' 42%|████▏     | 420/1000 [1:02:03<1:20:00,  8.27s/it, loss=0.81, lr=0.01]Killed',
      'run.sh: line 12: 31337 Killed                  python train.py --epochs 10',
      'slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1234.batch. Some of your processes may have been killed by the cgroup out-of-memory handler.',
      '[1]+  Killed                  nohup python train.py',
    ],
    lookalikes: ['Killed 3 stale workers', 'Enemies Killed: 12', 'State: KILLED by user', 'oom_kill_disable 0', 'Killed process count: 0'],
  },
  {
    type: 'dataloader-shm',
    on: 'exception',
    pattern:
      /insufficient shared memory|unable to (?:open|mmap|write|resize|allocate) (?:to file|shared memory|\d+ bytes from file).{0,60}(?:\/torch_|shm|shared)|\/dev\/shm\b.{0,120}(?:No space|full|too small|Bus error)|No space left on device: '\/(?:dev\/shm|psm_|mp-)|DataLoader worker .{0,40}killed by signal: Bus error|\bunable to mmap \d+ bytes from file <\/torch_|received 0 items of ancdata|Too many open files/,
    samples: [
      "RuntimeError: DataLoader worker (pid 1234) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit.",
      'RuntimeError: unable to open shared memory object </torch_1234_5678_9> in read-write mode: Too many open files (24)',
      'OSError: [Errno 24] Too many open files',
      'RuntimeError: received 0 items of ancdata',
    ],
    lookalikes: ["OSError: [Errno 28] No space left on device: 'ckpt.pt'"],
  },
  {
    type: 'dataloader-shm',
    on: 'line',
    pattern:
      /^ERROR: Unexpected bus error encountered in worker|This might be caused by insufficient shared memory|Error while creating shared memory segment .{0,120}size \d/,
    samples: ['ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).'],
  },
  {
    type: 'disk-full',
    on: 'exception',
    pattern:
      /\[Errno 28\]|\bNo space left on device\b|\[Errno 122\]|Disk quota exceeded|PytorchStreamWriter failed writing file|\bENOSPC\b|database or disk is full|Not enough free disk space|\binsufficient disk space|There is not enough space on the disk/i,
    samples: [
      "OSError: [Errno 28] No space left on device: '/workspace/ckpt/step_1000.pt'",
      'RuntimeError: [enforce fail at inline_container.cc:764] . PytorchStreamWriter failed writing file data/12: file write failed',
      'OSError: [Errno 122] Disk quota exceeded',
    ],
  },
  {
    type: 'disk-full',
    on: 'line',
    pattern:
      /^(?:[\w./-]+: )+(?:.{0,200}: )?(?:No space left on device|Disk quota exceeded)$|\bOSError: \[Errno 28\] No space left on device/,
    samples: [
      "cp: error writing '/workspace/a.bin': No space left on device",
      'wandb: ERROR Error while calling W&B API: OSError: [Errno 28] No space left on device',
    ],
    lookalikes: ['Checking for space left on device: 120 GB'],
  },
];
