/**
 * The one place where a value becomes part of a shell command.
 *
 * POSIX sh, single quotes: everything between them is literal except the quote itself, which is closed, escaped
 * and opened again (XCU 2.2.2). Newlines, backslashes, `$`, backticks and any unicode pass unchanged.
 * A NUL cannot be an argument on any POSIX system, so it is refused.
 *
 * @throws RangeError when the value contains a NUL.
 */
export function quote(value: string): string {
  if (value.includes('\0')) throw new RangeError('A shell argument cannot contain a NUL character.');
  if (value !== '' && /^[A-Za-z0-9_\/.:=@%+,-]+$/.test(value) && !value.startsWith('=')) return value;
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Several arguments as one command line. */
export function quoteAll(values: readonly string[]): string {
  return values.map(quote).join(' ');
}

/** A shell variable name that can be assigned without harm (XBD 8.1, plus lower case). */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/**
 * `export A='…'; export B='…';` for the given variables, ready to stand before a command.
 *
 * @throws RangeError when a name is not a variable name.
 */
export function exports(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      if (!isVariableName(name)) throw new RangeError(`${JSON.stringify(name)} is not a name for an environment variable.`);
      return `export ${name}=${quote(value)}; `;
    })
    .join('');
}
