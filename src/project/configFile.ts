import { basename } from 'node:path';
import { findNodeAtLocation, getNodeValue, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import type { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { expectation, schemaAt, shorten } from './expectation.ts';
import { type JsonSchema, jsonSchemaOf } from './jsonSchema.ts';
import { nestsTooDeep } from './nesting.ts';
import { didYouMean } from './suggest.ts';

/** One bad value in a file that a person wrote. */
export interface ConfigProblem {
  /** The file, as it was named to the reader (absolute). */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units as editors count. */
  readonly column: number;
  /** Where in the JSON, e.g. `train.models.rf.seed` or `stages[1].name`; '' for the whole file. */
  readonly path: string;
  /** What is wrong and what was expected. */
  readonly message: string;
}

/** A place in the JSON and what is wrong there; `onKey` points at the name instead of its value. */
export interface PlacedMessage {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly onKey?: boolean;
}

/** More than this is no settings file; parsing it would only freeze the editor. */
const maxChars = 1_000_000;

/**
 * Reads commented JSON (trailing commas allowed) against a schema, with its defaults filled in.
 *
 * @param check What the schema cannot say (references between values); asked only when the schema is content.
 * @throws UserError 'bad-config' that lists every bad value as `name:LINE:COLUMN: path: message`;
 *   `details.problems` holds the same as {@link ConfigProblem}s.
 */
export function readConfig<S extends z.ZodType>(
  text: string,
  file: string,
  schema: S,
  check: (config: z.output<S>) => readonly PlacedMessage[] = () => [],
): z.output<S> {
  const source = text.startsWith('\uFEFF') ? ' ' + text.slice(1) : text;
  const lines = new LineIndex(source);
  const wrong = (found: readonly { readonly offset: number; readonly path: string; readonly message: string }[]): UserError => {
    const problems = found
      .map(({ offset, path, message }): ConfigProblem => ({ file, ...lines.at(offset), path, message }))
      .sort((a, b) => a.line - b.line || a.column - b.column);
    return badConfig(file, problems);
  };

  if (source.length > maxChars)
    throw wrong([{ offset: 0, path: '', message: `the file has ${source.length} characters; expected at most ${maxChars}` }]);
  if (source.trim() === '') throw wrong([{ offset: 0, path: '', message: 'the file is empty; write {} to use the defaults' }]);
  const errors: ParseError[] = [];
  if (nestsTooDeep(source)) throw wrong([{ offset: 0, path: '', message: 'the file is nested too deep' }]);
  const root = parseTree(source, errors, { allowTrailingComma: true });
  if (errors.length > 0 || !root) {
    throw wrong(
      errors.map(({ error, offset, length }) => ({
        offset,
        path: '',
        message: syntaxMessage(printParseErrorCode(error), source.slice(offset, offset + length)),
      })),
    );
  }

  const place = ({ path, message, onKey }: PlacedMessage) => ({
    offset: offsetOf(root, path, onKey ?? false),
    path: pathText(path),
    message,
  });
  const keyProblems = badKeys(root);
  if (keyProblems.length > 0) throw wrong(keyProblems);
  const result = schema.safeParse(getNodeValue(root));
  if (!result.success) {
    const jsonSchema = jsonSchemaOf(schema);
    throw wrong(result.error.issues.flatMap((issue) => explain(issue, root, jsonSchema, [])).map(place));
  }
  const more = check(result.data);
  if (more.length > 0) throw wrong(more.map(place));
  return result.data;
}

/** Line and column of an offset in a text; built once for many questions. */
export class LineIndex {
  private readonly starts: number[] = [0];

  constructor(text: string) {
    for (const match of text.matchAll(/\r\n|\r|\n/g)) this.starts.push(match.index + match[0].length);
  }

  /** Both 1-based. */
  at(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.starts[low] ?? 0) + 1 };
  }
}

function badConfig(file: string, problems: readonly ConfigProblem[]): UserError {
  const name = basename(file);
  const list = problems.map(
    ({ line, column, path, message }) => `  ${name}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
  );
  const what = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new UserError('bad-config', `${file} has ${what}; correct it and try again:\n${list.join('\n')}`, { details: { file, problems } });
}

const syntaxMessages: Readonly<Record<string, string>> = {
  InvalidSymbol: 'is not JSON',
  InvalidNumberFormat: 'is not a number',
  PropertyNameExpected: 'expected a name in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected ":" after the name',
  CommaExpected: 'expected "," between two entries',
  CloseBraceExpected: 'expected "}"',
  CloseBracketExpected: 'expected "]"',
  EndOfFileExpected: 'expected nothing more after the end',
  InvalidCommentToken: 'a comment is not closed',
  UnexpectedEndOfComment: 'a comment is not closed',
  UnexpectedEndOfString: 'a string is not closed',
  UnexpectedEndOfNumber: 'a number is not finished',
  InvalidUnicode: 'is not a \\u escape',
  InvalidEscapeCharacter: 'is not an escape that JSON knows; a backslash is written \\\\',
  InvalidCharacter: 'holds a control character',
};

function syntaxMessage(code: string, near: string): string {
  const shown = near.trim() === '' ? '' : `${shorten(near)}: `;
  return `syntax: ${shown}${syntaxMessages[code] ?? code}`;
}

/** Keys given twice (JSON lets the last one win, silently) and `__proto__`, which is no name for anything. */
function badKeys(node: Node, path: readonly (string | number)[] = []): { offset: number; path: string; message: string }[] {
  if (node.type === 'array') return (node.children ?? []).flatMap((child, index) => badKeys(child, [...path, index]));
  if (node.type !== 'object') return [];
  const seen = new Set<string>();
  return (node.children ?? []).flatMap((property) => {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) return [];
    const name = String(key.value);
    const here = [...path, name];
    const problems = badKeys(value, here);
    if (seen.has(name)) problems.push({ offset: key.offset, path: pathText(here), message: 'is given twice; keep one of the two' });
    if (name === '__proto__') problems.push({ offset: key.offset, path: pathText(here), message: 'cannot be used as a name' });
    seen.add(name);
    return problems;
  });
}

/** One issue of zod's as sentences; a union's issue becomes those of the branch that was most likely meant. */
function explain(issue: z.core.$ZodIssue, root: Node, schema: JsonSchema, base: readonly PropertyKey[]): PlacedMessage[] {
  const path = [...base, ...issue.path] as (string | number)[];
  const expected = schemaAt(schema, path);
  const node = findNodeAtLocation(root, path);
  const got = node === undefined ? '' : `, got ${shorten(JSON.stringify(getNodeValue(node)))}`;
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = expected.flatMap((option) => Object.keys(option.properties ?? {})).filter((key) => key !== '$schema');
      return issue.keys.map((key) => ({
        path: [...path, key],
        onKey: true,
        message: `unknown key. ${didYouMean(key, [...new Set(known)], 'keys here')}`,
      }));
    }
    case 'invalid_key':
      return [
        {
          path,
          onKey: true,
          message: `expected ${issue.path.at(-1) === '' ? 'a name that is not empty' : (issue.issues[0]?.message ?? 'another name')}`,
        },
      ];
    case 'invalid_union': {
      const branch = likelyBranch(issue.errors, node);
      if (branch !== undefined) return branch.flatMap((inner) => explain(inner, root, schema, path));
      const strange = issue.errors[0]?.filter((inner) => inner.code === 'unrecognized_keys') ?? [];
      return [
        { path, message: `expected ${expectation(expected)}${got}` },
        ...strange.flatMap((inner) => explain(inner, root, schema, path)),
      ];
    }
    case 'custom':
      return [{ path, message: issue.message }];
    case 'invalid_format':
      return [{ path, message: `expected ${issue.message}${got}` }];
    default: {
      const what = expectation(expected);
      return [{ path, message: node === undefined ? `is missing; expected ${what}` : `expected ${what}${got}` }];
    }
  }
}

/** The branch whose required keys are all there; among several the one with the fewest complaints. Undefined: none. */
function likelyBranch(branches: readonly (readonly z.core.$ZodIssue[])[], node: Node | undefined): readonly z.core.$ZodIssue[] | undefined {
  return branches
    .filter(
      (issues) =>
        !issues.some(
          (issue) =>
            issue.code === 'invalid_type' &&
            (issue.path.length === 0 ||
              (node !== undefined && findNodeAtLocation(node, [...issue.path] as (string | number)[]) === undefined)),
        ),
    )
    .sort((a, b) => a.length - b.length)[0];
}

/** Where to point: the value, its name, or - when it is missing - the nearest thing around it. */
function offsetOf(root: Node, path: readonly (string | number)[], onKey: boolean): number {
  for (let length = path.length; length >= 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node === undefined) continue;
    const key = onKey && length === path.length && node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
    return (key ?? node).offset;
  }
  return root.offset;
}

/** `stages[1].name`, `train.models["a b"].seed`. */
export function pathText(path: readonly (string | number)[]): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w$-]+$/.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}
