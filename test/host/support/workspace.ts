import { cpSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** The repository. */
export const root = resolve(__dirname, '../../..');

/** `examples/moola` in a folder where a test may do as it likes. */
export function copyOfExample(folder: string): string {
  const workspace = join(folder, 'moola');
  const skipped = new Set(['.venv', '__pycache__', 'artifacts', 'logs', '.runpod']);
  cpSync(join(root, 'examples/moola'), workspace, { recursive: true, filter: (path) => !skipped.has(basename(path)) });
  return workspace;
}
