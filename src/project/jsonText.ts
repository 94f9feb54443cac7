import { createScanner, findNodeAtLocation, parseTree, type Node } from 'jsonc-parser';

/**
 * Edits of commented JSON that touch nothing but what they are about: every comment, blank line and habit of spacing
 * around it stays byte for byte. (jsonc-parser's own `modify` formats the neighbours anew and moves their comments.)
 * The text must be valid; trailing commas are.
 */
export function setValue(text: string, path: readonly (string | number)[], value: unknown): string {
  const root = treeOf(text);
  for (let length = path.length; length >= 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node === undefined) continue;
    const rest = path.slice(length);
    const name = rest[0];
    if (name === undefined) return splice(text, node.offset, node.offset + node.length, print(value, indentAt(text, node.offset), text));
    if (node.type !== 'object' || typeof name !== 'string')
      throw new TypeError(`There is no object at ${JSON.stringify(path.slice(0, length))}.`);
    return insert(
      text,
      node,
      name,
      rest.slice(1).reduceRight<unknown>((inner, key) => ({ [key]: inner }), value),
    );
  }
  throw new TypeError('The text holds no JSON.');
}

/** Takes a property away, with its comma and, when nothing else stands there, its lines. Unchanged when there is none. */
export function removeValue(text: string, path: readonly string[]): string {
  const property = findNodeAtLocation(treeOf(text), [...path])?.parent;
  if (property?.type !== 'property' || property.parent === undefined) return text;
  const siblings = property.parent.children ?? [];
  const end = property.offset + property.length;
  const comma = commaAfter(text, end);
  const without = cutLine(text, property.offset, comma === null ? end : comma + 1);
  if (comma !== null) return without;
  const before = siblings[siblings.indexOf(property) - 1];
  const earlier = before === undefined ? null : commaAfter(text, before.offset + before.length);
  return earlier === null ? without : splice(without, earlier, earlier + 1, '');
}

function insert(text: string, object: Node, name: string, value: unknown): string {
  const eol = eolOf(text);
  const close = object.offset + object.length - 1;
  const contentEnd = text.slice(0, close).trimEnd().length;
  const last = object.children?.at(-1);
  const outer = indentAt(text, object.offset);
  const ownLine = last !== undefined && text.slice(lineStart(text, last.offset), last.offset).trim() === '';
  const indent = ownLine ? indentAt(text, last.offset) : outer + unitOf(text);
  const trailingComma = last === undefined ? null : commaAfter(text, last.offset + last.length);
  const space = text.slice(contentEnd, close);
  const added =
    `${eol}${indent}${JSON.stringify(name)}: ${print(value, indent, text)}` +
    (trailingComma === null ? '' : ',') +
    (space.includes('\n') ? space : eol + outer);
  const result = splice(text, contentEnd, close, added);
  return last === undefined || trailingComma !== null ? result : splice(result, last.offset + last.length, last.offset + last.length, ',');
}

/** The offset of the next comma, when only space and comments stand before it. */
function commaAfter(text: string, offset: number): number | null {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return text[scanner.getTokenOffset()] === ',' ? scanner.getTokenOffset() : null;
}

/** Without [start, end), and without the line it leaves empty. */
function cutLine(text: string, start: number, end: number): string {
  const from = lineStart(text, start);
  const after = /[ \t]*(\r\n|\n|\r)?/y;
  after.lastIndex = end;
  const [rest = '', lineEnd] = after.exec(text) ?? [];
  if (lineEnd !== undefined && text.slice(from, start).trim() === '') return splice(text, from, end + rest.length, '');
  return splice(text, start, end, '');
}

function print(value: unknown, indent: string, text: string): string {
  return JSON.stringify(value, null, unitOf(text))
    .split('\n')
    .join(eolOf(text) + indent);
}

function treeOf(text: string): Node {
  const root = parseTree(text.replace(/^\uFEFF/, ' '), [], { allowTrailingComma: true });
  if (root === undefined) throw new TypeError('The text holds no JSON.');
  return root;
}

function splice(text: string, start: number, end: number, inserted: string): string {
  return text.slice(0, start) + inserted + text.slice(end);
}

function lineStart(text: string, offset: number): number {
  return Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
}

function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset), offset))?.[0] ?? '';
}

function unitOf(text: string): string {
  return /^[ \t]+(?=")/m.exec(text)?.[0] ?? '  ';
}

function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}
