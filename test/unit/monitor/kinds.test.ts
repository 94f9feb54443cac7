import assert from 'node:assert/strict';
import type { FindingType } from '../../../src/monitor/finding.ts';
import { KINDS } from '../../../src/monitor/kinds.ts';
import { classifyException, classifyLine } from '../../../src/monitor/rules.ts';

/** What frameworks of different makes and ages say, by kind: the rules must know the phrasing, not one library's version of it. */
const EXCEPTIONS: Partial<Record<FindingType, readonly string[]>> = {
  'cuda-oom': [
    'RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity; 5.2 GiB already allocated)',
    'torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.2 GiB. GPU',
    'OutOfMemoryError: CUDA out of memory.',
    'RuntimeError: CUDA error: out of memory',
    'mxnet.base.MXNetError: [10:00:00] src/storage/./pooled_storage_manager.h:151: cudaMalloc failed: out of memory',
    'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    'jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123 bytes.',
    'xgboost.core.XGBoostError: [10:00:00] ../src/c_api/../data/../common/device_helpers.cuh:428: Memory allocation error on worker 0: std::bad_alloc: cudaErrorMemoryAllocation: out of memory',
    'RuntimeError: [enforce fail at CUDACachingAllocator.cpp] CUDA out of memory',
    'paddle.fluid.core_avx.EnforceNotMet: PaddleCheckError: out of memory at [/paddle/device_context.cc:219]',
    'RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB (NPU 0; 29.50 GiB total capacity)',
  ],
  'host-oom': [
    'numpy.core._exceptions.MemoryError: Unable to allocate 12.3 GiB for an array with shape (10, 10) and data type float32',
    'MemoryError: Unable to allocate array with shape (100000, 100000) and data type float64',
    "RuntimeError: [enforce fail at CPUAllocator.cpp:65] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 999 bytes.",
    'RuntimeError: DataLoader worker (pid 31337) is killed by signal: Killed.',
  ],
  'dataloader-shm': [
    "RuntimeError: DataLoader worker (pid 12) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory.",
    'RuntimeError: unable to write to file </torch_1_2>',
    'OSError: [Errno 24] Too many open files',
    "OSError: [Errno 28] No space left on device: '/dev/shm/pym-1-2'",
  ],
  'nan-loss': [
    'ValueError: Loss is nan, stopping training',
    'RuntimeError: NaN loss encountered at step 100',
    'Exception: NaN or Inf found in input tensor.',
    'ValueError: Expected parameter loc (Tensor of shape (64, 2)) of distribution Normal(loc: torch.Size([64, 2])) to satisfy the constraint Real(), but found invalid values:',
    'RuntimeError: Function MulBackward0 returned nan values in its 0th output.',
    'AssertionError: loss is not finite: nan',
    'ValueError: Loss is not finite and patience is over.',
  ],
  'shape-mismatch': [
    'RuntimeError: The size of tensor a (64) must match the size of tensor b (32) at non-singleton dimension 0',
    'RuntimeError: The expanded size of the tensor (1) must match the existing size (2) at non-singleton dimension 1.',
    'RuntimeError: stack expects each tensor to be equal size, but got [3, 224, 224] at entry 0 and [1, 224, 224] at entry 1',
    'RuntimeError: Expected 4-dimensional input for 4-dimensional weight [64, 3, 7, 7], but got 3-dimensional input of size [3, 224, 224] instead',
    'RuntimeError: Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [1, 2]',
    'RuntimeError: input.size(-1) must be equal to input_size. Expected 10, got 20',
    "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
    'ValueError: Using a target size (torch.Size([32])) that is different to the input size (torch.Size([32, 1])) is deprecated.',
    'ValueError: Target size (torch.Size([16])) must be the same as input size (torch.Size([16, 2]))',
    'ValueError: could not broadcast input array from shape (3,4) into shape (4,3)',
    'ValueError: all the input array dimensions except for the concatenation axis must match exactly',
    'ValueError: Input 0 of layer "dense" is incompatible with the layer: expected axis -1 of input shape to have value 784, but received input with shape (None, 32)',
    "ValueError: Dimensions must be equal, but are 10 and 5 for '{{node Equal}}'",
    'ValueError: Length of values (5) does not match length of index (6)',
    'IndexError: too many indices for tensor of dimension 1',
    'IndexError: Dimension out of range (expected to be in range of [-1, 0], but got 1)',
    'ValueError: Expected input batch_size (4) to match target batch_size (8).',
    'ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 64])',
    'ValueError: Expected 2D array, got 1D array instead:',
    'TypeError: dot_general requires contracting dimensions to have the same shape, got (3,) and (4,).',
    'einops.EinopsError:  Error while processing rearrange-reduction pattern "b c h w -> b (c h) w".',
  ],
  'dtype-mismatch': [
    'RuntimeError: expected scalar type Long but found Float',
    'RuntimeError: "nll_loss_forward_reduce_cuda_kernel_2d_index" not implemented for \'Float\'',
    'RuntimeError: Input type (torch.cuda.HalfTensor) and weight type (torch.cuda.FloatTensor) should be the same',
    'RuntimeError: mat1 and mat2 must have the same dtype, but got Half and Float',
    'RuntimeError: Index put requires the source and destination dtypes match, got Half for the destination and Float for the source.',
    "numpy.core._exceptions.UFuncTypeError: Cannot cast ufunc 'subtract' output from dtype('float64') to dtype('int64') with casting rule 'same_kind'",
    "RuntimeError: result type Float can't be cast to the desired output type Long",
    'RuntimeError: expected m1 and m2 to have the same dtype, but got: float != double',
  ],
  'device-mismatch': [
    'RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0! (when checking argument for argument mat1 in method wrapper_addmm)',
    'RuntimeError: Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same or input should be a MKLDNN tensor and weight is a dense tensor',
    "RuntimeError: Expected object of backend CPU but got backend CUDA for argument #4 'mat1'",
    'RuntimeError: module must have its parameters and buffers on device cuda:0 (device_ids[0]) but found one of them on device: cpu',
    "RuntimeError: Expected a 'cuda' device type for generator but found 'cpu'",
    'ValueError: Pointer argument (at 0) cannot be accessed from Triton (cpu tensor?)',
    "TypeError: can't convert CUDA tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
  ],
  'checkpoint-mismatch': [
    'RuntimeError: Error(s) in loading state_dict for DataParallel:',
    'RuntimeError: size mismatch for classifier.weight: copying a param with shape torch.Size([2, 768]) from checkpoint',
    'KeyError: "unexpected key \'module.conv1.weight\' in state_dict"',
    'ValueError: loaded state dict has a different number of parameter groups',
    'tensorflow.python.framework.errors_impl.InvalidArgumentError: Assign requires shapes of both tensors to match. lhs shape= [8,20] rhs shape= [8,81]',
    'RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory',
    'ValueError: Layer count mismatch when loading weights from file. Model expected 3 layers, found 5 saved layers.',
  ],
  'no-grad': [
    'RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn',
    'RuntimeError: One of the differentiated Tensors does not require grad',
    'ValueError: No gradients provided for any variable.',
  ],
  'autograd-misuse': [
    'RuntimeError: Trying to backward through the graph a second time, but the saved intermediate results have already been freed.',
    'RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation',
    "RuntimeError: Can't call numpy() on Variable that requires grad. Use var.detach().numpy() instead.",
    'RuntimeError: Inference tensors cannot be saved for backward. To work around you can make a clone',
    'RuntimeError: Expected to mark a variable ready only once.',
  ],
  'cuda-assert': [
    'RuntimeError: CUDA error: device-side assert triggered',
    'RuntimeError: cuda runtime error (59) : device-side assert triggered at /pytorch/aten/src/THC/generic/THCTensorMath.cu:26',
    'IndexError: Target 5 is out of bounds.',
  ],
  'cuda-illegal-access': [
    'RuntimeError: CUDA error: an illegal memory access was encountered',
    'cupy_backends.cuda.api.driver.CUDADriverError: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered',
    'torch.AcceleratorError: CUDA error: an illegal memory access was encountered',
  ],
  'cuda-unavailable': [
    'RuntimeError: No CUDA GPUs are available',
    'RuntimeError: CUDA error: no CUDA-capable device is detected',
    'RuntimeError: cuda runtime error (38) : no CUDA-capable device is detected at /pytorch/aten/src/THC/THCGeneral.cpp:50',
    'RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment',
    'RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 804: forward compatibility was attempted on non supported HW',
    'RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable',
    'RuntimeError: The NVIDIA driver on your system is too old (found version 10010).',
    'AssertionError: Invalid device id',
    'ValueError: FP16 Mixed precision training with AMP or APEX (`--fp16`) and FP16 half precision evaluation (`--fp16_full_eval`) can only be used on CUDA devices.',
    'pytorch_lightning.utilities.exceptions.MisconfigurationException: GPUAccelerator can not run on your system since the accelerator is not available.',
    'RuntimeError: FlashAttention only supports Ampere GPUs or newer.',
  ],
  'cudnn-cublas-error': [
    'RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED',
    'RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb)`',
    'RuntimeError: cublas runtime error : the GPU program failed to execute at /pytorch/aten/src/THC/THCBlas.cu:450',
    'RuntimeError: cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`',
    'tensorflow.python.framework.errors_impl.InternalError: Attempting to perform BLAS operation using StreamExecutor without BLAS support',
    'RuntimeError: GET was unable to find an engine to execute this computation',
    'tensorflow.python.framework.errors_impl.UnimplementedError: DNN library is not found.',
  ],
  'nccl-error': [
    'RuntimeError: NCCL error in: /pytorch/torch/lib/c10d/ProcessGroupNCCL.cpp:784, unhandled system error, NCCL version 2.7.8',
    'torch.distributed.DistStoreError: Timed out after 1801 seconds waiting for clients. 1/2 clients joined.',
    "RuntimeError: [1] is setting up NCCL communicator and retrieving ncclUniqueId from [0] via c10d key-value store by key '0', but store->get('0') got error: Connection reset by peer",
    'torch.distributed.elastic.rendezvous.api.RendezvousTimeoutError',
    'RuntimeError: Socket Timeout',
    'RuntimeError: ProcessGroupNCCL is only supported with GPUs, no GPUs found! NCCL error',
  ],
  'import-error': [
    "ModuleNotFoundError: No module named 'transformers.models.llama'",
    'ImportError: libcudart.so.11.0: cannot open shared object file: No such file or directory',
    "ImportError: cannot import name 'container_abcs' from 'torch._six'",
    'RuntimeError: Failed to import transformers.models.llama.modeling_llama because of the following error (look up to see its traceback):',
    'ImportError: Using `low_cpu_mem_usage=True` requires Accelerate: `pip install accelerate`',
    "pkg_resources.DistributionNotFound: The 'tokenizers' distribution was not found",
  ],
  'file-not-found': [
    "FileNotFoundError: [Errno 2] No such file or directory: '/data/x.csv'",
    "FileNotFoundError: Couldn't find a dataset script at /w/x/x.py",
    "OSError: Can't load config for 'org/model'. Make sure that:",
    'OSError: Error no file named pytorch_model.bin, model.safetensors found in directory /w/out.',
    "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/w/x'.",
    'AssertionError: dataset /w/data does not exist',
    'AssertionError: Image Not Found data/train/4.png',
    'requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://example.org/x',
    'tensorflow.python.framework.errors_impl.NotFoundError: /w/x.tfrecord; No such file or directory',
    "FileNotFoundError: File b'train.csv' does not exist: b'train.csv'",
    "NotADirectoryError: [Errno 20] Not a directory: '/w/x.txt/y'",
  ],
  'permission-denied': ["PermissionError: [Errno 13] Permission denied: '/root/.cache'", "OSError: [Errno 30] Read-only file system: '/x'"],
  'disk-full': [
    'OSError: [Errno 28] No space left on device',
    'OSError: [Errno 122] Disk quota exceeded',
    'RuntimeError: [enforce fail at inline_container.cc:337] . unexpected pos 123 vs 100',
  ],
  'auth-error': [
    'huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-1)',
    'requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://huggingface.co/x',
    'wandb.errors.errors.AuthenticationError: API key verification failed.',
    "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided'}}",
    'botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the PutObject operation: Access Denied',
  ],
  'network-error': [
    "requests.exceptions.ConnectionError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded",
    "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='x', port=443): Read timed out. (read timeout=10)",
    'urllib.error.HTTPError: HTTP Error 503: Service Unavailable',
    'ConnectionResetError: [Errno 104] Connection reset by peer',
    'ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed',
    'TimeoutError: The read operation timed out',
    'wandb.errors.CommError: Error communicating with the servers',
    'requests.exceptions.RetryError: too many 503 error responses',
    'httpx.PoolTimeout',
    'aiohttp.client_exceptions.ClientPayloadError: Response payload is not completed',
    'botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "https://s3.example.org/b"',
    'openai.APIConnectionError: Connection error.',
    'google.auth.exceptions.TransportError: no route',
    'fsspec.exceptions.FSTimeoutError',
    'pymongo.errors.ServerSelectionTimeoutError: n1:27017: timed out',
    'TimeoutError: timed out',
    'OSError: Consistency check failed: file should be of size 9 but has size 5. This is usually due to network issues while downloading the file.',
    "AbortedError: Error executing an HTTP request: libcurl code 6 meaning 'Couldn't resolve host name'",
    "ConnectionError: Couldn't reach 'glue' on the Hub (ConnectTimeout)",
  ],
  'config-error': [
    "omegaconf.errors.ConfigKeyError: Key 'x' not in 'Config'",
    "hydra.errors.MissingConfigException: Cannot find primary config 'conf'. Check that it's in your config search path.",
    'pydantic_core._pydantic_core.ValidationError: 1 validation error for DeepSpeedConfig',
    'yaml.parser.ParserError: while parsing a block mapping',
    "KeyError: 'Foo is not in the mmdet::model registry. Please check whether the value of `Foo` is correct'",
    "ValueError: Some specified arguments are not used by the HfArgumentParser: ['--x']",
    'ValueError: --load_best_model_at_end requires the save and eval strategy to match',
    "jsonargparse.util.ArgumentError: Parser key 'x': Expected a <class 'int'>",
  ],
  preempted: ['torch.distributed.elastic.multiprocessing.api.SignalException: Process 99 got signal: 15'],
  'gpu-lost': [
    'RuntimeError: CUDA error: uncorrectable ECC error encountered',
    'RuntimeError: CUDA error: uncorrectable NVLink error detected during the execution',
  ],
  segfault: ['RuntimeError: DataLoader worker (pid 77) is killed by signal: Segmentation fault.'],
};

/** Failures without a kind of their own. */
const PLAIN: readonly string[] = [
  "KeyError: 'labels'",
  "TypeError: forward() got an unexpected keyword argument 'labels'",
  "AttributeError: 'NoneType' object has no attribute 'shape'",
  "AttributeError: module 'numpy' has no attribute 'float'.",
  'IndexError: list index out of range',
  'ZeroDivisionError: division by zero',
  "NameError: name 'optimizer' is not defined",
  "UnboundLocalError: local variable 'loss' referenced before assignment",
  'ValueError: not enough values to unpack (expected 2, got 1)',
  "ValueError: invalid literal for int() with base 10: 'x'",
  "ValueError: could not convert string to float: 'abc'",
  'ValueError: num_samples should be a positive integer value, but got num_samples=0',
  'AssertionError',
  'RuntimeError: Numpy is not available',
  'RuntimeError: stack expects a non-empty TensorList',
  'NotImplementedError',
  'json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)',
  'RecursionError: maximum recursion depth exceeded',
  "TypeError: unsupported operand type(s) for +: 'int' and 'NoneType'",
  "UnicodeDecodeError: 'utf-8' codec can't decode byte 0x80 in position 0: invalid start byte",
  "_pickle.UnpicklingError: invalid load key, 'v'.",
  "ValueError: Input contains NaN, infinity or a value too large for dtype('float64').",
  'IndexError: index 10 is out of bounds for axis 0 with size 10',
  'StopIteration',
  "ValueError: Could not find a format to read the specified file in mode 'i'",
  `KeyError: "['path'] not found in axis"`,
  'ServiceStartTimeoutError: Timed out waiting for wandb service to start',
  'RuntimeError: operator torchvision::nms does not exist',
  "PIL.UnidentifiedImageError: cannot identify image file '/w/x.jpg'",
  "torch._dynamo.exc.BackendCompilerFailed: backend='inductor' raised:",
];

/** What glog and TensorFlow's logger say last. */
const FATALS: Readonly<Partial<Record<FindingType, readonly string[]>>> = {
  'file-not-found': [
    'F0102 10:00:00.123456  4242 image_data_layer.cpp:138] Check failed: cv_img.data Could not load /w/images/7.jpg',
    'F0102 10:00:00.123456  4242 io.cpp:36] Check failed: fd != -1 (-1 vs. -1) File not found: net.prototxt',
    'F0102 10:00:00.123456  4242 db_lmdb.hpp:15] Check failed: mdb_status == 0 (2 vs. 0) No such file or directory',
  ],
  'permission-denied': ['F0102 10:00:00.123456  4242 db_lmdb.hpp:15] Check failed: mdb_status == 0 (13 vs. 0) Permission denied'],
  'shape-mismatch': [
    'F0102 10:00:00.123456  4242 data_transformer.cpp:168] Check failed: channels == datum_channels (3 vs. 1)',
    'F0102 10:00:00.123456  4242 concat_layer.cpp:42] Check failed: top_shape[j] == bottom[i]->shape(j) (14 vs. 13) All inputs must have the same shape, except at concat_axis.',
  ],
  'checkpoint-mismatch': [
    'F0102 10:00:00.123456  4242 net.cpp:764] Check failed: target_blobs.size() == source_layer.blobs_size() (2 vs. 1) Incompatible number of blobs for layer conv1',
  ],
  'cuda-oom': ['F0102 10:00:00.123456  4242 syncedmem.cpp:56] Check failed: error == cudaSuccess (2 vs. 0)  out of memory'],
  'cudnn-cublas-error': [
    '2024-01-02 10:00:00.123456: F tensorflow/stream_executor/cuda/cuda_dnn.cc:516] Check failed: cudnnSetTensorNdDescriptor(d) == CUDNN_STATUS_SUCCESS (3 vs. 0)batch_descriptor',
  ],
  'cuda-unavailable': [
    '2024-01-02 10:00:00.123456: F tensorflow/core/kernels/a.cu.cc:12] Non-OK-status: GpuLaunchKernel(f, 1) status: Internal: no kernel image is available for execution on the device',
  ],
};

/** Lines that mention trouble and are none. */
const HARMLESS: readonly string[] = [
  'val_loss improved from inf to 0.51234',
  'WARNING:torch.distributed.elastic.multiprocessing.api:Sending process 4242 closing signal SIGTERM',
  'number of nan iterations: 0',
  'CUDA OOMs: 0, cuda malloc retries: 0',
  'E0000 00:00:1 cuda_dnn.cc:8310] Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has already been registered',
  'E0000 00:00:1 cuda_blas.cc:1418] Unable to register cuBLAS factory: Attempting to register factory for plugin cuBLAS',
  'W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT',
  "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory",
  'E tensorflow/stream_executor/cuda/cuda_driver.cc:271] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
  'I tensorflow/core/common_runtime/executor.cc:1197] [/device:CPU:0] (DEBUG INFO) Executor start aborting (this does not indicate an error and you can ignore this message): INVALID_ARGUMENT',
  'If you are running out of memory, try a smaller batch size',
  'wandb: Network error (ConnectionError), entering retry loop.',
  'wandb: WARNING Fatal error while uploading data. Some run data will not be synced',
  'Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 16384.0',
  '[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 65536, reducing to 32768',
  '|  0   N/A  N/A      1234      C   python                          1012MiB |',
  '| 30%   45C    P8    21W / 350W |   1012MiB / 24268MiB |      3%      Default |  Volatile Uncorr. ECC',
  'UserWarning: Detected call of `lr_scheduler.step()` before `optimizer.step()`.',
  'FutureWarning: `torch.cuda.amp.GradScaler(args...)` is deprecated.',
  'Some weights of BertForSequenceClassification were not initialized from the model checkpoint',
  'The model and loaded state dict do not match exactly',
  'size mismatch for head.weight: skipped',
  'mean absolute error: 0.12',
  'Killed 2 zombie processes',
  'error_rate: 0.12',
  'NCCL version 2.18.3+cuda12.1',
  'node1:77:77 [0] NCCL INFO Bootstrap : Using eth0:10.0.0.2<0>',
  'Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after connection broken by',
  'EarlyStopping counter: 3 out of 10',
  'No such comet API key; continuing without',
  'Warning: WARNING: destroy_process_group() was not called before program exit, which can leak resources.',
  '[launch.py:319:sigkill_handler] Killing subprocess 4242',
  'srun: Job step aborted: Waiting up to 32 seconds for job step to finish.',
  'file_system_monitor.cc:111: /tmp/ray/session is over 95% full, available space: 100; capacity: 1000.',
  'cuda_driver.cc:152] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)',
  'WARNING: The NVIDIA Driver was not detected.  GPU functionality will not be available.',
  'HTTP Error 504: Gateway Timeout thrown while requesting GET https://example.org/x Retrying in 1s [Retry 1/5].',
  'slurmstepd: error: Unable to unlink domain socket: No such file or directory',
  'W0102 10:00:00.123456  4242 io.cpp:80] Could not load /w/images/7.jpg, skipped',
  'E0102 10:00:00.123456  4242 io.cpp:80] Check failed earlier: File not found: a.txt',
];

describe('kinds of failure', () => {
  for (const [type, texts] of Object.entries(EXCEPTIONS))
    for (const text of texts) it(`${type}: ${text.slice(0, 100)}`, () => assert.equal(classifyException(text)?.rule.type, type));

  for (const text of PLAIN)
    it(`python-exception: ${text}`, () => assert.equal(classifyException(text)?.rule.type ?? 'python-exception', 'python-exception'));

  for (const text of HARMLESS) it(`nothing: ${text.slice(0, 100)}`, () => assert.equal(classifyLine(text)?.rule.type, undefined));

  for (const [type, lines] of Object.entries(FATALS))
    for (const line of lines ?? [])
      it(`${type}, the program aborts: ${line.slice(0, 100)}`, () => assert.equal(classifyLine(line)?.rule.type, type));

  it('has a suggestion for every kind, in one or two sentences', () => {
    for (const [type, kind] of Object.entries(KINDS)) {
      assert.match(kind.suggestion, /[.)]$/, type);
      assert.ok(kind.suggestion.length < 300, type);
    }
  });
});
