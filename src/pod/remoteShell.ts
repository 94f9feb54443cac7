/** Pieces of POSIX sh that several requests share. They run in dash, bash and busybox, so nothing beyond XCU 2. */

/** Error messages in English (they are read by `remoteFailure`), and a newline in `$nl`. */
export const prologue = `LC_ALL=C; export LC_ALL; CDPATH=; nl='
'
`;

/**
 * Defines `sums FILE…`: SHA-256 of each, one a line, in order. Not defined when the pod has no tool for it.
 * sha256sum marks names with a newline or backslash by a leading backslash, which is cut off with the name.
 */
export const defineSums = `
# openssl uses the processor's own SHA instructions, which pays for a large file and not for the start of many processes.
big=; fast=; command -v openssl >/dev/null 2>&1 && fast=1
ssl() { for v do openssl dgst -sha256 -r <"$v" | sed 's/ .*//'; done; }
if command -v sha256sum >/dev/null 2>&1; then sums() { if [ "$big$fast" = 11 ] && [ $# -le 8 ]; then ssl "$@"; return; fi; sha256sum -- "$@" | sed 's/^\\\\//;s/ .*//'; }
elif command -v shasum >/dev/null 2>&1; then sums() { shasum -a 256 -- "$@" | sed 's/^\\\\//;s/ .*//'; }
elif [ -n "$fast" ]; then sums() { ssl "$@"; }
elif command -v python3 >/dev/null 2>&1; then sums() { python3 -c 'import sys,hashlib
for name in sys.argv[1:]:
    h = hashlib.sha256()
    with open(name, "rb") as f:
        for part in iter(lambda: f.read(1 << 20), b""): h.update(part)
    print(h.hexdigest())' "$@"; }
fi
# sum_of FILE: of one file that is not large, without a newline and without the sed.
if command -v sha256sum >/dev/null 2>&1; then sum_of() { v=$(sha256sum <"$1") && printf '%s' "\${v%% *}"; }; else sum_of() { v=$(sums "$1") && printf '%s' "$v"; }; fi
sumin() { if [ -n "$fast" ]; then openssl dgst -sha256 -r | sed 's/ .*//'; elif command -v sha256sum >/dev/null 2>&1; then sha256sum | sed 's/ .*//'; else sums /dev/stdin; fi; }
size_of() { stat -L -c %s -- "$1" 2>/dev/null || wc -c <"$1"; }
have_sums() { command -v sums >/dev/null 2>&1; }
`;

/**
 * Defines `tell PATH` and `… | sumlist`, which prints the SHA-256 of each path told into it, one a line, in order; of all of
 * them by one process. There must be one at least, and each must be absolute; `defineSums` stands before.
 *
 * @param paths all that may be told; tools disagree about how they print some names, so those are hashed one by one
 */
export function defineLists(paths: readonly string[]): string {
  const oneByOne = `tell() { sum_of "$1" && echo; }; sumlist() { cat; }`;
  if (hasOddNames(paths)) return oneByOne;
  return `
if ! command -v xargs >/dev/null 2>&1; then ${oneByOne}
else
  tell() { printf '%s\\0' "$1"; }
  if [ -n "$fast" ]; then sumlist() { xargs -0 openssl dgst -sha256 -r | sed 's/ .*//'; }
  elif command -v sha256sum >/dev/null 2>&1; then sumlist() { xargs -0 sha256sum | sed 's/ .*//'; }
  elif command -v shasum >/dev/null 2>&1; then sumlist() { xargs -0 shasum -a 256 | sed 's/ .*//'; }
  else ${oneByOne}; fi
fi
`;
}

/** Whether tools disagree about how to print one of these, or `^` finds a line in it that is none. */
export function hasOddNames(paths: readonly string[]): boolean {
  return paths.some((path) => /[\n\r\\\u2028\u2029]/.test(path));
}
