import { UserError } from '../core/errors.ts';
import { quote } from '../core/shell.ts';

/**
 * Placeholders in runpod.json: `{model}`. The shell's own `${VAR}` and lists such as `{a,b}` are none, and `{{word}}`
 * is a literal `{word}` (for `awk '{{print}}'`).
 */
const pattern = /(?<!\$)\{\{([A-Za-z_]\w*)\}\}|(?<![${])\{([A-Za-z_]\w*)\}/g;

/** The names of all placeholders in a template, in order, each once. */
export function placeholdersOf(template: string): string[] {
  return [...new Set([...template.matchAll(pattern)].flatMap((match) => (match[2] === undefined ? [] : [match[2]])))];
}

/** Replaces the known placeholders by the values as they are; others stay. For paths and globs, not for shell text. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(pattern, (whole: string, literal: string | undefined, name: string | undefined) => {
    if (literal !== undefined) return `{${literal}}`;
    return name !== undefined && Object.hasOwn(values, name) ? (values[name] ?? '') : whole;
  });
}

/** Text for a command that is already shell text: several words, quoted where needed; '' for nothing. */
export interface ShellText {
  readonly shell: string;
}

/**
 * Replaces the known placeholders of a shell command by quoted values (and by {@link ShellText} as it is).
 *
 * A placeholder inside quotes, a here-document or a command substitution would need other quoting than one in the open,
 * and getting it wrong would let a value run as code. So there only values that need no quoting at all are put in.
 *
 * @throws UserError 'bad-config' when such a value would have to be quoted; 'bad-argument' when a value holds a NUL.
 */
export function fillCommand(template: string, values: Readonly<Record<string, string | ShellText>>): string {
  const nested = /\$\(|`|<</.test(template);
  const withSpace = new RegExp(`(?:${pattern.source})( ?)`, 'g');
  return template.replace(
    withSpace,
    (whole: string, literal: string | undefined, name: string | undefined, space: string, offset: number) => {
      if (literal !== undefined) return `{${literal}}${space}`;
      const value = name !== undefined && Object.hasOwn(values, name) ? values[name] : undefined;
      if (name === undefined || value === undefined) return whole;
      const text = typeof value === 'string' ? quoteValue(name, value) : value.shell;
      const plain = typeof value === 'string' ? text === value : /^[\w\/.:=@%+, -]*$/.test(text);
      if (!plain && (nested || insideQuotes(template, offset))) {
        throw new UserError(
          'bad-config',
          `${JSON.stringify(typeof value === 'string' ? value : value.shell)} cannot be put in the place of {${name}} safely, because {${name}} stands inside quotes or a ` +
            `substitution in the command ${JSON.stringify(template)}. Write {${name}} without quotes around it in runpod.json; values are quoted when they are put in.`,
        );
      }
      return text === '' ? '' : text + space;
    },
  );
}

function quoteValue(name: string, value: string): string {
  if (value.includes('\0'))
    throw new UserError('bad-argument', `The value for {${name}} holds a NUL character, which no command can take.`);
  return quote(value);
}

/** Whether a place in shell text is between quotes. */
function insideQuotes(text: string, offset: number): boolean {
  let open: string | null = null;
  for (let index = 0; index < offset; index++) {
    const char = text[index];
    if (char === '\\' && open !== "'") index++;
    else if (open === null && (char === "'" || char === '"')) open = char;
    else if (char === open) open = null;
  }
  return open !== null;
}
