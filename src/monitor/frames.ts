import type { Frame } from './finding.ts';

/**
 * Files that are not the project's own: installed packages, the standard library, compiled or generated code, the scripts that an environment has in its `bin/`.
 * What is left counts as the project's, so a library installed "editable" from a checkout does too - rightly, one can fix it there.
 */
const FOREIGN =
  /[\\/](?:site|dist)-packages[\\/]|[\\/]lib(?:64)?[\\/]python\d|[\\/](?:ana|mini|micro)?conda\d*[\\/](?:envs[\\/][^\\/]+[\\/])?lib[\\/]|[\\/]python\d*[\\/](?:envs[\\/][^\\/]+[\\/])?lib[\\/]|[\\/]Python\.framework[\\/]|\bfrozen\b|^<(?!ipython-input|stdin)|^(?!\/).*\.(?:pyx|pxd|pxi)$|(?:[\\/]usr(?:[\\/]local)?|[\\/]opt[\\/][^\\/]+|conda\d*|[\\/]envs[\\/][^\\/]+|v?env[^\\/]*|\.local|^)[\\/]s?bin[\\/][^\\/.]+$|\.pyc$|[\\/]transformers_modules[\\/]|__autograph_generated_file|torchinductor_|[\\/]dynamo_|\.egg[\\/]|python\d\d?\.zip[\\/]|^\/?usr\/lib\d*\//i;

/** The monitor's guess at whether a printed path is the project's own code. */
export function looksLikeProjectFile(file: string): boolean {
  return !FOREIGN.test(file);
}

/** The script that pip makes for a package's command, in whatever `bin/`: `sys.exit(main())`. */
function isEntryScript({ file, code }: Frame): boolean {
  return code !== undefined && /[\\/](?:bin|Scripts)[\\/][^\\/.]+$/.test(file) && /^sys\.exit\(|\bload_entry_point\(/.test(code);
}

/**
 * Compiled by Cython, which puts the modules before a function's name (`File "pydantic/main.py", line 341, in pydantic.main.BaseModel.__init__`); Python itself prints
 * none. A package must be among them: a lone module may be one that the project compiles.
 */
function isCompiled({ file, function: name }: Frame): boolean {
  const names = name?.split('.') ?? [];
  if (names.length < 3) return false;
  const path = file.replace(/(?:[\\/]__init__)?\.\w{1,4}$/, '').split(/[\\/]/);
  return names.some((_, size) => size > 1 && size < names.length && path.slice(-size).join('.') === names.slice(0, size).join('.'));
}

/** The innermost frame of the project's own code, or null. `frames` go outermost first. */
export function innermostProjectFrame(frames: readonly Frame[], isProjectFile: (file: string) => boolean): Frame | null {
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i]!;
    if (isProjectFile(frame.file) && !isEntryScript(frame) && !isCompiled(frame)) return frame;
  }
  return null;
}
