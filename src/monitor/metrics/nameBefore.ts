/** What a number is called, of the text that stands between it and the number before. */

/** What Chinese counts by, behind the number: rounds, generations, epochs, steps, iterations. */
export const COUNTED = /^\s*(轮|代|个?周期|步|次迭代)/;

/** The name at the end of what stands between two numbers. */
export function nameIn(gap: string, afterNumber: boolean): { name: string; strong: boolean } {
  let text = gap;
  if (afterNumber) text = text.replace(/^(?:%|[A-Za-zµ]+(?:\/[A-Za-z]+)?(?=[\s,;|)\]]))/, '').replace(COUNTED, '');
  // ('average_loss', 0.23) ; (mf)0.47 ; tot_loss[loss=0.45
  const special = /\(['"](?<tuple>[^'"]{1,60})['"], $|\((?<round>[A-Za-z]\w{0,30})\)$|(?<outer>[\w.]+)\[(?<inner>[\w.]+)=$/.exec(
    text,
  )?.groups;
  if (special) {
    const { tuple, round, outer, inner } = special;
    if (outer !== undefined) return { name: inner === 'loss' ? outer : `${outer}.${inner}`, strong: true };
    return { name: (tuple ?? round)!, strong: true };
  }
  // the value in a constructor: `loss: tensor(0.5`, `'acc': np.float64(0.9`
  text = text.replace(/\b(?:tensor|array|Array|np\.float\d+|jnp\.\w+|float\d+)\(\[?$/, '');
  text = text.replace(/[\s[('"<{+#~≈±_-]*$/, '');
  let strong = false;
  const separator = /(?:\s*(?::|=+>?|->|→|>>)|\s+(?:is|was|of)(?: ?:)?)$/.exec(text);
  if (separator) {
    strong = !separator[0].endsWith('of');
    text = text.slice(0, separator.index);
  } else if (text === gap && !/[[(]$|(?:epoch|ep|step|iter)$/i.test(gap)) return { name: '', strong }; // nothing at all between: `159.4+0.3`
  // what a bracket behind the name adds: `Best Validation (Ep. 2): 33`
  text = text.replace(/["'\s\])]+$/, (end) => (end.includes(')') ? end.replace(/["'\s]+$/, '') : ''));
  const name = cutName(text);
  if (name.length > 80 || !/[\p{L}%]/u.test(name)) return { name: '', strong };
  if (!strong) {
    // Without a separator only a short name is one: prose before a number is not.
    const words = name.split(/\s+/);
    if (words.length > 4)
      return {
        name: /^.*\b(?:with|and|is|at|for|the|by|an?|on|in|of|to|than|from)\s+(.+)$/i.exec(name)?.[1] ?? words.slice(-3).join(' '),
        strong,
      };
  }
  return { name, strong };
}

/** Where the bracket that closes the text was opened, or -1: `D(G(z))`. */
function openOf(text: string): number {
  let depth = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === ')') depth++;
    else if (text[i] === '(' && --depth === 0) return i;
  }
  return -1;
}

const DELIMITERS = ',;|\t{[]│┃:="><*✓•';

/** The last piece of the text that can be a name. */
export function cutName(whole: string): string {
  let text = whole;
  let tail = '';
  // keep a bracket that closes the name: `Validation score (accuracy)`
  if (text.endsWith(')')) {
    const open = openOf(text);
    if (open > 0) {
      tail = text.slice(open);
      text = text.slice(0, open);
    }
  }
  let at = text.length - 1;
  while (at >= 0 && !DELIMITERS.includes(text[at]!) && text[at] !== '(' && text[at] !== ')') at--;
  text = text.slice(at + 1);
  for (const mark of [' - ', '--', '. ', '! ', '? ', ' – ', ' — ']) {
    const found = mark === '. ' ? lastSentence(text) : text.lastIndexOf(mark);
    if (found >= 0) text = text.slice(found + mark.length);
  }
  const apart = text.endsWith(' ');
  text = text.trim().replace(/^(?:['"*/+-]+\s*)+|['"]+$/g, '');
  if (tail === '') {
    const wide = text.lastIndexOf('  ');
    if (wide >= 0) text = text.slice(wide);
  }
  return `${text.trim()}${tail !== '' && apart ? ' ' : ''}${tail}`.trim();
}

/** The end of a sentence, unless it is an abbreviation (`avg. loss`). */
function lastSentence(text: string): number {
  const at = text.lastIndexOf('. ');
  return at >= 0 && !/\b(?:avg|ave|acc|val|no|num|max|min|std|vs|approx|iter|ep|ex|cls|reg|prec|rec)$/i.test(text.slice(0, at)) ? at : -1;
}
