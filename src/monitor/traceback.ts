import type { Frame } from './finding.ts';
import { stripPrefix } from './prefix.ts';

/** How an exception hangs together with the one printed before it. */
export type Link =
  /** Nothing to do with it. */
  | 'none'
  /** `During handling…`, `direct cause`: the new one is what stopped the program, the old one is where it began. */
  | 'chained'
  /** The new one is the original that the old one only re-raised (data loader workers, spawn, exception groups). */
  | 'original';

/** One exception as a traceback printed it. */
export interface RaisedException {
  /** As printed, with its modules: `torch.cuda.OutOfMemoryError`. */
  readonly name: string;
  /** First line of the message; may be empty. */
  readonly message: string;
  /** 1-based line of `name: message`. */
  readonly line: number;
  /** Outermost first. */
  readonly frames: readonly Frame[];
  /** The rank, pid or worker that printed it, or ''. */
  readonly who: string;
  readonly link: Link;
  /** False when the output broke off before the exception was named. */
  readonly complete: boolean;
}

/** More lines than this between two parts of a traceback, and it is taken for over. */
const PATIENCE = 40;
/** Frames kept of one traceback: the outermost and the innermost ones count, endless recursion does not. */
const MAX_FRAMES = 200;
/** Longer lines are no frames: a path of a thousand units and a function's name fit well. */
const MAX_FRAME = 2_000;
/** Tracebacks followed at the same time (ranks print interleaved). */
const MAX_OPEN = 64;

const HEADER = 'Traceback (most recent call last)';
// File "/workspace/train.py", line 12, in main      (without `in`: a syntax error)
const FRAME = /^\s*(?:> )?File "([^"]{1,1000})", line (\d+)(?:, in (.{1,300}))?\s*$/;
// rich: │ /workspace/train.py:42 in fit                  │
const RICH = /^\s*[│|] (\S.{0,600}?\.\w{1,4}):(\d+) in (\S{1,200})(?:\s*[│|])?\s*$/;
// … whose box is narrower than the path: │ /venv/lib/python3.8/site-packages/lightning/pytorch/loops/fit_loo │ and then │ p.py:201 in run │,
// or the function alone below │ /home/me/train.py:1024 │
const RICH_HALF = /^\s*[│|] ((?:\/|~\/|[A-Za-z]:\\)[^\s│|]{1,600})\s*[│|]\s*$/;
const RICH_REST = /^\s*[│|] (\S.{0,400}?)(?:\s*[│|])?\s*$/;
// IPython >= 8:  Cell In[24], line 75, in f(x)      File ~/x.py:12, in f(x)
const CELL = /^\s*(Cell In ?\[\d+\]), line (\d+)(?:, in (.{1,300}))?/;
const CELL_FILE = /^\s*File (\S.{0,600}?):(\d+)(?:,? in (.{1,300}))?\s*$/;
// IPython 7 and 8.0: <ipython-input-3-ab> in f(x)      ~/x.py in f(x)      Input In [3], in <cell line: 1>()      the line stands at the arrow
// Colab wraps the place in a link: [<ipython-input-3-ab>](https://localhost:8080/#) in f(x)
const COLAB_LINK = /^\[(<ipython-input-[^>]{1,80}>|[~/][^\]]{1,600})\]\(https?:\/\/localhost:\d+\/#\)(?= in |, in )/;
const CELL_ARROW = /^(<ipython-input-[^>]{1,80}>|Input In \[\d+\]|[~/.]?[\w.:\\/~ -]{1,600}\.\w{1,4})(?: in |, in )(\S.{0,300})$/;
// VS Code: /workspace/a.ipynb Cell 5 line 3
const CELL_VSCODE = /^(\S.{0,600}?\.ipynb Cell \d+) (?:in .{0,200}|line )(\d+)?/;
const ARROW = /^-{1,6}> ?(\d+)/;
const NOTEBOOK_HEADER = /^([A-Za-z_][\w.]*)\s{2,}Traceback \(most recent call last\)\s*$/;
/** … whose name was lost: Python's own header ends with a colon. */
const UNNAMED_HEADER = /^\s{8,}Traceback \(most recent call last\)\s*$/;
/** Ray calls it by its cause as well, `RayTaskError(SyntaxError): …`; mostly the worker's own traceback follows, which says more. */
const NAMED =
  /^((?:[A-Za-z_]\w*\.|<locals>\.)*[A-Za-z_]\w*(?:\([A-Z]\w{2,60}\)(?=: (?!ray::)))?)(?: \(see above for traceback\))?(?::(?: (.*)|$)|\s*$)/;
/** TensorFlow 1 repeats an exception below the place where its operation was made. */
const REPEATED = / \(see above for traceback\): /;
const CHAIN =
  /^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):/;
/**
 * What follows is printed and forgotten by Python itself: a destructor that failed, a log call with wrong arguments, a hook that was to tell of an exception (the exception
 * follows). Or PyTorch shows below an exception where in a compiled module it was.
 */
const IGNORED =
  /^(?:Exception ignored in|Error in sys\.excepthook:|--- Logging error ---|Exception ignored on|The above operation failed in .{0,20}interpreter)/;
/** The second traceback belongs to the first: the worker's own, passed on. */
const ORIGINAL =
  /^(?:Original Traceback|\s*\+ Exception Group Traceback|-- Process \d+ terminated with the following error|\s+\(\d+\) [A-Z][\w ]+: )/;
/** An exception whose message is the original's traceback, as the data loaders of old PyTorch versions re-raise it. */
const WRAPPED = /^[\w.]+(?:Error|Exception): $/;
/** faulthandler: the stack of the thread that crashed, innermost frame first. */
const CRASH = /(?:^|[\]%)s] *)Fatal Python error: /;
const CRASH_STACK = /^(?:Current thread|Thread) 0x[0-9a-f]+.* \(most recent call first\):$/;
const CRASH_FRAME = /^\s*File "([^"]{1,1000})", line (\d+) in (.{1,300})$/;
const GROUP_BAR = /^\s*(?:\+-\+?-{2,} (?:\d+|\.\.\.) -{2,}|\+-{4,}|[|+]) ?/;
/** Exceptions whose class does not look like one. */
const PLAIN_NAMES =
  /(?:^|\.)(?:error|timeout|gaierror|herror|Empty|Full|Abort|Exit|SystemExit|KeyboardInterrupt|StopIteration|StopAsyncIteration|GeneratorExit|[a-z_]+_error)$/;
const ERROR_NAME =
  /(?:Error|Exception|Warning|Interrupt|Exit|Failure|Iteration|Timeout|Fault|Group|NotFound|NotMet|Denied|Invalid|Unavailable)\w{0,8}$/;

export function isErrorName(name: string): boolean {
  return ERROR_NAME.test(name) || PLAIN_NAMES.test(name);
}

function isSecondName(text: string): boolean {
  const named = readNamed(text);
  return named !== null && named.message !== '' && /(?:Error|Exception)$/.test(named.name);
}

export interface Named {
  readonly name: string;
  readonly message: string;
  /** Nothing behind the colon: the message begins on the next line. (Where there is none at all, Python prints no colon.) */
  readonly open: boolean;
}

/** `Name: message` at the start of a line, or null. The name is a class, possibly with modules before it. */
export function readNamed(text: string): Named | null {
  const match = NAMED.exec(text);
  if (!match) return null;
  const message = (match[2] ?? '').trim();
  return { name: match[1]!, message, open: message === '' && text.trimEnd().endsWith(':') };
}

/**
 * What `repr()` makes of an exception with one text, as Hydra and loggers print it: `ValueError('no such column')`; of the system's, a number stands before it:
 * `FileNotFoundError(2, 'No such file or directory')`.
 */
const REPR = /^((?:[A-Za-z_]\w{0,80}\.){0,8}[A-Z]\w{0,80}(?:Error|Exception))\((?:(\d{1,4}), )?(?:'(.{1,1000})'|"(.{1,1000})")\)[.,]?\s*$/;

/** Such an exception, or null. */
export function readRepr(text: string): { readonly name: string; readonly message: string } | null {
  const match = REPR.exec(text);
  if (!match) return null;
  const said = match[3] ?? match[4]!;
  return { name: match[1]!, message: match[2] === undefined ? said : `[Errno ${match[2]}] ${said}` };
}

/** Exceptions whose message is what was looked up, or one sentence of Python's own: never more than a line. */
const ONE_LINE =
  /(?:^|\.)(?:KeyError|IndexError|AttributeError|NameError|UnboundLocalError|ZeroDivisionError|StopIteration|RecursionError)$/;
/** A shell, a launcher, another program or a logger: whoever speaks here, it is not the exception any more. */
const OTHER_SPEAKER =
  /^(?:(?:wandb|srun|slurmstepd|mpirun|make|sbatch)\b.{0,40}: |\[[WEI][ \d]|[WEI]\d{4} |\S+\.(?:py|sh|cpp|cc): ?(?:line )?\d|(?:real|user|sys)\t|usage: |terminate called)/i;

/** `skipping sample 12`, `ignored`: right below an exception, by who caught it. */
const SHRUG = /\b(?:skipp(?:ing|ed)|ignor(?:ing|ed)|continuing|moving on)\b/i;
/** A sentence that only announces what happened: the next lines tell. */
const ANNOUNCES = /\b(?:[Ee]xception|[Ee]rror)s? (?:was |were )?(?:encountered|occurred|raised|thrown)\b/;

interface Open {
  mode: 'frames' | 'notebook' | 'crash' | 'after' | 'chain';
  frames: Frame[];
  /** Lines since the last one that belonged to it. */
  idle: number;
  /** What stood before the header, beyond the prefixes we know: the other lines begin alike, but for the numbers in it. */
  prefix: RegExp | null;
  /** Its message may have more lines than the first: that one says nothing, or ends with a colon. */
  unfinished: boolean;
  oneLine: boolean;
  /** Units of known prefixes before the exception's own line. */
  cut: number;
  /** A notebook names the exception first; so does a crash. */
  expected: string | null;
  link: Link;
  /** The last line was a frame, so this one is its source. */
  wantsCode: boolean;
  /** The last line belonged to the traceback; of a crash: to the thread that crashed. */
  close: boolean;
  ignored: boolean;
  /** Spaces before every line of it: a document shows it indented. */
  indent: number;
  /** The part of a frame that a box has wrapped. */
  half: string;
  group: boolean;
  headed: boolean;
}

/** Reads tracebacks out of lines: one state machine a printing process, since ranks print interleaved. */
export class TracebackReader {
  private readonly open = new Map<string, Open>();
  private previous = '';
  private lastMessage = '';

  constructor(
    private readonly raised: (exception: RaisedException) => void,
    /** A further line of the message of the exception raised last by `who`. */
    private readonly continued: (text: string, who: string) => void,
    /** The program says of what `who` raised last that it goes on without. */
    private readonly shrugged: (who: string) => void,
  ) {}

  /** Whether any traceback is under way, so that every line must be read. */
  get active(): boolean {
    return this.open.size > 0;
  }

  /** A cheap look: can this line begin a traceback? */
  static mayBegin(text: string): boolean {
    return (
      text.includes(HEADER) ||
      text.includes('File "') ||
      ARROW.test(text) ||
      /^\s*(?:Cell In|Input In|File \S.*:\d+)/.test(text) ||
      IGNORED.test(text) ||
      CRASH.test(text)
    );
  }

  /** True when the line is part of a traceback (a header, frame, source line, marker or the exception itself). */
  read(line: string, number: number): boolean {
    const taken = this.step(line, number);
    if (line !== '') this.previous = line;
    return taken;
  }

  /** The output is over: what is still open was cut off. */
  end(number: number): void {
    for (const [who, state] of this.open) {
      if (state.mode === 'crash') this.inCrash(state, '', number, who);
      // Behind other lines it was not cut off: a warning shows where it comes from so (NumPy 2, about modules built for 1).
      else if (state.mode === 'frames' && state.headed && state.close && state.frames.length > 0 && !state.ignored)
        this.raised({ name: '', message: '', line: number, frames: state.frames, who, link: state.link, complete: false });
    }
    this.open.clear();
  }

  private step(line: string, number: number): boolean {
    const header = line.indexOf(HEADER);
    if (header >= 0) return this.begin(line, header);
    const { text: stripped, who, cut } = stripPrefix(line);
    let state = this.open.get(who);
    let text = stripped;
    const own = state?.prefix?.exec(line);
    if (own) text = line.slice(own[0].length);
    const crash = CRASH.exec(text);
    if (crash) {
      this.start(who, 'crash', 'none').expected = text.slice(crash.index + crash[0].length).trim();
      return false;
    }
    if (!state) {
      if (line.trimStart().startsWith('frame #')) return false;
      const frame = readFrame(text) ?? readCell(text);
      if (frame || ARROW.test(text)) {
        // The head was cut off, or it is a syntax error, which has no header.
        state = this.start(who, frame && FRAME.test(text) ? 'frames' : 'notebook', 'none');
        state.headed = false;
        if (frame) push(state, frame);
        return frame !== null;
      }
      return false;
    }
    if (state.group) text = text.replace(GROUP_BAR, '');
    else if (state.indent > 0 && text.startsWith(' ')) text = text.slice(Math.min(state.indent, text.length - text.trimStart().length));
    else if (text.includes('│')) text = unwrapped(state, text);
    state.idle++;
    if (state.idle > PATIENCE) {
      this.open.delete(who);
      return false;
    }
    switch (state.mode) {
      case 'frames':
        return this.inFrames(state, text, number, who, own ? 0 : cut);
      case 'notebook':
        return this.inNotebook(state, text, number, who);
      case 'crash':
        return this.inCrash(state, text, number, who);
      default:
        return this.inAftermath(state, text, own ? state.cut : cut, who);
    }
  }

  private begin(line: string, at: number): boolean {
    const indent = at > 0 ? line.length - line.trimStart().length : 0;
    const notebook = NOTEBOOK_HEADER.exec(indent > 0 ? line.slice(indent) : line);
    if (notebook) {
      const before = this.open.get('');
      const state = this.start('', 'notebook', before?.mode === 'chain' ? before.link : 'none');
      state.expected = notebook[1]!;
      state.indent = indent;
      return true;
    }
    const { text, who, cut } = stripPrefix(line);
    if (UNNAMED_HEADER.test(text)) {
      this.start(who, 'notebook', 'none');
      return true;
    }
    const before = this.open.get(who);
    const original = ORIGINAL.test(text) || ORIGINAL.test(this.previous);
    const group = /Exception Group Traceback/.test(text) || (before?.group === true && /^\s*[|+]/.test(text));
    let link: Link = before?.mode === 'chain' ? before.link : 'none';
    if ((original && !/\+ Exception Group/.test(text)) || (group && before?.group && before.mode !== 'frames')) link = 'original';
    const state = this.start(who, 'frames', link);
    state.group = group;
    state.ignored = IGNORED.test(stripPrefix(this.previous).text);
    // NumPy prints the first frame behind it.
    const first = readFrame(line.slice(at + HEADER.length + 1));
    if (first) push(state, first);
    if (cut < at && !group && !WRAPPED.test(text.slice(0, at - cut)))
      state.prefix = likePrefix(line.slice(0, at).replace(/Original $/, ''));
    return true;
  }

  private start(who: string, mode: Open['mode'], link: Link): Open {
    if (this.open.size >= MAX_OPEN) this.open.clear();
    const state: Open = {
      mode,
      frames: [],
      idle: 0,
      prefix: null,
      unfinished: false,
      oneLine: false,
      cut: 0,
      expected: null,
      link,
      wantsCode: false,
      close: true,
      ignored: false,
      half: '',
      indent: 0,
      group: false,
      headed: true,
    };
    this.open.set(who, state);
    return state;
  }

  private inFrames(state: Open, text: string, number: number, who: string, cut: number): boolean {
    const frame = readFrame(text) ?? readCell(text);
    if (frame) {
      push(state, frame);
      return true;
    }
    if (text === '' || text[0] === ' ' || text[0] === '\t') {
      const inner = text.trim();
      if (state.wantsCode && inner !== '') attachCode(state, inner);
      else if (state.frames.length > 0 && /^[A-Z]\w*(?:Error|Exception): /.test(inner)) {
        // The whole traceback was printed with an indentation.
        this.finish(state, readNamed(inner)!, number, who);
        return true;
      }
      state.wantsCode = false;
      if (text !== '') state.idle = 0;
      return true;
    }
    const named = readNamed(text);
    state.cut = cut;
    if (named && (isErrorName(named.name) || (state.close && state.frames.length > 0 && /^[A-Z]|\.[A-Z]/.test(named.name)))) {
      if (!state.headed && REPEATED.test(text) && named.message === this.lastMessage) this.open.delete(who);
      else this.finish(state, named, number, who);
      return true;
    }
    state.close = false;
    return false;
  }

  private inNotebook(state: Open, text: string, number: number, who: string): boolean {
    const arrow = ARROW.exec(text);
    const frame = readCell(text) ?? readFrame(text);
    if (frame) {
      push(state, frame);
      return true;
    }
    if (arrow) {
      state.idle = 0;
      const last = state.frames.length - 1;
      if (last >= 0 && state.frames[last]!.line === 0) state.frames[last] = { ...state.frames[last]!, line: Number(arrow[1]) };
      return true;
    }
    const named = readNamed(text);
    if (
      named &&
      (state.expected === null ? isErrorName(named.name) : named.name === state.expected || named.name.endsWith(`.${state.expected}`))
    ) {
      state.frames = state.frames.filter((f) => f.line > 0);
      this.finish(state, named, number, who);
      return true;
    }
    if (/^\s+\d+ |^\s*$|^\s+\(\.\.\.\)/.test(text)) state.idle = 0;
    return state.expected !== null;
  }

  private inCrash(state: Open, text: string, number: number, who: string): boolean {
    const match = CRASH_FRAME.exec(text);
    if (match) {
      state.idle = 0;
      if (state.close) state.frames.unshift({ file: match[1]!, line: Number(match[2]), function: match[3]! });
      return true;
    }
    if (state.frames.length > 0) {
      this.finish(state, { name: 'Fatal Python error', message: state.expected ?? '', open: false }, number, who);
      return false;
    }
    // Other threads may come before the one that crashed.
    state.close = CRASH_STACK.test(text) && text.startsWith('Current');
    return CRASH_STACK.test(text);
  }

  /** `cut`: how much of a prefix the line had; where the exception's own had none, a logger's line is another speaker's. */
  private inAftermath(state: Open, text: string, cut: number, who: string): boolean {
    if (CHAIN.test(text)) {
      state.mode = 'chain';
      state.link = 'chained';
      state.idle = 0;
      return true;
    }
    if (text === '') return false;
    if (state.mode === 'chain') {
      // Its header was lost, as lines of several processes writing at once are.
      const frame = readFrame(text);
      if (frame) push(this.start(who, 'frames', 'chained'), frame);
      return frame !== null;
    }
    if (state.idle > 12) {
      this.open.delete(who);
      return false;
    }
    const other = OTHER_SPEAKER.test(text);
    // Not what Python ignores (`Exception ignored in: …` stands below many a crash), nor what others do.
    if (state.idle <= 2 && !state.ignored && !other && !IGNORED.test(text) && SHRUG.test(text)) this.shrugged(who);
    if (other || (cut > 0 && state.cut === 0)) state.unfinished = false;
    // Below a whole sentence only what is set off from the margin still belongs to it.
    // The next line may name a second exception: that is the text of a message with more lines than one.
    else if (state.unfinished || (state.idle === 1 && isSecondName(text)) || (/^(?:\s|- )/.test(text) && state.idle <= 3 && !state.oneLine))
      this.continued(text, who);
    return false;
  }

  private finish(state: Open, named: Named, line: number, who: string): void {
    state.mode = 'after';
    state.idle = 0;
    if (state.ignored) return;
    this.lastMessage = named.message;
    state.oneLine = ONE_LINE.test(named.name);
    state.unfinished = !state.oneLine && (named.open || named.message.endsWith(':') || ANNOUNCES.test(named.message));
    this.raised({ name: named.name, message: named.message, line, frames: state.frames, who, link: state.link, complete: true });
  }
}

/** A frame in a box, whole again when its second line is there. */
function unwrapped(state: Open, text: string): string {
  const { half } = state;
  state.half = '';
  if (text.length > MAX_FRAME) return text;
  const rest = half === '' ? null : RICH_REST.exec(text);
  const whole = rest ? `│ ${half}${rest[1]!.startsWith('in ') ? ' ' : ''}${rest[1]!} │` : text;
  state.half = RICH_HALF.exec(whole)?.[1] ?? '';
  return whole;
}

function readFrame(text: string): Frame | null {
  if (text.length > MAX_FRAME || !text.includes('File "')) return null;
  const match = FRAME.exec(text);
  return match ? { file: match[1]!, line: Number(match[2]), ...(match[3] ? { function: match[3] } : {}) } : null;
}

/** A frame as IPython prints it; `line` is 0 where an arrow below will tell. */
function readCell(text: string): Frame | null {
  if (text.length > MAX_FRAME) return null;
  let match = CELL.exec(text) ?? CELL_FILE.exec(text) ?? RICH.exec(text);
  if (match) return { file: match[1]!, line: Number(match[2]), ...(match[3] ? { function: match[3] } : {}) };
  const link = COLAB_LINK.exec(text);
  if (link) return { file: link[1]!, line: 0, function: text.slice(link[0].length).replace(/^,? in /, '') };
  match = CELL_VSCODE.exec(text);
  if (match) return { file: match[1]!, line: Number(match[2] ?? 0) };
  match = CELL_ARROW.exec(text);
  return match ? { file: match[1]!, line: 0, function: match[2]! } : null;
}

function push(state: Open, frame: Frame): void {
  state.idle = 0;
  state.close = true;
  state.wantsCode = true;
  if (state.frames.length >= MAX_FRAMES) state.frames.splice(MAX_FRAMES / 2, 1);
  state.frames.push(frame);
}

function attachCode(state: Open, code: string): void {
  const last = state.frames.length - 1;
  if (last >= 0 && !/^[~^ ]+$/.test(code)) state.frames[last] = { ...state.frames[last]!, code: code.slice(0, 300) };
}

/** Matches a line that begins with this, whatever its numbers are. */
function likePrefix(prefix: string): RegExp {
  return new RegExp(`^${prefix.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&').replace(/\d+/g, '\\d+')}`);
}
