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

/** The innermost frame of the project's own code, or null. `frames` go outermost first. */
export function innermostProjectFrame(frames: readonly Frame[], isProjectFile: (file: string) => boolean): Frame | null {
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i]!;
    if (isProjectFile(frame.file) && !isEntryScript(frame)) return frame;
  }
  return null;
}
