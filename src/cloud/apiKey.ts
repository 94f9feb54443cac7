import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { getStaticTOMLValue, parseTOML } from 'toml-eslint-parser';
import { UserError } from '../core/errors.ts';

/** A key of RunPod's API, and where it was found, for sentences about it. */
export interface ApiKey {
  readonly key: string;
  readonly from: string;
}

/** Where RunPod's own tools keep theirs. */
export function runpodConfigFile(): string {
  return join(homedir(), '.runpod', 'config.toml');
}

/**
 * The person's key: `RUNPOD_API_KEY`, RunPod's own config.toml, or what the face keeps or asks for.
 *
 * @param ask the face's own store, such as the editor's SecretStorage; undefined: there is none, or the person declined
 * @throws UserError 'not-configured' when there is none anywhere
 */
export async function findApiKey(
  ask: (() => Promise<string | undefined>) | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  configFile = runpodConfigFile(),
): Promise<ApiKey> {
  const given = environment['RUNPOD_API_KEY']?.trim();
  if (given) return { key: given, from: 'RUNPOD_API_KEY' };
  const text = await readFile(configFile, 'utf8').catch(() => '');
  const configured = keyInConfig(text);
  if (configured !== undefined) return { key: configured, from: configFile };
  const asked = (await ask?.())?.trim();
  if (asked) return { key: asked, from: "the editor's secrets" };
  throw new UserError(
    'not-configured',
    `A pod given by its id is looked up at RunPod, which needs an API key, and there is none in RUNPOD_API_KEY or ${configFile}. Create one in RunPod's console under Settings, API Keys (read access is enough), and set RUNPOD_API_KEY.`,
    { details: { missing: 'api-key' } },
  );
}

/** The file has two shapes: runpodctl writes `apikey` at the top, the Python package `api_key` below `[default]`. */
export function keyInConfig(toml: string): string | undefined {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = getStaticTOMLValue(parseTOML(toml));
  } catch {
    // RunPod's file, not ours to complain about.
    return undefined;
  }
  const table = value['default'];
  const nested = typeof table === 'object' && table !== null ? (table as Readonly<Record<string, unknown>>)['api_key'] : undefined;
  const found = [value['apikey'], nested].find((each): each is string => typeof each === 'string' && each.trim() !== '');
  return found?.trim();
}
