import { posix } from 'node:path';
import { quote } from '../core/shell.ts';
import { runsFolder } from './scripts.ts';

/**
 * Prints the newest checkpoint that the run wrote and that is whole: a file cut off by a crash or a full disk must not be what the next run
 * begins with. torch's files and .npz are zip archives, whose directory stands at the end; safetensors say in their head how long they are.
 */
const script = `
import sys, os, json, glob, struct, zipfile
asked = json.load(sys.stdin)
def whole(path):
    size = os.path.getsize(path)
    if size < 8:
        return False
    with open(path, "rb") as f:
        head = f.read(8)
        if head[:4] == b"PK\\x03\\x04":
            return zipfile.is_zipfile(path)
        if path.endswith(".safetensors"):
            n = struct.unpack("<Q", head)[0]
            if n > size:
                return False
            ends = [v["data_offsets"][1] for k, v in json.loads(f.read(n)).items() if k != "__metadata__"]
            return size == 8 + n + max(ends or [0])
        if path.endswith((".pt", ".pth", ".ckpt", ".pkl")):
            f.seek(-1, 2)
            return f.read(1) == b"."
        if path.endswith(".json"):
            f.seek(0)
            json.load(f)
    return True
since = os.path.getmtime(asked["manifest"])
found = {p for pattern in asked["patterns"] for p in glob.glob(pattern, recursive=True) if os.path.isfile(p) and os.path.getmtime(p) >= since}
for path in sorted(found, key=os.path.getmtime, reverse=True):
    try:
        if whole(path):
            print("rpo-checkpoint:" + path)
            break
    except Exception:
        pass
`;

export const checkpointCommand = `"$(command -v python || command -v python3)" -c ${quote(script)}`;

/** @param patterns globs, relative ones below the remote root, which is the current folder */
export function checkpointInput(remoteRoot: string, runId: string, patterns: readonly string[]): string {
  return JSON.stringify({ patterns, manifest: posix.join(runsFolder(remoteRoot), runId, 'run.json') });
}

export function parseCheckpoint(stdout: string): string | null {
  return /^rpo-checkpoint:(.+)$/m.exec(stdout)?.[1] ?? null;
}

/** A command that goes on from a checkpoint: the argument of an earlier one is taken out, the new one stands last. */
export function resumingCommand(command: string, argument: string, checkpoint: string): string {
  const [before = '', after = ''] = argument.split('{checkpoint}');
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const earlier = new RegExp(`\\s*${literal(before)}(?:'[^']*'|[^\\s'])+${literal(after)}\\s*$`);
  return `${command.replace(earlier, '').trimEnd()} ${before}${quote(checkpoint)}${after}`;
}
