/** Sequences that move to another place and so begin a new piece of text: cursor up/down/to a column, erase the whole line, backspaces. */
const MOVES = /\x1b\[\d*[ABEFG]|\x1b\[2K|\x08+/g;

const HAS_CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

export function hasControl(text: string): boolean {
  return HAS_CONTROL.test(text);
}

/** Cuts text where the cursor moved: `…]ESC[A` + `epochs: 20%…` are two texts. */
export function splitMoves(text: string): string[] {
  return text.split(MOVES);
}
