/**
 * Import name -> distribution on PyPI, where they differ. Everything else is tried under its own name.
 * Names are those of the projects' own install pages.
 */
const DISTRIBUTIONS: Readonly<Record<string, string>> = {
  absl: 'absl-py',
  apex: '', // NVIDIA apex is not on PyPI; the `apex` there is something else
  attr: 'attrs',
  bs4: 'beautifulsoup4',
  cv2: 'opencv-python-headless', // a pod has no display, nor the libGL that opencv-python wants
  Crypto: 'pycryptodome',
  dateutil: 'python-dateutil',
  dotenv: 'python-dotenv',
  fitz: 'PyMuPDF',
  flash_attn: 'flash-attn',
  git: 'GitPython',
  google: 'protobuf',
  hydra: 'hydra-core',
  imblearn: 'imbalanced-learn',
  IPython: 'ipython',
  ldm: '',
  Levenshtein: 'python-Levenshtein',
  lightning_fabric: 'lightning-fabric',
  MinkowskiEngine: '',
  mpl_toolkits: 'matplotlib',
  mpi4py: 'mpi4py',
  mmcv: 'mmcv',
  OpenGL: 'PyOpenGL',
  osgeo: 'GDAL',
  PIL: 'Pillow',
  pkg_resources: 'setuptools',
  pycocotools: 'pycocotools',
  pytorch_lightning: 'pytorch-lightning',
  rouge_score: 'rouge-score',
  ruamel: 'ruamel.yaml',
  segmentation_models_pytorch: 'segmentation-models-pytorch',
  sentence_transformers: 'sentence-transformers',
  serial: 'pyserial',
  skimage: 'scikit-image',
  sklearn: 'scikit-learn',
  speech_recognition: 'SpeechRecognition',
  tensorboard_logger: 'tensorboard-logger',
  tensorboardX: 'tensorboardX',
  torch_geometric: 'torch-geometric',
  torch_scatter: 'torch-scatter',
  torch_sparse: 'torch-sparse',
  typing_extensions: 'typing-extensions',
  umap: 'umap-learn',
  usb: 'pyusb',
  websocket: 'websocket-client',
  wx: 'wxPython',
  xdist: 'pytest-xdist',
  yaml: 'PyYAML',
  zmq: 'pyzmq',
};

/** Never installable: part of Python, or of the kind that only a project itself has. */
const NOT_PACKAGES = new Set([
  '__main__',
  'src',
  'utils',
  'util',
  'models',
  'model',
  'config',
  'configs',
  'data',
  'datasets_local',
  'lib',
  'tools',
  'common',
  'main',
  'train',
  'test',
  'tests',
  'modules',
  'core',
  'helpers',
  'dataset',
  'dataloader',
  'network',
  'networks',
  'layers',
  'losses',
  'trainer',
  '_tkinter',
  '_ctypes',
  '_lzma',
  '_bz2',
  '_sqlite3',
  'distutils',
  'imp',
]);

/** The distribution to install for an import that failed, or null when none is known or the module looks like the project's own. */
export function distributionOf(module: string): string | null {
  const top = module.split('.')[0]!;
  if (top === '' || NOT_PACKAGES.has(top)) return null;
  if (module.startsWith('google.cloud.')) return `google-cloud-${module.split('.')[2]}`;
  if (Object.hasOwn(DISTRIBUTIONS, top)) return DISTRIBUTIONS[top] || null;
  return /^[A-Za-z][\w-]*$/.test(top) ? top : null;
}

/** Packages of the field whose distribution has the module's name; a project calls none of its own folders so. */
const WELL_KNOWN = new Set(
  'torch torchvision torchaudio numpy scipy pandas matplotlib tensorflow keras jax jaxlib flax optax transformers datasets tokenizers accelerate peft trl diffusers evaluate safetensors deepspeed lightning xgboost lightgbm catboost timm wandb ray optuna gymnasium gym stable_baselines3 networkx numba triton'.split(
    ' ',
  ),
);

/** Is this module (or its package) one that everybody installs, and nobody's own? */
export function isWellKnown(module: string): boolean {
  const top = module.split('.')[0]!;
  return WELL_KNOWN.has(top) || (Object.hasOwn(DISTRIBUTIONS, top) && DISTRIBUTIONS[top] !== '');
}
