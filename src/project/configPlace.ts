import { findNodeAtLocation, parseTree } from 'jsonc-parser';
import { LineIndex } from './configFile.ts';
import { nestsTooDeep } from './nesting.ts';

/** Where a value of runpod.json stands; all 1-based, the column range in UTF-16 units. */
export interface ConfigPlace {
  readonly line: number;
  readonly columns: { readonly start: number; readonly end: number };
}

/** The place of the first of these paths that the text has; null when it has none, or is no JSON. */
export function placeInConfig(text: string, paths: readonly (readonly (string | number)[])[]): ConfigPlace | null {
  if (nestsTooDeep(text)) return null;
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (!root) return null;
  const lines = new LineIndex(text);
  for (const path of paths) {
    const node = findNodeAtLocation(root, [...path]);
    if (!node) continue;
    // The whole member reads better than its value alone, as long as it stands on one line.
    const from = node.parent?.type === 'property' ? node.parent.offset : node.offset;
    const start = lines.at(from);
    const end = lines.at(node.offset + node.length);
    return { line: start.line, columns: { start: start.column, end: end.line === start.line ? end.column : start.column + 1 } };
  }
  return null;
}
