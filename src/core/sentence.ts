/** The first sentence, with its full stop: what happened, without the advice that follows. A dot inside of a word or number ends none. */
export function firstSentence(text: string): string {
  return /^[\s\S]*?[.!?](?=\s|$)/.exec(text)?.[0] ?? text;
}
