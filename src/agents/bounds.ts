/** An agent's context is dear: text and structured answer together stay below 8,000 characters unless more is asked for. */
export const answerLimit = 3_900;

/** Keeps the beginning, which says what happened, and the end, which says what to do next. */
export function boundText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const note = (left: number) => `\n[${left} characters left out]\n`;
  const room = limit - note(text.length).length;
  const head = Math.floor(room * 0.6);
  const left = text.length - room;
  return text.slice(0, head) + note(left) + text.slice(-(room - head));
}

const steps = [
  [4_000, 60],
  [2_500, 40],
  [1_500, 25],
  [800, 15],
  [500, 10],
  [300, 6],
  [200, 4],
  [120, 2],
  [80, 1],
] as const;

/** What the next call takes up: cut, it would be worse than nothing. A list of such may lose items, never a part of one. */
const whole: ReadonlySet<string> = new Set(['cursor', 'run', 'id', 'repeats', 'fixes', 'title', 'place', 'path', 'checkpoint']);
/** How many omissions are told one by one. */
const toldOmissions = 8;

export interface Shrunk {
  /** It stays what its schema says. */
  readonly value: unknown;
  /** What is missing, e.g. `findings: 3 of 50`; empty: nothing. */
  readonly shortened: readonly string[];
}

/** The same value with shorter texts and lists, so that its JSON and the words about what is missing fit. */
export function shrink(value: unknown, limit: number): Shrunk {
  if (JSON.stringify(value).length <= limit) return { value, shortened: [] };
  const roomy = limit > answerLimit ? [0.85, 0.6, 0.4, 0.25].map((part) => [part * limit, 200] as const) : [];
  let smaller: Shrunk = { value, shortened: [] };
  for (const [characters, items] of [...roomy, ...steps, [60, 1] as const]) {
    const cuts: string[] = [];
    smaller = { value: cutAll(value, { characters, items, name: '', path: [], cuts }), shortened: told(cuts) };
    if (JSON.stringify(smaller.value).length + JSON.stringify(smaller.shortened).length <= limit) break;
  }
  return smaller;
}

interface Cutting {
  readonly characters: number;
  readonly items: number;
  /** Of the field that the value is, or is an item of. */
  readonly name: string;
  readonly path: readonly (string | number)[];
  readonly cuts: string[];
}

function cutAll(value: unknown, cutting: Cutting): unknown {
  const { characters, items, name, path, cuts } = cutting;
  const where = path.join('.');
  if (typeof value === 'string') {
    if (value.length <= characters || whole.has(name)) return value;
    cuts.push(`${where}: ${characters} of ${value.length} characters`);
    // Of output the end counts, of a sentence its beginning.
    return value.includes('\n') ? `…${value.slice(1 - characters)}` : `${value.slice(0, characters - 1)}…`;
  }
  if (Array.isArray(value)) {
    if (value.length > items) cuts.push(`${where}: ${items} of ${value.length}`);
    return value.slice(0, items).map((one, i) => cutAll(one, { ...cutting, path: [...path, i] }));
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([field, one]) => [field, cutAll(one, { ...cutting, name: field, path: [...path, field] })]));
}

function told(cuts: readonly string[]): readonly string[] {
  return cuts.length <= toldOmissions ? cuts : [...cuts.slice(0, toldOmissions), `and ${cuts.length - toldOmissions} more`];
}
