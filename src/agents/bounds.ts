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

/** The same value with shorter texts and lists, so that its JSON fits; it stays what its schema says. */
export function shrink(value: unknown, limit: number): unknown {
  if (JSON.stringify(value).length <= limit) return value;
  const roomy = limit > answerLimit ? [0.85, 0.6, 0.4, 0.25].map((part) => [part * limit, 200] as const) : [];
  for (const [characters, items] of [...roomy, ...steps]) {
    const smaller = cutAll(value, characters, items);
    if (JSON.stringify(smaller).length <= limit) return smaller;
  }
  return cutAll(value, 60, 1);
}

function cutAll(value: unknown, characters: number, items: number): unknown {
  if (typeof value === 'string') {
    if (value.length <= characters) return value;
    // Of output the end counts, of a sentence its beginning.
    return value.includes('\n') ? `…${value.slice(1 - characters)}` : `${value.slice(0, characters - 1)}…`;
  }
  if (Array.isArray(value)) return value.slice(0, items).map((one) => cutAll(one, characters, items));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, cutAll(one, characters, items)]));
}
