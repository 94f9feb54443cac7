/** The last line of what a program said, which tells why it failed more often than the first; '' when it said nothing. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
