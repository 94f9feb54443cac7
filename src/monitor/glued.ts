/**
 * Lines on which two speakers wrote: processes that share a terminal or a file do not wait for each other's line ends, and a progress bar has none.
 */

/** Python ends the marks below a source line with a line break; what stands behind them is another process's: `    ^^^^^^[rank1]:[E1003 …`. */
const BEHIND_MARKS = /^ +[~^]+(?=[^\s~^])/;
/** A rank's prefix within a line; other prefixes stand before it with a space, a colon or a bracket, and a quotation of one with the mark that opens it. */
const RANK = /(?<=[\w)}^,.]|(?<![\s([{=,]f?)['"])\[rank\d{1,5}\]:/;
/** An exception, and the next traceback on its line. */
const NEXT_TRACEBACK = /^.{0,80}?(?:Error|Exception): .{0,500}[\w.)'"\]!?](?=Traceback \(most recent call last\))/;

/** Where on a line of a traceback another process's output begins; 0 when it is all of one. */
export function gluedAt(text: string): number {
  // Few lines have any of these, and they are looked for in every line of a traceback.
  const marks = BEHIND_MARKS.exec(text) ?? (text.indexOf('Traceback (', 1) > 0 ? NEXT_TRACEBACK.exec(text) : null);
  if (marks) return marks[0].length;
  return text.indexOf('[rank', 1) > 0 ? Math.max(0, text.search(RANK)) : 0;
}

/** The end of tqdm's bar: `[07:57<00:00,  9.51it/s, loss=0.12]`, `[00:00<?, ?it/s]`, `[10:40, 64.03s/it]`. */
const BAR_END =
  /\[(?:\d{1,3}:)?\d{1,2}:\d\d(?:<[\d:?]{1,12})?, {0,4}[\d.?e+-]{1,12} ?[^\s\],]{0,20}\/[^\s\],]{1,20}(?:, [^\]]{0,300})?\] */g;

/** Where what was printed behind a progress bar begins, on its line; 0 when there is no bar or nothing behind it. */
export function barEnd(text: string): number {
  let end = 0;
  if (text.includes('/s') || text.includes('s/')) for (const bar of text.matchAll(BAR_END)) end = bar.index + bar[0].length;
  return end === text.length ? 0 : end;
}

/** What was printed behind a progress bar; the line itself when there is nothing. */
export function behindBar(text: string): string {
  const end = barEnd(text);
  return end === 0 ? text : text.slice(end);
}
