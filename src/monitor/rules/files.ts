import { anyOf } from '../rule.ts';
import type { Rule } from '../rule.ts';
import { deployFile, pretrainEncoder } from '../fixes.ts';

/** Modules, files and rights: what is missing or must not be touched. */
export const FILE_RULES: readonly Rule[] = [
  {
    type: 'import-error',
    on: 'exception',
    // The fixes come from the exception's frames: see `importFixes`.
    pattern: anyOf(
      /^(?:[\w.]+\.)?(?:ModuleNotFoundError|ImportError|PackageNotFoundError|DistributionNotFound|LazyImportError|OptionalDependencyNotAvailable|VersionConflict)\b/,
      /\bNo module named '?[\w.]+/,
      /cannot import name '/,
      /undefined symbol: /,
      /(?<!libcuda\.so\.1): cannot open shared object file/,
      /DLL load failed/,
      /version `\w+_[\d.]+' not found/,
      /has no attribute '_ARRAY_API'/,
      /numpy\.dtype size changed/,
      /(?:is|are) not installed\b.{0,80}(?:pip|install)/,
      /requires? the .{1,60} (?:library|package).{0,80}(?:not found|pip install)/,
      /Failed to import transformers\./,
      /compiled using NumPy 1\.x/,
      /\b[Yy]ou need to have [\w-]+ installed\b/,
      /\bCUDA Setup failed despite GPU being available\b/,
    ),
    samples: [
      "ModuleNotFoundError: No module named 'xgboost'",
      "ImportError: cannot import name 'Trainer' from 'moola.models' (/workspace/moola/src/moola/models/__init__.py)",
      'ImportError: libGL.so.1: cannot open shared object file: No such file or directory',
      'OSError: /opt/venv/lib/python3.10/site-packages/torchtext/lib/libtorchtext.so: undefined symbol: _ZN2at4_ops',
      "ValueError: Couldn't instantiate the backend tokenizer from one of: (1) a file. You need to have sentencepiece installed to convert a slow tokenizer to a fast one.",
      'ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject',
    ],
    lookalikes: ["AttributeError: module 'torch' has no attribute 'compile'"],
  },
  {
    type: 'import-error',
    on: 'line',
    pattern:
      /^\S*python[\d.]*(?:\.exe)?: (?:No module named [\w.]+|Error while finding module specification for)|^ModuleNotFoundError: No module named '[\w.]+'/,
    samples: ['/usr/bin/python3: No module named moola', "ModuleNotFoundError: No module named 'torch'"],
    lookalikes: ['No module named x was needed; skipping'],
  },
  {
    type: 'encoder-not-found',
    on: 'exception',
    pattern:
      /(?:No such file or directory|not found|does not exist|[Nn]o file|[Cc]annot find|[Cc]ould not find|missing|Unable to (?:open|load)).{0,160}(?:encoder|pretrained|pre-trained|pre_trained|backbone)\b.{0,80}\.(?:pt|pth|ckpt|bin|safetensors|h5|npz|pkl|onnx)\b|(?:[Ee]ncoder|[Pp]re-?trained (?:encoder|weights?|model|checkpoint)).{0,160}(?:not found|does not exist|is missing|No such file|could not be found|cannot be found)/,
    fixes: (match) => {
      const path = /'([^']+)'|"([^"]+)"|((?:[\w.~-]*\/)+[\w.-]+\.\w+)/.exec(match.input);
      const file = path?.[1] ?? path?.[2] ?? path?.[3];
      return file ? [deployFile(file), pretrainEncoder] : [pretrainEncoder];
    },
    samples: [
      "FileNotFoundError: [Errno 2] No such file or directory: 'artifacts/pretrained/encoder_weights.pt'",
      'FileNotFoundError: Pretrained encoder not found: /workspace/moola/artifacts/pretrained/bilstm_encoder.pt',
      'ValueError: Encoder checkpoint encoder.pt does not exist',
    ],
    lookalikes: [
      "FileNotFoundError: [Errno 2] No such file or directory: 'data/train.csv'",
      "AttributeError: encoder has no attribute 'weight'",
    ],
  },
  {
    type: 'encoder-not-found',
    on: 'line',
    pattern:
      /^(?:\W*(?:ERROR|CRITICAL|Error)\W+.{0,80})?(?:(?:[Pp]re-?trained )?[Ee]ncoder(?: weights?| checkpoint| file)?|[Pp]re-?trained (?:weights?|model|checkpoint)) (?:file )?not found(?: at)?:? \S*[./]\S+/,
    fixes: (match) => {
      const file = /((?:[\w.~-]*\/)+[\w.-]+)/.exec(match.input)?.[1];
      return file ? [deployFile(file), pretrainEncoder] : [pretrainEncoder];
    },
    samples: ['ERROR: pretrained encoder not found: artifacts/pretrained/encoder.pt', 'Encoder not found at artifacts/encoder.pt'],
    lookalikes: ['encoder not found in cache, downloading'],
  },
  {
    type: 'permission-denied',
    on: 'exception',
    pattern: anyOf(
      /^(?:[\w.]+\.)?PermissionError\b/,
      /\[Errno 13\]/,
      /\[Errno 1\] Operation not permitted/,
      /\[Errno 30\]/,
      /Read-only file system/,
      /\bPermission denied\b/,
      /PermissionDeniedError/,
      // Windows: access is denied; links are made by who may
      /\[WinError (?:5|1314)\]/,
    ),
    samples: [
      "PermissionError: [Errno 13] Permission denied: '/data'",
      "OSError: [Errno 30] Read-only file system: '/models'",
      "OSError: [WinError 1314] A required privilege is not held by the client: 'a' -> 'b'",
    ],
  },
  {
    type: 'permission-denied',
    on: 'line',
    pattern:
      /^(?:\/\S*\/)?(?:ba|z|da)?sh(?:: line \d+)?: (?:\d+: )?\S+: Permission denied$|^(?!\/etc\/|\S*(?:pro|epi)log)\S+\.sh: (?:line )?\d+: .{1,200}: Permission denied$|^(?:mkdir|cp|mv|rm|touch|tee|cat|ln|chmod|chown|tar|python3?): .{1,200}: Permission denied$|^slurmstepd: error: execve\(\): \S+: Permission denied$/,
    ending: true,
    samples: ['bash: ./train.sh: Permission denied', "mkdir: cannot create directory '/data': Permission denied"],
    // what a node's own scripts fail at before the job begins
    lookalikes: ['/etc/slurm/prolog.d/accounting.sh: line 7: /run/accounting/0: Permission denied'],
  },
  {
    type: 'file-not-found',
    on: 'exception',
    // HDF5's own missing-file text says "No such file" within an OSError; so do Hugging Face, pandas, TensorFlow and mmcv.
    pattern: anyOf(
      /^(?:[\w.]+\.)?(?:FileNotFoundError|NotADirectoryError|IsADirectoryError|EntryNotFoundError|RepositoryNotFoundError|DatasetNotFoundError)\b/,
      /\[Errno 2\]/,
      /\bNo such file or directory\b/,
      /does not appear to have a file named/,
      /Error no file named/,
      // `['path'] not found in axis` is about a column
      /(?<!\[['"])(?:file|File|directory|Directory|path|Path|folder|Folder|dataset|Dataset|checkpoint|Checkpoint)\b.{1,200}(?:does not exist|doesn't exist|not found|is missing|do not exist|cannot be found|not exist)/,
      // not a reader, a backend or a codec for a file that is there: `Could not find a format to read the specified file`
      /(?:not found|does not exist|[Cc]annot find|[Cc]ould ?n[o']t find|[Nn]o such)(?:[: ])(?:(?! (?:to|for) (?:read|open|load|write|decode|handle|parse|sav)).){0,40}(?:file|directory|path|folder|\/\S+\/|\.\w{2,5}['"]?$)/,
      /\/[\w.-]{1,100}['\"]? (?:does not exist|doesn't exist|not found|is missing)/,
      /is not a (?:valid )?(?:file|directory|path)\b/,
      /[Cc]an(?:no|')t (?:open|load|read|find) (?:file|'|"|the (?:file|model|configuration|tokenizer))/,
      /Couldn't find (?:a )?(?:dataset|file|any data)/,
      /Can't load (?:tokenizer|the configuration|config|weights|feature extractor|image processor|the model) for/,
      /is not a local folder and is not a valid model identifier/,
      /Incorrect path_or_model_id/,
      /Repo id must be in the form/,
      /Unable to (?:open|synchronously open|load) .{0,40}(?:file|model)/,
      /SavedModel file does not exist/,
      /(?:404 Client Error|HTTP Error 404)/,
      // Keras, S3, Google's storage
      /\bURL fetch failure on \S{1,300}: 404\b/,
      /\bAn error occurred \((?:404|NoSuchKey|NoSuchBucket)\)/,
      /^google\.\S{1,60}\.NotFound: 404\b/,
      /^(?:[\w.]+\.)?(?:DataFilesNotFoundError|EmptyDatasetError)\b/,
      /\bFailed to find any matching files for\b/,
      /\b[Nn]o (?:valid )?checkpoint (?:was )?found in\b/,
      /Found no valid file for the classes/,
      /Couldn't find any class folder/,
      /[Nn]o (?:images|files|data) (?:found|files)/,
      /NotFoundError: .{0,120}(?:No such file|not found)/,
      /could not open file/,
      /\bError opening '[^']{1,300}': (?:System error|No such file)/,
      /\b(?:[Ii]mage|[Vv]ideo|[Aa]udio|[Ff]ile|[Ll]abel|[Aa]nnotation)s? [Nn]ot [Ff]ound\b/,
      /\.(?:pt|pth|ckpt|csv|json|yaml|yml|npy|npz|h5|txt|parquet|pkl|safetensors)\b['"]? (?:not found|does not exist)/,
      // Caffe
      /^Check failed: .{0,120}\b(?:Could not (?:load|open|read)|Failed to open(?: leveldb| lmdb)?) (?!\w+ )\S+/,
    ),
    fixes: (match) => {
      const path = /'([^'\n]{1,300})'|"([^"\n]{1,300})"|(\/?(?:[\w.~-]*\/)+[\w.-]+)/.exec(match.input);
      const file = path?.[1] ?? path?.[2] ?? path?.[3];
      return file && /[/.]/.test(file) ? [deployFile(file)] : [];
    },
    samples: [
      "FileNotFoundError: [Errno 2] No such file or directory: 'data/train.csv'",
      'OSError: /models/mine does not appear to have a file named config.json. Checkout',
      "OSError: Can't load tokenizer for 'org/model'. If you were trying to load it",
      "OSError: Unable to open file (unable to open file: name = 'w.h5', errno = 2)",
      "AssertionError: file 'configs/base.yaml' does not exist",
      'botocore.exceptions.ClientError: An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.',
      'tensorflow.python.framework.errors_impl.NotFoundError: Unsuccessful TensorSliceReader constructor: Failed to find any matching files for /w/ckpt-5',
      'ValueError: No valid checkpoint found in output directory (/w/out)',
      'Check failed: cv_img.data Could not load /w/images/7.jpg',
      'Check failed: status.ok() Failed to open leveldb data/train_leveldb',
    ],
    lookalikes: [
      "KeyError: 'file'",
      "ValueError: optimizer 'sgdd' not found",
      "AttributeError: 'Namespace' object has no attribute 'path'",
      `KeyError: "['path'] not found in axis"`,
      "ValueError: Could not find a backend to open `/w/scan.raw` with mode 'r'",
    ],
  },
  {
    type: 'file-not-found',
    on: 'line',
    pattern: anyOf(
      /^\S*python[\d.]*(?:\.exe)?: can't open file .{1,300}\[Errno 2\]/,
      /^(?:\/\S*\/)?(?:ba|z|da)?sh(?:: line \d+)?: (?:\d+: )?(?:cd: )?\S+: No such file or directory$/,
      /^(?:\w+\.sh|run\S*): line \d+: .{1,200}: No such file or directory$/,
      /^slurmstepd: error: execve\(\): \S*\/\S+: No such file or directory$/,
      /^(?:cat|cp|mv|tar|head|ls|source|tail|unzip): .{1,200}: No such file or directory$/,
      /^(?:ERROR|FATAL|CRITICAL|[Ee]rror|[Ff]atal)\b\W{1,3}.{0,80}\b(?:[Ff]ile|[Dd]irectory|[Ff]older|[Pp]ath|[Dd]ataset|[Cc]heckpoint|[Cc]onfig)\b.{0,40}\/\S+ (?:does not exist|doesn't exist|not found|is missing)/,
    ),
    ending: true,
    samples: [
      "python: can't open file '/workspace/trian.py': [Errno 2] No such file or directory",
      'bash: ./train.sh: No such file or directory',
      'slurmstepd: error: execve(): /w/train.sh: No such file or directory',
      'ERROR: dataset directory /data/imagenet does not exist',
    ],
    lookalikes: ['cache file /tmp/a.bin not found, building it', 'Warning: checkpoint /w/last.pt does not exist, starting anew'],
  },
];
