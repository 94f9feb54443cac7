/** Where a project sets a hyper-parameter to a plain number. */
export interface SettingPlace {
  /** Relative POSIX path of the file. */
  readonly path: string;
  /** Of the value; 1-based. */
  readonly line: number;
  /** Of the value; 1-based, in UTF-16 units. */
  readonly column: number;
  /** Of the value's text in the file, UTF-16 units; end is exclusive. */
  readonly start: number;
  readonly end: number;
  /** The setting as the file calls it, e.g. `learning_rate`, `batch-size`. */
  readonly name: string;
  readonly value: number;
  readonly source: SettingSource;
  /** The value as it is written, e.g. `1e-3`. */
  readonly text: string;
  /** What it stands in, outermost first: classes, functions, sections, dict keys, models. */
  readonly context: readonly string[];
}

/** `command` is the command line (or a variable) in runpod.json. */
export type SettingSource = 'python' | 'yaml' | 'json' | 'toml' | 'command';

/** A place as a reader of one language finds it, before it is matched with a name. */
export interface FoundNumber {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly context: readonly string[];
  /** How likely this is what the setting's value comes from: 0 a definition, 1 a default, 2 an argument of some call. */
  readonly distance: 0 | 1 | 2;
}

/** `LogRegConfig`, `batch-size`, `XGB_LR` as lower-case words. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** A decimal number as Python, YAML, TOML, JSON and command lines write it; underscores between digits are taken. */
export const decimalPattern = /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?$/;
