/** No file that a person writes nests deeper. */
const limit = 200;

/**
 * Whether a JSON, YAML, TOML or Python text nests deeper than any of ours should. To be asked before a recursive parser gets it:
 * a RangeError for an exhausted stack can be caught, but V8 ends the whole process when a regular expression is compiled
 * just short of that (seen with `yaml` at 1,000 braces). Brackets in strings count too, which only matters to a file with
 * hundreds of unclosed ones.
 */
export function nestsTooDeep(text: string): boolean {
  // YAML also nests by indentation, and by `- - - -`.
  if (new RegExp(`^[ \\t?-]{${4 * limit}}`, 'm').test(text)) return true;
  let depth = 0;
  for (const char of text) {
    if (char === '{' || char === '[' || char === '(') {
      if (++depth > limit) return true;
    } else if ((char === '}' || char === ']' || char === ')') && depth > 0) depth--;
  }
  return false;
}
