/**
 * ECMA-48: CSI `ESC [ … final`, OSC/DCS/SOS/PM/APC strings up to BEL, ST or the next escape, two-byte escapes, C0 and C1
 * controls; and Unicode's bidirectional overrides (CVE-2021-42574). Every alternative matches from its first character on,
 * so that stripping is linear on any input.
 */
const control =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Output of a pod is data: what could move the cursor, change the title, write the clipboard or hide text is taken
 * out before a terminal or a webview shows it, and before the monitor reads it. Tabs, newlines and carriage returns stay.
 */
export function stripControl(text: string): string {
  return text.replace(control, '');
}

/**
 * Strips a stream: a sequence that is cut by the end of a chunk is kept back until the next one (at most 256 characters,
 * so that a lone ESC cannot hold output back for ever).
 */
export class ControlStripper {
  private kept = '';

  write(text: string): string {
    const all = this.kept + text;
    const open = /(?:\u001b|\u009b|\u009d|\u0090)[^\u0007\u001b]*$/.exec(all);
    if (open && all.length - open.index <= 256 && stripControl(all.slice(open.index) + 'x') === '') {
      this.kept = all.slice(open.index);
      return stripControl(all.slice(0, open.index));
    }
    this.kept = '';
    return stripControl(all);
  }

  end(): string {
    const rest = stripControl(this.kept);
    this.kept = '';
    return rest;
  }
}
