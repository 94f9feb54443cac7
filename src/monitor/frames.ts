import type { Frame } from './finding.ts';

/**
 * Files that are not the project's own: installed packages, the standard library, generated code, scripts in `bin/`.
 * What is left counts as the project's, so a library installed "editable" from a checkout does too - rightly, one can fix it there.
 */
const FOREIGN =
  /[\\/](?:site|dist)-packages[\\/]|[\\/]lib(?:64)?[\\/]python\d|[\\/](?:ana|mini|micro)?conda\d*[\\/](?:envs[\\/][^\\/]+[\\/])?lib[\\/]|[\\/]python\d*[\\/](?:envs[\\/][^\\/]+[\\/])?lib[\\/]|[\\/]Python\.framework[\\/]|\bfrozen\b|^<(?!ipython-input|stdin)|^(?!\/).*\.(?:pyx|pxd|pxi)$|[\\/]s?bin[\\/][^\\/.]+$|__autograph_generated_file|torchinductor_|[\\/]dynamo_|\.egg[\\/]|python\d\d?\.zip[\\/]|^\/?usr\/lib\d*\//i;

/** The monitor's guess at whether a printed path is the project's own code. */
export function looksLikeProjectFile(file: string): boolean {
  return !FOREIGN.test(file);
}

/** The innermost frame of the project's own code, or null. `frames` go outermost first. */
export function innermostProjectFrame(frames: readonly Frame[], isProjectFile: (file: string) => boolean): Frame | null {
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i]!;
    if (isProjectFile(frame.file)) return frame;
  }
  return null;
}
