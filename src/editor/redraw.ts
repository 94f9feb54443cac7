/**
 * Progress bars draw over themselves with a carriage return; an output channel can only append. What is drawn over is
 * left out, apart from a look now and then, so that an hour of tqdm is a few lines and not a hundred thousand.
 */
export class Redraw {
  /** Something of the current line was shown. */
  private shown = false;
  /** What the current line was drawn over with, not shown yet; null when nothing was drawn over. */
  private hidden: string | null = null;
  /** A carriage return came last; a newline behind it makes it a plain end of line. */
  private returned = false;
  private lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly nowMs: () => number = Date.now,
    private readonly everyMs = 2000,
  ) {}

  /** What can be appended now. */
  write(text: string): string {
    let out = '';
    for (const part of text.split(/([\r\n])/)) {
      if (part === '\n') {
        out += this.end() + '\n';
        this.shown = false;
      } else if (part === '\r') {
        if (this.hidden && !this.returned && this.nowMs() - this.lookedAtMs >= this.everyMs) {
          this.lookedAtMs = this.nowMs();
          out += this.reveal();
          this.hidden = '';
        }
        this.returned = true;
      } else if (part !== '') {
        if (this.returned) this.hidden = part;
        else if (this.hidden !== null) this.hidden += part;
        else {
          out += part;
          this.shown = true;
        }
        this.returned = false;
      }
    }
    return out;
  }

  /** What is left of the last line. */
  end(): string {
    const rest = this.reveal();
    this.hidden = null;
    this.returned = false;
    return rest;
  }

  private reveal(): string {
    if (!this.hidden) return '';
    const text = (this.shown ? '\n' : '') + this.hidden;
    this.shown = true;
    return text;
  }
}
