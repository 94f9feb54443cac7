import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@lezer/python';
import { nestsTooDeep } from './nesting.ts';
import type { FoundNumber } from './settingPlace.ts';

/** A name that a value node is given, and how. */
interface Slot {
  readonly name: string;
  readonly distance: 0 | 1 | 2;
}

/** Calls whose first argument is the default of what they describe (pydantic, typer). */
const describing = new Set(['Field', 'field', 'Option', 'Argument']);

/**
 * The numbers that Python source gives a name: assignments (`lr = 1e-3`, `self.lr = …`, `cfg["lr"] = …`), annotated fields,
 * `field(default=…)`, parameter defaults, keyword arguments, dict entries, and options of argparse, click and typer.
 * Half-written files are read as far as they go; strings and comments never count.
 */
export function pythonNumbers(text: string): FoundNumber[] {
  if (nestsTooDeep(text)) return [];
  const found: FoundNumber[] = [];
  treeOf(text)?.iterate({
    enter: ({ name, node }) => {
      if (name !== 'Number') return;
      const slot = slotOf(node, text);
      if (slot !== null) found.push({ ...slot, start: node.from, end: node.to, context: contextOf(node, text) });
    },
  });
  return found;
}

/** Null for what nests without brackets until the stack ends, such as thousands of `not not`. */
function treeOf(text: string): Tree | null {
  try {
    return parser.parse(text);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function slotOf(inner: SyntaxNode, text: string): Slot | null {
  let value = inner;
  while (value.parent?.name === 'ParenthesizedExpression') value = value.parent;
  const parent = value.parent;
  const before = value.prevSibling;
  if (parent === null) return null;
  switch (parent.name) {
    case 'AssignStatement': {
      // `a, b = 1, 2` says which is which only by counting; left alone.
      if (before?.name !== 'AssignOp' || value.nextSibling !== null || parent.getChildren(',').length > 0) return null;
      return named(targetName(before.prevSibling, text), 0);
    }
    case 'ParamList':
      return before?.name === 'AssignOp' ? named(targetName(before.prevSibling, text), 1) : null;
    case 'ArgList': {
      const keyword = before?.name === 'AssignOp' && before.prevSibling?.name === 'VariableName' ? textOf(before.prevSibling, text) : null;
      if (keyword !== null && keyword !== 'default') return named(keyword, 2);
      if (keyword === null && (before?.name !== '(' || !describing.has(calleeOf(parent, text)))) return null;
      const option = optionName(parent, text);
      if (option !== null) return named(option, 1);
      return parent.parent === null ? null : slotOf(parent.parent, text);
    }
    case 'DictionaryExpression':
      return before?.name === ':' && before.prevSibling?.name === 'String' ? named(stringValue(before.prevSibling, text), 0) : null;
    default:
      return null;
  }
}

function named(name: string | null, distance: 0 | 1 | 2): Slot | null {
  return name === null || name === '' ? null : { name, distance };
}

/** The last name of `x`, `x: float`, `self.x`, `config["x"]`. */
function targetName(target: SyntaxNode | null, text: string): string | null {
  if (target?.name === 'TypeDef') return targetName(target.prevSibling, text);
  if (target?.name === 'VariableName') return textOf(target, text);
  if (target?.name !== 'MemberExpression') return null;
  const last = target.lastChild;
  if (last?.name === 'PropertyName') return textOf(last, text);
  return last?.name === ']' && last.prevSibling?.name === 'String' ? stringValue(last.prevSibling, text) : null;
}

/** The longest `--option` among a call's strings, without its dashes. */
function optionName(args: SyntaxNode, text: string): string | null {
  const options = args
    .getChildren('String')
    .map((node) => stringValue(node, text))
    .filter((option) => /^--?[A-Za-z]/.test(option))
    .map((option) => option.replace(/^-+/, ''));
  return options.sort((a, b) => b.length - a.length)[0] ?? null;
}

function calleeOf(args: SyntaxNode, text: string): string {
  const callee = args.prevSibling;
  return (callee?.name === 'MemberExpression' ? targetName(callee, text) : callee === null ? null : textOf(callee, text)) ?? '';
}

function contextOf(node: SyntaxNode, text: string): string[] {
  const names: (string | null)[] = [];
  for (let at = node; at.parent !== null; at = at.parent) {
    const parent = at.parent;
    if (parent.name === 'ClassDefinition' || parent.name === 'FunctionDefinition') {
      const name = parent.getChild('VariableName');
      names.push(name === null ? null : textOf(name, text));
    } else if (parent.name === 'AssignStatement') {
      names.push(targetName(parent.firstChild, text));
    } else if (parent.name === 'ArgList') {
      names.push(calleeOf(parent, text));
    } else if (parent.name === 'DictionaryExpression' && at.prevSibling?.name === ':' && at.prevSibling.prevSibling?.name === 'String') {
      names.push(stringValue(at.prevSibling.prevSibling, text));
    }
  }
  return names.filter((name) => name !== null && name !== '').reverse() as string[];
}

function textOf(node: SyntaxNode, text: string): string {
  return text.slice(node.from, node.to);
}

function stringValue(node: SyntaxNode, text: string): string {
  return textOf(node, text)
    .replace(/^[A-Za-z]*("""|'''|"|')/, '')
    .replace(/("""|'''|"|')$/, '');
}
