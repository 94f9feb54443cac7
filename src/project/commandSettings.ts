import { findNodeAtLocation, type Node } from 'jsonc-parser';
import { jsonTree } from './dataSettings.ts';
import type { FoundNumber } from './settingPlace.ts';

const number = String.raw`[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?=$|[\s"'\\;&|)])`;
/** `--lr 0.01`, `--batch-size=32`, `-lr 0.1`; Hydra's `train.lr=0.01`; a variable before the command, `LR=0.1`. */
const option = new RegExp(String.raw`(?<=^|[\s"'(;&|])(?:-{1,2}([A-Za-z][\w.-]*?)(?:=|\s+)|[+]{0,2}([A-Za-z_][\w.]*)=)(${number})`, 'g');

/**
 * The numbers on the command lines of runpod.json, and those of its environment variables. With a model, those that its
 * training uses: its own command if it has one, or else the common one; commands of stages train no single model.
 */
export function commandNumbers(text: string, model?: string): FoundNumber[] {
  const root = jsonTree(text);
  if (root === null) return [];
  const models = findNodeAtLocation(root, ['train', 'models'])?.children ?? [];
  const nameOf = (property: Node) => String(property.children?.[0]?.value);
  const own = models
    .filter((property) => model === undefined || nameOf(property) === model)
    .flatMap((property) => commandIn(property.children?.[1], ['command'], [nameOf(property)], text));
  const hasOwn = model !== undefined && own.some(({ commandFound }) => commandFound);
  const common = hasOwn ? [] : commandIn(root, ['train', 'command'], [], text);
  const stages =
    model !== undefined
      ? []
      : (findNodeAtLocation(root, ['stages'])?.children ?? []).flatMap((stage) => {
          const name: unknown = findNodeAtLocation(stage, ['name'])?.value;
          return commandIn(stage, ['command'], typeof name === 'string' ? [name] : [], text);
        });
  return [...own, ...common, ...stages].flatMap(({ numbers }) => numbers).concat(variableNumbers(root, text));
}

interface CommandNumbers {
  readonly commandFound: boolean;
  readonly numbers: FoundNumber[];
}

function commandIn(node: Node | undefined, path: string[], context: readonly string[], text: string): CommandNumbers[] {
  const command = node === undefined ? undefined : findNodeAtLocation(node, path);
  if (command?.type !== 'string') return [];
  // Read from the file itself, not from the parsed value: offsets stay right whatever is escaped around it.
  const start = command.offset + 1;
  const raw = text.slice(start, command.offset + command.length - 1);
  const numbers = [...raw.matchAll(option)].map((match): FoundNumber => {
    const value = match[3] ?? '';
    const end = start + match.index + match[0].length;
    const parts = (match[1] ?? match[2] ?? '').split('.');
    return { name: parts.at(-1) ?? '', start: end - value.length, end, context: [...context, ...parts.slice(0, -1)], distance: 0 };
  });
  return [{ commandFound: true, numbers }];
}

function variableNumbers(root: Node, text: string): FoundNumber[] {
  return (findNodeAtLocation(root, ['environment', 'variables'])?.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? [];
    if (key === undefined || value?.type !== 'string') return [];
    const [start, end] = [value.offset + 1, value.offset + value.length - 1];
    return new RegExp(`^${number}$`).test(text.slice(start, end))
      ? [{ name: String(key.value), start, end, context: [], distance: 0 as const }]
      : [];
  });
}
