import { stripControl } from '../core/terminal.ts';

/** Names of tools for verbs, say, may make the words a little longer afterwards. */
const margin = 0.95;

/** The answer with the most items that fits, at least one if there are any; what does not fit is left for the next question. */
export function longestThatFits<T>(count: number, answer: (count: number) => T, render: (answer: T) => string, limit = Infinity): T {
  for (let items = count; ; items--) {
    const tried = answer(items);
    if (items <= 1 || Math.max(JSON.stringify(tried).length, render(tried).length) <= margin * limit) return tried;
  }
}

/** Characters of a text as JSON has it, without what no answer keeps. */
export function jsonLength(text: string): number {
  return JSON.stringify(stripControl(text)).length - 2;
}

/** The longest end of a text that takes at most `limit` characters of JSON. */
export function endWithin(text: string, limit: number): string {
  if (jsonLength(text) <= limit) return text;
  let [fits, tooLong] = [0, text.length];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (jsonLength(text.slice(text.length - middle)) <= limit) fits = middle;
    else tooLong = middle;
  }
  return text.slice(text.length - fits);
}
