import { posix } from 'node:path';
import { quote } from '../core/shell.ts';

/**
 * Asks a pod everything at once: one `key<TAB>value` line an answer, in one round trip. What is not there is not
 * answered, and nothing is changed. `python` runs with the project's environment set up by `setUp`, in a subshell, so
 * that a missing activate script spoils only the answers that need it.
 */
export function questionScript(about: {
  readonly remoteRoot: string;
  readonly activate: string | null;
  readonly files: readonly string[];
  readonly packages: readonly string[];
  readonly setUp: string;
}): string {
  const root = quote(about.remoteRoot);
  const files = about.files
    .map((file) => `[ -e ${quote(posix.resolve(about.remoteRoot, file))} ] && say ${quote(`file:${file}`)} yes`)
    .join('\n');
  const activate = about.activate === null ? '' : `[ -r ${quote(about.activate)} ] && say activate yes`;
  return `say() { printf '%s\\t%s\\n' "$1" "$2"; }
say clock "$(date +%s)"
say system "$(uname -sm)"
say user "$(id -un 2>/dev/null)"
[ -d ${root} ] && say root yes
d=${root}; while [ ! -d "$d" ]; do d=$(dirname -- "$d"); done
say nearest "$d"
[ -w "$d" ] && say writable yes
say disk "$(df -Pk -- "$d" 2>/dev/null | awk 'NR == 2 { print $2, $4, $6 }')"
[ "$(stat -c %d / 2>/dev/null)" = "$(stat -c %d -- "$d" 2>/dev/null)" ] && say same-disk-as-root yes
[ -e /.dockerenv ] || [ -e /etc/rp_environment ] && say container yes
say shm "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $2 }')"
for tool in sha256sum tar setsid; do command -v $tool >/dev/null 2>&1 && say "tool:$tool" yes; done
if command -v nvidia-smi >/dev/null 2>&1; then
  say nvidia-smi yes
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null | while IFS= read -r gpu; do say gpu "$gpu"; done
fi
${activate}
${files}
(
${about.setUp}
rpo_python=$(command -v python || command -v python3) || exit 0
say python "$rpo_python"
"$rpo_python" -c ${quote(pythonQuestions)} ${about.packages.map(quote).join(' ')}
) 2>/dev/null
exit 0
`;
}

/** find_spec tells whether a package is there without running it; only torch is imported, for what it says of CUDA. */
const pythonQuestions = `
import importlib.util, platform, sys
def say(key, value):
    print(key, value, sep="\\t", flush=True)
say("python-version", platform.python_version())
for name in sys.argv[1:]:
    try:
        found = importlib.util.find_spec(name) is not None
    except Exception:
        found = False
    if found:
        say("package:" + name, "yes")
if importlib.util.find_spec("torch"):
    try:
        import torch
        say("torch", torch.__version__)
        say("torch-cuda", torch.version.cuda or "none")
        say("cuda-available", "yes" if torch.cuda.is_available() else "no")
    except Exception as error:
        say("torch-error", str(error).splitlines()[0] if str(error) else type(error).__name__)
`;
