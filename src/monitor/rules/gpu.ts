import type { Rule } from '../rule.ts';

/** The GPU, its driver and libraries, the links between GPUs, and crashes of native code. */
export const GPU_RULES: readonly Rule[] = [
  {
    type: 'gpu-lost',
    on: 'exception',
    pattern:
      /(?:GPU|device) (?:is|has fallen off|fell off).{0,20}(?:lost|the bus)|GPU is lost|uncorrectable (?:NVLink|ECC) error|CUDA error: (?:uncorrectable|unspecified launch failure|hardware|the launch timed out|misaligned address ECC)|NVMLError_(?:GpuIsLost|Unknown)|Unable to determine the device handle for GPU|device (?:kernel )?(?:is )?(?:not ready|unavailable).{0,20}lost|cudaErrorECCUncorrectable/i,
    samples: [
      'RuntimeError: CUDA error: uncorrectable ECC error encountered',
      'pynvml.NVMLError_GpuIsLost: GPU is lost',
      'RuntimeError: CUDA error: unspecified launch failure',
    ],
    lookalikes: ['Volatile Uncorr. ECC : 0', 'RuntimeError: CUDA error: device-side assert triggered'],
  },
  {
    type: 'gpu-lost',
    on: 'line',
    pattern:
      /\bNVRM: Xid \(.{1,60}\): \d+|GPU has fallen off the bus|\bGPU is lost\b|Unable to determine the device handle for GPU|\bUncorrectable ECC error\b.{0,40}(?:encountered|detected)|^Failed to initialize NVML: (?:Unknown Error|GPU is lost|Driver)/,
    samples: [
      '[  123.456] NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus.',
      'Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error',
    ],
    lookalikes: ['| Volatile Uncorr. ECC |', 'ECC errors: 0 uncorrectable'],
  },
  {
    type: 'cuda-assert',
    on: 'exception',
    pattern:
      /device-side assert(?!ions)|Assertion `.{1,160}` failed|Target -?\d+ is out of bounds|cudaErrorAssert|\bindexSelectLargeIndex\b|Received a label value of \S+ which is outside the valid range/,
    samples: [
      'RuntimeError: CUDA error: device-side assert triggered',
      'IndexError: Target 10 is out of bounds.',
      'torch.AcceleratorError: CUDA error: device-side assert triggered',
    ],
    lookalikes: ['AssertionError: batch size must be positive', 'Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.'],
  },
  {
    type: 'cuda-assert',
    on: 'line',
    pattern:
      /\.(?:cu|cuh|cpp):\d+: .{0,300}: block: \[\d+,\d+,\d+\], thread: \[\d+,\d+,\d+\],? Assertion|CUDA error: device-side assert triggered/,
    samples: [
      '/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1290: indexSelectLargeIndex: block: [1,0,0], thread: [2,0,0] Assertion `srcIndex < srcSelectDimSize` failed.',
    ],
    lookalikes: ['Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.'],
  },
  {
    type: 'cuda-illegal-access',
    on: 'exception',
    pattern:
      /illegal memory access|misaligned address|CUDA_ERROR_ILLEGAL_ADDRESS|an illegal instruction was encountered|cudaErrorIllegalAddress|invalid (?:device )?program counter|Warp Illegal Address|invalid __global__/,
    samples: ['RuntimeError: CUDA error: an illegal memory access was encountered', 'RuntimeError: CUDA error: misaligned address'],
  },
  {
    type: 'cuda-illegal-access',
    on: 'line',
    pattern: /CUDA(?: Runtime)? [Ee]rror.{0,40}an illegal memory access was encountered|CUDA_ERROR_ILLEGAL_ADDRESS/,
    samples: [
      'CUDA Error: an illegal memory access was encountered',
      'could not synchronize on CUDA context: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered',
    ],
  },
  {
    type: 'nccl-error',
    on: 'exception',
    pattern:
      /\bNCCL\b.{0,60}(?:[Ee]rror|failed|timeout|timed out|abort)|\bnccl\w*Error\b|DistBackendError|\bncclUnhandledCudaError|DistStoreError|DistNetworkError|Watchdog caught collective operation timeout|\[c10d\].{0,80}(?:failed|timed out)|\bGloo\b.{0,80}(?:failed|error|timed? ?out)|gloo\/transport\/.{0,200}(?:Connection closed|Timed out|reset by peer|refused)|Connection closed by peer \[|[Rr]endezvous.{0,60}(?:failed|timeout|timed out|closed)|Rendezvous(?:Timeout|Connection|Closed|State|Graceful\w+)\w*Error|store->get\('?0'?\)|Socket [Tt]imeout|server socket has failed to (?:listen|bind)|client socket has (?:failed|timed out)|process group .{0,60}(?:not (?:been )?initialized|timed out|has been destroyed|watchdog)|Timed out (?:initializing process group|waiting).{0,80}|Backend nccl error|address already in use.{0,40}|monitoredBarrier|torch\.distributed\.DistError|Detected mismatch between collectives|Horovod.{0,80}(?:error|failed|stalled)|HorovodInternalError|MPI_ABORT/,
    samples: [
      'torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1970, unhandled system error',
      'RuntimeError: NCCL communicator was aborted on rank 1.',
      'torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29500, code: -98, message: address already in use',
      'RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:598] Connection closed by peer [10.0.0.2]:12345',
      'ValueError: Default process group has not been initialized, please make sure to call init_process_group.',
    ],
    lookalikes: ['NCCL version 2.18.1+cuda12.1', 'NCCL_DEBUG=INFO', 'RuntimeError: CUDA error: out of memory'],
  },
  {
    type: 'nccl-error',
    on: 'line',
    pattern:
      /Watchdog caught collective operation timeout|NCCL watchdog thread terminated with exception|instance of 'c10::DistBackendError'|\bNCCL WARN (?:Cuda failure|NET\/.{0,60}(?:failed|error|timed out)|Call to (?:connect|connectTo|recv) .{0,60}(?:failed|Connection refused)|Error while creating shared memory)|^\S*NCCL operations have failed or timed out|Some NCCL operations have failed or timed out|NCCL error in: /,
    samples: [
      '[E ProcessGroupNCCL.cpp:523] [Rank 2] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=327, OpType=ALLREDUCE, Timeout(ms)=1800000) ran for 1800373 milliseconds before timing out.',
      "terminate called after throwing an instance of 'c10::DistBackendError'",
      'node1:1234:1300 [0] misc/socket.cc:456 NCCL WARN NET/Socket : Connection refused failed',
    ],
    lookalikes: [
      'node1:1234:1300 [0] NCCL INFO NET/Plugin : No plugin found (libnccl-net.so), using internal implementation',
      'NCCL WARN NCCL_SOCKET_IFNAME set by environment',
    ],
  },
  {
    type: 'cudnn-cublas-error',
    on: 'exception',
    pattern:
      /\bCU(?:DNN|BLAS|SPARSE|SOLVER)_STATUS_(?!SUCCESS)[A-Z_]{4,}|\bCUFFT_(?!SUCCESS)[A-Z_]*(?:ERROR|FAILED)|\b[Cc][Uu][Dd][Nn][Nn] [Ee]rror|cuDNN (?:failed|launch failure|launch error|Frontend error)|Unable to find (?:a valid cuDNN algorithm|an engine to execute this computation)|[Ff]ailed to (?:get convolution algorithm|create cu(?:blas|dnn|solver)\w* handle)|Blas (?:GEMM|xGEMM\w*|SGEMM|GEMV) launch failed|\bcu(?:blas|solver|sparse|fft|rand|DNN|dnn)\b.{0,40}(?:[Ee]rror|failed|failure)|[Ff]ailed to initialize cu(?:dnn|DNN|blas|BLAS)|DNN library (?:is not found|initialization failed)|MIOpen Error|miopenStatus|hipblas\w* error|could not find any usable (?:cudnn )?algorithm/i,
    samples: [
      'RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED',
      'RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`',
      'RuntimeError: Unable to find a valid cuDNN algorithm to run convolution',
      'tensorflow.python.framework.errors_impl.InternalError: Blas GEMM launch failed : a.shape=(32, 512), b.shape=(512, 10)',
      'tensorflow.python.framework.errors_impl.UnknownError: Failed to get convolution algorithm. This is probably because cuDNN failed to initialize',
    ],
    lookalikes: [
      'Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN',
      'RuntimeError: CUBLAS_WORKSPACE_CONFIG is not set',
    ],
  },
  {
    type: 'cudnn-cublas-error',
    on: 'line',
    pattern:
      /Could not create cudnn handle: CUDNN_STATUS_\w+|failed to create cublas handle: CUBLAS_STATUS_\w+|^\s*(?:Error: )?cuDNN [Ee]rror: (?!CUDNN_STATUS_SUCCESS)\w|Loaded runtime CuDNN library: .{1,20} but source was compiled with/,
    samples: ['E tensorflow/stream_executor/cuda/cuda_dnn.cc:329] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR'],
    lookalikes: [
      'E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:9261] Unable to register cuDNN factory: Attempting to register factory',
    ],
  },
  {
    type: 'cuda-unavailable',
    on: 'exception',
    pattern:
      /Torch not compiled with (?:CUDA|MPS|XPU) enabled|not compiled with (?:CUDA|GPU) support|Found no NVIDIA driver|CUDA driver (?:version is insufficient|initialization failed)|NVIDIA driver on your system is too old|No (?:CUDA|HIP|XPU)[ -]?(?:GPUs|capable|devices?)\b.{0,40}|no CUDA-capable device|torch\.cuda\.is_available\(\) (?:is|should be|was|returned|==) ?(?:be )?(?:False|True)|cuda\.is_available\(\) is False|[Ii]nvalid (?:device ordinal|device id|CUDA ['"]?device)|CUDA (?:is )?(?:not available|unavailable|not found|requested but)|CUDA device (?:is )?not (?:available|found)|no kernel image is available|named symbol not found|CUDA unknown error|CUDA error: (?:initialization error|system not yet initialized|forward compatibility|the provided PTX|device kernel image is invalid|system has unsupported display driver|all CUDA-capable devices are busy|CUDA-capable device\(s\) is\/are busy)|busy or unavailable|requested GPUs?: ?\[|You requested GPUs|No supported gpu backend|No GPU\b.{0,30}(?:found|available|detected)|(?:GPU|gpu|CUDA|cuda)s? (?:is|are) not available|requires? (?:a )?(?:CUDA|GPU|NVIDIA GPU)\b.{0,40}(?:but|not|available|to run)|CUDAAccelerator` can not run|can not run on your system since the accelerator is not available|Failed to infer device type|cannot find .{0,20}(?:libcuda|CUDA device)|libcuda\.so\.1: cannot open|compute capability .{0,60}(?:not supported|required|at least)|device_map.{0,20}cuda.{0,40}not available|Bfloat16 is only supported on GPUs with|bf16.{0,60}(?:GPU|Ampere|gpu)|FlashAttention only supports (?:Ampere|Turing)|AcceleratorError: CUDA error: (?:no |invalid)|Expected one of cpu, cuda.{0,200}device type at start of device string|Cannot access accelerator device when none is available|Attempting to deserialize object on (?:a )?CUDA|CUDA_HOME (?:environment variable )?(?:is not set|does not exist)|XLA_FLAGS.{0,60}no GPU|Unable to initialize backend 'cuda'|gpu_id|no visible (?:CUDA|GPU)/,
    samples: [
      'RuntimeError: No CUDA GPUs are available',
      'AssertionError: Torch not compiled with CUDA enabled',
      'RuntimeError: Found no NVIDIA driver on your system.',
      'RuntimeError: CUDA error: invalid device ordinal',
      'RuntimeError: CUDA error: no kernel image is available for execution on the device',
      'RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False.',
      "ValueError: Your setup doesn't support bf16/gpu.",
      'lightning_fabric.utilities.exceptions.MisconfigurationException: You requested gpu: [0, 1] But CUDA is not available',
    ],
    lookalikes: ["ValueError: device must be one of 'cpu', 'cuda'", 'RuntimeError: CUDA error: out of memory'],
  },
  {
    type: 'segfault',
    on: 'line',
    pattern:
      /^\s*Segmentation fault(?: \(core dumped\))?\s*$|^Fatal Python error: (?!Cannot recover|_?PyErr)|: line \d+: +\d+ (?:Segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception)\b|[\]%)s] *Segmentation fault(?: \(core dumped\))?$|^(?:\*\*\* )?(?:Process received signal|SIGSEGV|Caught signal 11|Bus error|Illegal instruction|Aborted|Floating point exception)(?: \(core dumped\)| \*\*\*)?\s*$|^\[.{1,80}\] \*\*\* Process received signal \*\*\*|^\*\*\* (?:stack smashing detected|Error in `|SIG(?:SEGV|ABRT|BUS|FPE|ILL) ).{0,200}|^(?:double free or corruption|corrupted (?:size|double-linked list)|free\(\): invalid|munmap_chunk\(\): invalid|malloc\(\): |realloc\(\): invalid)|exitcode *: -(?:11|6|7|4|8) \(|^Caught signal 11 |segfault at [0-9a-f]+ ip |died with <Signals\.SIG(?:SEGV|ABRT|BUS)/,
    samples: [
      'Segmentation fault (core dumped)',
      'Fatal Python error: Segmentation fault',
      'run.sh: line 3: 4242 Segmentation fault      (core dumped) python train.py',
      'double free or corruption (!prev)',
      'Bus error (core dumped)',
    ],
    lookalikes: ['Aborted by user request, saving checkpoint', 'segmentation fault tolerance: on', 'image segmentation fault rate 0.1'],
  },
  {
    type: 'segfault',
    on: 'exception',
    pattern:
      /DataLoader worker .{0,40}killed by signal: (?:Segmentation|Aborted|Illegal)|died with <Signals\.SIG(?:SEGV|ABRT|BUS)|terminated with signal SIG(?:SEGV|ABRT|BUS)|[Pp]rocess .{0,40}terminated with (?:signal|exit code) (?:SIGSEGV|-11)|\bSegmentation fault\b/,
    samples: [
      'RuntimeError: DataLoader worker (pid 99) is killed by signal: Segmentation fault. ',
      'torch.multiprocessing.spawn.ProcessExitedException: process 0 terminated with signal SIGSEGV',
    ],
  },
];
