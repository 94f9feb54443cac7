import { parseTree, type Node, type ParseError } from 'jsonc-parser';
import { type AST, parseTOML } from 'toml-eslint-parser';
import { isMap, isPair, isScalar, isSeq, parseAllDocuments, type ParsedNode } from 'yaml';
import { nestsTooDeep } from './nesting.ts';
import type { FoundNumber } from './settingPlace.ts';

/** Configuration is smaller; the library takes quadratic time over some mistakes. */
const maxYamlChars = 200_000;

/** The numbers of a YAML file (several documents, too). A file with mistakes, such as a template, has none. */
export function yamlNumbers(text: string): FoundNumber[] {
  if (text.length > maxYamlChars || nestsTooDeep(text)) return [];
  // The check for keys given twice takes quadratic time, minutes for a large file.
  const documents = parseAllDocuments(text, { logLevel: 'silent', uniqueKeys: false });
  if (!Array.isArray(documents)) return [];
  const found: FoundNumber[] = [];
  const walk = (node: ParsedNode | null, path: readonly string[]): void => {
    if (isSeq(node)) for (const item of node.items) walk(item, path);
    if (!isMap(node)) return;
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      const name = String(pair.key.value);
      const value = pair.value;
      if (isScalar(value) && value.type === 'PLAIN' && typeof value.source === 'string' && value.range) {
        // Without a tag or an anchor, range[0] is where the text itself starts.
        const start = text.indexOf(value.source, value.range[0]);
        if (start >= 0 && start + value.source.length === value.range[1])
          found.push({ name, start, end: value.range[1], context: path, distance: 0 });
      } else walk(value, [...path, name]);
    }
  };
  for (const document of documents) if (document.errors.length === 0) walk(document.contents, []);
  return found;
}

/** The numbers of a JSON file, comments allowed. */
export function jsonNumbers(text: string): FoundNumber[] {
  const root = jsonTree(text);
  const found: FoundNumber[] = [];
  const walk = (node: Node, path: readonly string[]): void => {
    if (node.type === 'array') for (const child of node.children ?? []) walk(child, path);
    if (node.type !== 'object') return;
    for (const { children } of node.children ?? []) {
      const [key, value] = children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = String(key.value);
      if (value.type === 'number') found.push({ name, start: value.offset, end: value.offset + value.length, context: path, distance: 0 });
      else walk(value, [...path, name]);
    }
  };
  if (root !== null) walk(root, []);
  return found;
}

/** The numbers of a TOML file. A file with mistakes has none. */
export function tomlNumbers(text: string): FoundNumber[] {
  const found: FoundNumber[] = [];
  const walk = (node: AST.TOMLNode, path: readonly string[]): void => {
    if (node.type === 'TOMLTable') for (const item of node.body) walk(item, [...path, ...node.resolvedKey.map(String)]);
    if (node.type === 'TOMLInlineTable') for (const item of node.body) walk(item, path);
    if (node.type === 'TOMLArray') for (const item of node.elements) walk(item, path);
    if (node.type !== 'TOMLKeyValue') return;
    const keys = node.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
    const [name, above] = [keys.at(-1) ?? '', [...path, ...keys.slice(0, -1)]];
    const { value } = node;
    if (value.type !== 'TOMLValue') walk(value, [...above, name]);
    else if (value.kind === 'integer' || value.kind === 'float')
      found.push({ name, start: value.range[0], end: value.range[1], context: above, distance: 0 });
  };
  if (nestsTooDeep(text)) return [];
  try {
    for (const node of parseTOML(text).body[0].body) walk(node, []);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
  return found;
}

/** Null when the text is not JSON, or nested beyond reason. */
export function jsonTree(text: string): Node | null {
  if (nestsTooDeep(text)) return null;
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  return errors.length > 0 ? null : (root ?? null);
}
