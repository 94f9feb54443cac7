import { quote } from '../core/shell.ts';

/** Why a source file cannot work, found without training. */
export interface SourceProblem {
  /** As it was named, or as the traceback prints it. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly message: string;
}

const mark = 'rpo-source-check:';
/** How long importing one module may take: torch and its like need some seconds on a slow disk. */
const importSeconds = 20;

/**
 * Compiles each file, and imports those that are modules of the project (not the script that the command runs, which would
 * begin to train). No GPU is visible, so that a busy one is not disturbed. An import that does not return is a problem at the line where it is; after it, and after threads that
 * an import has left behind, only leaving at once helps.
 */
const script = `
import sys, os, json, io, time, threading, traceback, importlib, contextlib
asked = json.load(sys.stdin)
root = os.path.realpath(os.getcwd())
problems, modules = [], []
words = asked["command"].replace("=", " ").split()
folders = [os.path.dirname(os.path.join(root, w.strip("'\\""))) for w in words if w.strip("'\\"").endswith(".py")] + [root]
for folder in folders:
    if folder not in sys.path:
        sys.path.insert(0, folder)
paths = sorted({os.path.realpath(p or ".") for p in sys.path if isinstance(p, str)}, key=len, reverse=True)
for path in asked["files"]:
    full = os.path.join(root, path)
    try:
        with open(full, "rb") as f:
            compile(f.read(), full, "exec", dont_inherit=True)
    except SyntaxError as e:
        problems.append([path, e.lineno or 1, "%s: %s" % (type(e).__name__, e.msg)])
        continue
    except Exception as e:
        problems.append([path, 1, "%s: %s" % (type(e).__name__, e)])
        continue
    base = os.path.basename(path)
    if base in ("__main__.py", "setup.py", "conftest.py") or any(w.strip("'\\"").endswith(base) for w in words):
        continue
    for home in paths:
        if full.startswith(home.rstrip("/") + "/") and not home.endswith("site-packages"):
            parts = os.path.relpath(full, home)[:-3].split("/")
            if parts[-1] == "__init__":
                parts.pop()
            if parts and all(p.isidentifier() for p in parts):
                modules.append((path, ".".join(parts)))
            break
def answer():
    sys.__stdout__.write("\\n${mark}" + json.dumps({"problems": problems[:20], "imported": [m for _, m in modules]}) + "\\n")
    sys.__stdout__.flush()
    os._exit(0)
def place(stack, file, line):
    for frame in stack:
        real = os.path.realpath(frame.filename)
        if real.startswith(root + "/") and "site-packages" not in real:
            file, line = os.path.relpath(real, root), frame.lineno
    return [file, line]
now = {"path": "", "since": None}
def watch():
    while True:
        time.sleep(0.2)
        if now["since"] is not None and time.monotonic() - now["since"] > asked["importSeconds"]:
            frame = sys._current_frames().get(threading.main_thread().ident)
            problems.append(place(traceback.extract_stack(frame), now["path"], 1) + ["importing it did not return within %d seconds" % asked["importSeconds"]])
            answer()
threading.Thread(target=watch, daemon=True).start()
if not problems:
    for path, name in modules:
        now.update(path=path, since=time.monotonic())
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                importlib.import_module(name)
        except SystemExit:
            pass
        except BaseException as e:
            file, line = path, 1
            if isinstance(e, SyntaxError) and e.filename and os.path.realpath(e.filename).startswith(root + "/"):
                file, line = os.path.relpath(os.path.realpath(e.filename), root), e.lineno or 1
            else:
                file, line = place(traceback.extract_tb(e.__traceback__), path, 1)
            problems.append([file, line, "%s: %s" % (type(e).__name__, e)])
answer()
`;

export interface SourceCheck {
  readonly problems: readonly SourceProblem[];
  /** Modules that were imported. */
  readonly imported: readonly string[];
}

/** The command; its stdin is sourceCheckInput(). */
export const sourceCheckCommand = `CUDA_VISIBLE_DEVICES= PYTHONDONTWRITEBYTECODE=1 "$(command -v python || command -v python3)" -c ${quote(script)}`;

/** @param seconds how long importing one module may take; default 20 */
export function sourceCheckInput(files: readonly string[], command: string, seconds = importSeconds): string {
  return JSON.stringify({ files, command, importSeconds: seconds });
}

/** Null when it did not come to an answer. */
export function parseSourceCheck(stdout: string): SourceCheck | null {
  const line = stdout.split('\n').findLast((text) => text.startsWith(mark));
  if (line === undefined) return null;
  const value = JSON.parse(line.slice(mark.length)) as { problems: [string, number, string][]; imported: string[] };
  return { problems: value.problems.map(([file, number, message]) => ({ file, line: number, message })), imported: value.imported };
}
