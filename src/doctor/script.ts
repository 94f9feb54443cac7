import { posix } from 'node:path';
import { quote } from '../core/shell.ts';

/** What a pod is asked about. */
export interface Questions {
  readonly remoteRoot: string;
  /** Absolute on the pod. */
  readonly activate: string | null;
  /** Files, and folders with a slash at the end, relative to remoteRoot or absolute. */
  readonly files: readonly string[];
  /** Folders that training writes into, relative to remoteRoot. */
  readonly outputs: readonly string[];
  readonly packages: readonly string[];
  /** Sets up the project's environment. */
  readonly setUp: string;
}

/**
 * Asks a pod everything at once: one `key<TAB>value` line an answer, in one round trip. What is not there is not
 * answered, and nothing is changed. `python` runs with the project's environment, in a subshell, so that a missing
 * activate script spoils only the answers that need it. On stdin it expects the paths of the project's Python files,
 * one a line, below remoteRoot.
 */
export function questionScript({ remoteRoot, activate, files, outputs, packages, setUp }: Questions): string {
  const root = quote(remoteRoot);
  const onPod = (path: string) => quote(posix.resolve(remoteRoot, path));
  const fileLines = files.map((file) => `[ ${file.endsWith('/') ? '-d' : '-e'} ${onPod(file)} ] && say ${quote(`file:${file}`)} yes`);
  const outputLines = outputs.map((folder) => `output ${quote(folder)} ${onPod(folder)}`);
  return `say() { printf '%s\\t%s\\n' "$1" "$2"; }
# The nearest folder upwards that is there, or whatever stands in its place.
nearest() { n=$1; while [ ! -e "$n" ]; do n=$(dirname -- "$n"); done; printf '%s' "$n"; }
output() {
  n=$(nearest "$2")
  [ -d "$n" ] && [ -w "$n" ] && say "output:$1" "$n"
}
# A driver that hangs must not hang us.
smi() { if command -v timeout >/dev/null 2>&1; then timeout 20 nvidia-smi "$@"; else nvidia-smi "$@"; fi; }
say clock "$(date +%s)"
say system "$(uname -sm)"
say user "$(id -un 2>/dev/null)"
[ -d ${root} ] && { say root yes; had_root=yes; }
d=$(nearest ${root})
say nearest "$d"
[ -d "$d" ] && [ -w "$d" ] && say writable yes
say disk "$(df -Pk -- "$d" 2>/dev/null | awk 'NR == 2 { print $2, $4, $6 }')"
[ "$(stat -c %d / 2>/dev/null)" = "$(stat -c %d -- "$d" 2>/dev/null)" ] && say same-disk-as-root yes
[ -e /.dockerenv ] || [ -e /etc/rp_environment ] && say container yes
say shm "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $2 }')"
# cgroup v2, then v1.
say memory-limit "$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null)"
say memory-used "$(cat /sys/fs/cgroup/memory.current 2>/dev/null || cat /sys/fs/cgroup/memory/memory.usage_in_bytes 2>/dev/null)"
say memory-total "$(awk '$1 == "MemTotal:" { print $2 * 1024 }' /proc/meminfo 2>/dev/null)"
for tool in sha256sum tar setsid; do command -v $tool >/dev/null 2>&1 && say "tool:$tool" yes; done
if command -v nvidia-smi >/dev/null 2>&1; then
  say nvidia-smi "$(command -v nvidia-smi)"
  gpus=$(smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>&1) &&
    printf '%s\\n' "$gpus" | while IFS= read -r gpu; do say gpu "$gpu"; done ||
    say nvidia-smi-error "$(printf '%s' "$gpus" | head -n 1)"
  say driver-cuda "$(smi 2>/dev/null | sed -n 's/.*CUDA Version: *\\([0-9][0-9.]*\\).*/\\1/p' | head -n 1)"
fi
${activate === null ? '' : `[ -r ${quote(activate)} ] && say activate yes`}
${[...fileLines, ...outputLines].join('\n')}
(
${setUp}
rpo_python=$(command -v python || command -v python3) || exit 0
say python "$rpo_python"
say cuda-visible "\${CUDA_VISIBLE_DEVICES-}"
"$rpo_python" -c ${quote(pythonQuestions)} ${packages.map(quote).join(' ')}
) 2>/dev/null
# Setting up the environment makes the project's folder.
[ "$had_root" ] || rmdir -- ${root} 2>/dev/null
exit 0
`;
}

/**
 * find_spec tells whether a package is there without running it; only torch is imported, for what it says of CUDA.
 * An import in a function, a `try` or an `if` may be there for a case that never comes.
 */
const pythonQuestions = `
import ast, importlib.util, os, platform, sys
def say(key, value):
    print(key, value, sep="\\t", flush=True)
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
say("python-version", platform.python_version())
if sys.prefix != sys.base_prefix:
    say("venv", sys.prefix)
for folder in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
    say("pythonpath" if os.path.isdir(folder) else "pythonpath-missing", folder)
for name in sys.argv[1:]:
    if there(name):
        say("package:" + name, "yes")
files = [line.rstrip("\\n") for line in sys.stdin]
own = {part[:-3] if part.endswith(".py") else part for file in files for part in file.split("/")}
imported = {}
for file in files:
    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read(2_000_000))
    except Exception:
        continue
    always = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            kind = "always" if id(node) in always else "sometimes"
            if top and top not in own and imported.get(top, ("sometimes",))[0] == "sometimes":
                imported[top] = (kind, "%s:%d" % (file, node.lineno))
say("imports", len(imported))
for name, (kind, place) in sorted(imported.items()):
    if not there(name):
        say("import-missing", "%s %s %s" % (name, kind, place))
if there("torch"):
    try:
        import torch
        say("torch", torch.__version__)
        say("torch-cuda", torch.version.cuda or "none")
        say("cuda-available", "yes" if torch.cuda.is_available() else "no")
    except Exception as error:
        say("torch-error", str(error).splitlines()[0] if str(error) else type(error).__name__)
`;
