/**
 * Terminal control sequences, as logs are full of them: colours, titles (OSC), single-character escapes. Every alternative starts with ESC and none
 * of their repeats can cross another ESC, so stripping is linear on any input.
 */
const CONTROL =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b/g;

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

export function stripControl(text: string): string {
  return text.replace(CONTROL, '');
}
