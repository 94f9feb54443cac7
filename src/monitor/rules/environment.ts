import type { Rule } from '../rule.ts';
import { deployFile, pretrainEncoder, RETRAIN } from '../fixes.ts';

/** Files, packages, rights, the network, arguments, and the machine being taken away. */
export const ENVIRONMENT_RULES: readonly Rule[] = [
  {
    type: 'import-error',
    on: 'exception',
    // The fixes come from the exception's frames: see `importFixes`.
    pattern:
      /^(?:[\w.]+\.)?(?:ModuleNotFoundError|ImportError|PackageNotFoundError|DistributionNotFound|LazyImportError|OptionalDependencyNotAvailable|VersionConflict)\b|\bNo module named '?[\w.]+|cannot import name '|undefined symbol: |(?<!libcuda\.so\.1): cannot open shared object file|DLL load failed|version `\w+_[\d.]+' not found|has no attribute '_ARRAY_API'|numpy\.dtype size changed|(?:is|are) not installed\b.{0,80}(?:pip|install)|requires? the .{1,60} (?:library|package).{0,80}(?:not found|pip install)|Failed to import transformers\.|compiled using NumPy 1\.x/,
    samples: [
      "ModuleNotFoundError: No module named 'xgboost'",
      "ImportError: cannot import name 'Trainer' from 'moola.models' (/workspace/moola/src/moola/models/__init__.py)",
      'ImportError: libGL.so.1: cannot open shared object file: No such file or directory',
      'OSError: /opt/venv/lib/python3.10/site-packages/torchtext/lib/libtorchtext.so: undefined symbol: _ZN2at4_ops',
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
    type: 'auth-error',
    on: 'exception',
    pattern:
      /\b(?:401|403) (?:Client Error|Forbidden|Unauthorized)|(?:HTTP Error|status(?: code)?:?) (?:401|403)\b|GatedRepoError|\bgated repo\b|Access to model .{1,120} is restricted|must be authenticated to access|Invalid (?:user token|credentials|username or password|API key)|\bInvalid (?:or expired )?(?:token|api[_ ]key)\b|api_key not configured|(?:user is not logged in|not logged in to)|CommError: .{0,80}(?:permission denied|unauthori[sz]ed|401|403)|wandb.{0,60}(?:API key|login)|UsageError: (?:api_key|API key)|AuthenticationError|Unauthori[sz]ed\b|NoCredentialsError|Unable to locate credentials|DefaultCredentialsError|\bAccessDenied\b|An error occurred \((?:403|AccessDenied|InvalidAccessKeyId|ExpiredToken)|LocalTokenNotFoundError|Token is required|Repository Not Found for url|Permission denied \(publickey|could not read Username for|Authentication (?:failed|required)|kaggle\.json|is not a local folder and is not a valid model identifier.{0,120}private/,
    samples: [
      'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/org/model/resolve/main/config.json',
      'OSError: You are trying to access a gated repo.',
      'wandb.errors.UsageError: api_key not configured (no-tty). call wandb.login(key=[your_api_key])',
      'huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: Root=1-2)',
      'botocore.exceptions.NoCredentialsError: Unable to locate credentials',
    ],
    lookalikes: [
      'requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://example.org',
      'wandb: Currently logged in as: someone',
    ],
  },
  {
    type: 'auth-error',
    on: 'line',
    pattern:
      /^(?:.{0,40}\s)?(?:wandb: ERROR|ERROR:?) .{0,60}(?:api_key not configured|API key must be|permission denied|Unauthorized)|^(?:fatal: )?(?:Authentication failed for|could not read Username for)|Permission denied \(publickey/,
    samples: [
      'wandb: ERROR api_key not configured (no-tty). call wandb login [your_api_key]',
      'git@github.com: Permission denied (publickey).',
    ],
    lookalikes: ['wandb: WARNING Calling wandb.login() after wandb.init() has no effect.'],
  },
  {
    type: 'encoder-not-found',
    on: 'exception',
    pattern:
      /(?:No such file or directory|not found|does not exist|[Nn]o file|[Cc]annot find|[Cc]ould not find|missing|Unable to (?:open|load)).{0,160}(?:encoder|pretrained|pre-trained|pre_trained|backbone)\b.{0,80}\.(?:pt|pth|ckpt|bin|safetensors|h5|npz|pkl|onnx)\b|(?:[Ee]ncoder|[Pp]re-?trained (?:encoder|weights?|model|checkpoint)).{0,160}(?:not found|does not exist|is missing|No such file|could not be found|cannot be found)/,
    fixes: (match) => {
      const path = /'([^']+)'|"([^"]+)"|((?:[\w.~-]*\/)+[\w.-]+\.\w+)/.exec(match.input);
      const file = path?.[1] ?? path?.[2] ?? path?.[3];
      return file ? [deployFile(file), pretrainEncoder, RETRAIN] : [pretrainEncoder, RETRAIN];
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
      return file ? [deployFile(file), pretrainEncoder, RETRAIN] : [pretrainEncoder, RETRAIN];
    },
    samples: ['ERROR: pretrained encoder not found: artifacts/pretrained/encoder.pt', 'Encoder not found at artifacts/encoder.pt'],
    lookalikes: ['encoder not found in cache, downloading'],
  },
  {
    type: 'permission-denied',
    on: 'exception',
    pattern:
      /^(?:[\w.]+\.)?PermissionError\b|\[Errno 13\]|\[Errno 1\] Operation not permitted|\[Errno 30\]|Read-only file system|\bPermission denied\b|PermissionDeniedError/,
    samples: ["PermissionError: [Errno 13] Permission denied: '/data'", "OSError: [Errno 30] Read-only file system: '/models'"],
  },
  {
    type: 'permission-denied',
    on: 'line',
    pattern:
      /^(?:\/\S*\/)?(?:ba|z|da)?sh(?:: line \d+)?: (?:\d+: )?\S+: Permission denied$|^\S+\.sh: (?:line )?\d+: .{1,200}: Permission denied$|^(?:mkdir|cp|mv|rm|touch|tee|cat|ln|chmod|chown|tar|python3?): .{1,200}: Permission denied$/,
    samples: ['bash: ./train.sh: Permission denied', "mkdir: cannot create directory '/data': Permission denied"],
  },
  {
    type: 'file-not-found',
    on: 'exception',
    // HDF5's own missing-file text says "No such file" within an OSError; so do Hugging Face, pandas, TensorFlow and mmcv.
    pattern:
      /^(?:[\w.]+\.)?(?:FileNotFoundError|NotADirectoryError|IsADirectoryError|MissingConfigException|EntryNotFoundError|LocalEntryNotFoundError|RepositoryNotFoundError|DatasetNotFoundError)\b|\[Errno 2\]|\bNo such file or directory\b|does not appear to have a file named|Error no file named|(?:file|File|directory|Directory|path|Path|folder|Folder|dataset|Dataset|checkpoint|Checkpoint)\b.{1,200}(?:does not exist|doesn't exist|not found|is missing|do not exist|cannot be found|not exist)|(?:not found|does not exist|[Cc]annot find|[Cc]ould ?n[o']t find|[Nn]o such)(?:[: ]).{0,40}(?:file|directory|path|folder|\/\S+\/|\.\w{2,5}['"]?$)|is not a (?:valid )?(?:file|directory|path)\b|[Cc]an(?:no|')t (?:open|load|read|find) (?:file|'|"|the (?:file|model|configuration|tokenizer))|Couldn't find (?:a )?(?:dataset|file|any data)|Can't load (?:tokenizer|the configuration|config|weights|feature extractor|image processor|the model) for|is not a local folder and is not a valid model identifier|Incorrect path_or_model_id|Repo id must be in the form|Unable to (?:open|synchronously open|load) .{0,40}(?:file|model)|SavedModel file does not exist|(?:404 Client Error|HTTP Error 404)|Found no valid file for the classes|Couldn't find any class folder|[Nn]o (?:images|files|data) (?:found|files)|NotFoundError: .{0,120}(?:No such file|not found)|could not open file|\.(?:pt|pth|ckpt|csv|json|yaml|yml|npy|npz|h5|txt|parquet|pkl|safetensors)\b['"]? (?:not found|does not exist)/,
    fixes: (match) => {
      const path = /'([^'\n]{1,300})'|"([^"\n]{1,300})"|(\/?(?:[\w.~-]*\/)+[\w.-]+)/.exec(match.input);
      const file = path?.[1] ?? path?.[2] ?? path?.[3];
      return file && /[/.]/.test(file) ? [deployFile(file), RETRAIN] : [RETRAIN];
    },
    samples: [
      "FileNotFoundError: [Errno 2] No such file or directory: 'data/train.csv'",
      'OSError: /models/mine does not appear to have a file named config.json. Checkout',
      "OSError: Can't load tokenizer for 'org/model'. If you were trying to load it",
      "OSError: Unable to open file (unable to open file: name = 'w.h5', errno = 2)",
      "AssertionError: file 'configs/base.yaml' does not exist",
    ],
    lookalikes: [
      "KeyError: 'file'",
      "ValueError: optimizer 'sgdd' not found",
      "AttributeError: 'Namespace' object has no attribute 'path'",
    ],
  },
  {
    type: 'file-not-found',
    on: 'line',
    pattern:
      /^\S*python[\d.]*(?:\.exe)?: can't open file .{1,300}\[Errno 2\]|^(?:\/\S*\/)?(?:ba|z|da)?sh(?:: line \d+)?: (?:\d+: )?(?:cd: )?\S+: No such file or directory$|^(?:\w+\.sh|run\S*): line \d+: .{1,200}: No such file or directory$|^(?:cat|cp|mv|tar|head|ls|source|tail|unzip): .{1,200}: No such file or directory$/,
    severity: 'error',
    samples: [
      "python: can't open file '/workspace/trian.py': [Errno 2] No such file or directory",
      'bash: ./train.sh: No such file or directory',
    ],
  },
  {
    type: 'network-error',
    on: 'exception',
    pattern:
      /Max retries exceeded|^(?:[\w.]+\.)?(?:ConnectionError|ConnectTimeout|ReadTimeout|ConnectTimeoutError|ReadTimeoutError|NewConnectionError|MaxRetryError|ConnectionResetError|ConnectionRefusedError|ConnectionAbortedError|URLError|ProtocolError|IncompleteRead|RemoteDisconnected|SSLError|SSLCertVerificationError|ProxyError|ChunkedEncodingError|gaierror|OfflineModeIsEnabled|ServiceUnavailable|HfHubHTTPError|ConnectError|RemoteProtocolError|ClientConnectorError|ServerDisconnectedError)\b|^(?:socket|http\.client)\.timeout|\[Errno (?:101|104|110|111|113|-2|-3|-5)\]|Network is unreachable|Temporary failure in name resolution|Name or service not known|Connection (?:refused|reset by peer|timed out)|Connection aborted|We couldn't connect to|(?:50[0234]) (?:Server Error|Bad Gateway|Service)|HTTP Error (?:50[0234]|429)|429 (?:Client Error|Too Many Requests)|CERTIFICATE_VERIFY_FAILED|Couldn't reach (?:http|the|')|[Cc]annot reach|outgoing traffic has been disabled|[Rr]ead timed out|[Cc]ouldn't connect|Failed to (?:download|connect)|urlopen error|ETIMEDOUT|ECONNREFUSED/,
    samples: [
      'urllib.error.URLError: <urlopen error [Errno 101] Network is unreachable>',
      "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /org/model",
      "OSError: We couldn't connect to 'https://huggingface.co' to load this file",
      'socket.gaierror: [Errno -3] Temporary failure in name resolution',
      'requests.exceptions.HTTPError: 504 Server Error: Gateway Time-out for url: https://huggingface.co/api',
    ],
    lookalikes: ['wandb: Network error (ConnectionError), entering retry loop.', 'Retrying in 1s [Retry 1/5].'],
  },
  {
    type: 'config-error',
    on: 'exception',
    pattern:
      /^(?:[\w.]+\.)?(?:ConfigAttributeError|ConfigKeyError|ConfigCompositionException|ConfigTypeError|MissingMandatoryValue|InterpolationKeyError|InterpolationResolutionError|InterpolationToMissingValueError|UnsupportedInterpolationType|OverrideParseException|HydraException|UnsupportedValueType|ArgumentError|ArgumentTypeError|UsageError|BadParameter|NoSuchOption|ScannerError|ParserError|ComposerError|ConstructorError|TOMLDecodeError|MissingSectionHeaderError|NoSectionError|NoOptionError|DeepSpeedConfigError|ConfigException|ConfigError|ConfigurationError|InvalidConfig\w*|MissingConfigException|JSONDecodeError|ValidationError|MissingParameter|HfArgumentParserError|AmbiguousOption|UnrecognizedFlagError|IllegalFlagValueError)\b|\bis not in struct\b|Missing mandatory value|Could not override '|Key '.{1,80}' not in '|Interpolation key '|Some keys are not used by the HfArgumentParser|(?:unrecognized|invalid|unknown|unexpected) (?:arguments?|option|config(?:uration)? (?:key|option|value))\b|(?:DeepSpeed|ds_) ?config .{0,80}(?:error|invalid|mismatch|exist)|Please correct the following DeepSpeed config values|train_batch_size is not equal to micro_batch|(?:mutually exclusive|requires `?--\w)|[Nn]on-existent config key|is not in the \w+ registry|while (?:parsing|scanning) a|YAML(?:Error| error)|--\w[\w-]*.{0,80}(?:must be|is required|requires|should be|can(?:no|')t be|not supported|incompatible|is not)|(?:[Cc]onfig|[Cc]onfiguration|YAML|yaml) .{0,60}(?:must (?:have|contain|be|specify)|missing (?:required )?(?:key|field|section)|is invalid)|[Ii]nvalid (?:choice|value for|config\w*)\b|Unknown (?:config|option|argument|optimizer|scheduler|model|dataset) |Cannot use .{1,80} with|unrecognized configuration|option .{1,60} not recogni[sz]ed/,
    samples: [
      "omegaconf.errors.ConfigAttributeError: Key 'lr' is not in struct",
      'omegaconf.errors.MissingMandatoryValue: Missing mandatory value: data.path',
      'yaml.scanner.ScannerError: mapping values are not allowed here',
      "ValueError: Some keys are not used by the HfArgumentParser: ['bf17']",
      'AssertionError: Check batch related parameters. train_batch_size is not equal to micro_batch_per_gpu * gradient_acc_step * world_size 16 != 4 * 1 * 2',
      "KeyError: 'FasterRCNNN is not in the model registry.'",
      'ValueError: --fp16 and --bf16 are mutually exclusive',
    ],
    lookalikes: [
      "KeyError: 'lr'",
      "TypeError: train() got an unexpected keyword argument 'lr'",
      "AttributeError: 'Namespace' object has no attribute 'lr'",
    ],
  },
  {
    type: 'config-error',
    on: 'line',
    // argparse: `train.py: error: …` ; click: `Error: No such option: --x` ; Hydra: `Could not override 'lr'.`
    pattern:
      /^[\w./-]+(?:\.py)?(?: [\w-]+)?: error: (?:unrecognized arguments|argument |the following arguments are required|ambiguous option|invalid |one of the arguments|expected |unknown |too few arguments|.{0,60}--\w)|^Error: (?:No such (?:option|command)|Missing (?:option|argument|parameter)|Invalid value for|Got unexpected extra argument|Option '?-)|^(?:Error: )?Could not override '.{1,80}'|^FATAL Flags parsing error:|^Error merging .{1,80} with schema|^In '.{1,80}': Could not find '|^Primary config (?:module|directory) .{1,200} not found|^Cannot find primary config/,
    samples: [
      'train.py: error: unrecognized arguments: --batchsize 8',
      "train.py: error: argument --model: invalid choice: 'lstmm' (choose from 'logreg', 'rf')",
      'Error: No such option: --epoch',
      "Could not override 'model.lr'.",
      'cli.py oof: error: the following arguments are required: --model',
    ],
    lookalikes: ['mean absolute error: 0.12', 'eval.py: error rate 0.12', 'validation error: invalid 0'],
  },
  {
    type: 'preempted',
    on: 'line',
    pattern:
      /^(?:\S+: )?(?:slurmstepd|srun|salloc|sbatch)(?:-\S+)?: (?:error: )?\*{3} (?:JOB|STEP) \S+ .{0,200}CANCELLED AT|\bCANCELLED AT \S+ DUE TO (?:TIME LIMIT|PREEMPTION|NODE FAILURE)|^=+>> PBS: job killed|\bDUE TO TIME LIMIT\b|\b[Ss]pot (?:instance|interruption|pod).{0,60}(?:interrupt|reclaim|preempt|terminat)|\b(?:instance|node|job|pod|worker|VM|machine) (?:is being |was |has been |will be |got )preempted\b|\bPREEMPTED\b(?!\s*[=:])|^TERM_(?:RUNLIMIT|OWNER|PREEMPT)|\bReceived (?:signal )?SIGTERM\b|[Rr]eceived (?:Signals\.SIGTERM )?(?:15 )?death signal|death signal 15 SIGTERM|got signal: (?:15|1)\b|^Terminated\s*$|: line \d+: +\d+ Terminated\b|Bypassing signal SIGTERM|exceeded (?:the )?(?:walltime|wall-clock|time limit)|\bSIGUSR1\b.{0,60}requeu|^\s*Hangup\s*$/,
    samples: [
      'slurmstepd: error: *** JOB 4242 ON node01 CANCELLED AT 2024-05-01T12:00:00 DUE TO TIME LIMIT ***',
      'slurmstepd-node7: error: *** STEP 12.0 ON node7 CANCELLED AT 2024-05-01T12:00:00 ***',
      '=>> PBS: job killed: walltime 86430 exceeded limit 86400',
      'Terminated',
      'Received SIGTERM: 15',
      'WARNING:torch.distributed.elastic.agent.server.api:Received 15 death signal, shutting down workers',
    ],
    lookalikes: ['Terminated 3 idle workers', 'SIGTERM handler installed', 'preempted: 0', 'Job 12 completed before the time limit'],
  },
  {
    type: 'preempted',
    on: 'exception',
    pattern:
      /^(?:[\w.]+\.)?(?:SignalException|PreemptionError|SIGTERMException|SignalError)\b|got signal: (?:15|1)\b|died with <Signals\.SIGTERM|killed by signal: Terminated|terminated with signal SIGTERM|PreemptedError|ActorDiedError.{0,200}preempt/,
    samples: ['torch.distributed.elastic.multiprocessing.api.SignalException: Process 77 got signal: 15'],
  },
];
