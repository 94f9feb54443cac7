import { access, readdir, readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import SSHConfig from 'ssh-config';
import { UserError } from '../core/errors.ts';
import { expandHome } from './identity.ts';
import type { HostKeyPolicy, PodOptions } from './pod.ts';

const deepestInclude = 16; // as in OpenSSH's readconf.c

export function userSshConfig(): string {
  return join(homedir(), '.ssh', 'config');
}

/** What a config file can say about a machine. */
export type ConfiguredOptions = Omit<PodOptions, 'knownHostsFile'>;

/**
 * What ~/.ssh/config says about an alias, as options for `connectPod`. Nothing in the file is ever run: `Match exec`
 * counts as not matching, and no name is looked up.
 *
 * @throws UserError 'not-configured' for an alias the file does not have, 'unsupported' for ProxyCommand, 'bad-config'.
 */
export async function optionsOfSshConfig(alias: string, configFile = userSshConfig()): Promise<ConfiguredOptions> {
  const config = await readConfig(configFile);
  const isNamed = aliasPatterns(config).some((pattern) => pattern !== '*' && matches(pattern, alias));
  if (!isNamed)
    throw new UserError('not-configured', `${configFile} has no "Host ${alias}". Check the name, or add the pod by its address.`);
  return resolve(alias, {}, config, configFile, 0);
}

/** The aliases that ~/.ssh/config has, without patterns, in the file's order. */
export async function listSshHosts(configFile = userSshConfig()): Promise<readonly string[]> {
  return [...new Set(aliasPatterns(await readConfig(configFile)).filter((pattern) => !/[*?!]/.test(pattern)))];
}

type Settings = Record<string, string | string[]>;

async function resolve(
  alias: string,
  given: Partial<ConfiguredOptions>,
  config: SSHConfig,
  configFile: string,
  depth: number,
): Promise<ConfiguredOptions> {
  const settings = config.compute({ Host: alias, User: given.user }, { ignoreCase: true, matchExec: false }) as Settings;
  const read = (name: string): string | undefined => [settings[name] ?? []].flat()[0];
  const proxyCommand = read('proxycommand');
  if (proxyCommand !== undefined && proxyCommand !== 'none') {
    throw new UserError(
      'unsupported',
      `"${alias}" in ${configFile} is reached by a ProxyCommand, which is not run here. Use ProxyJump instead, or the pod's direct address.`,
    );
  }
  const user = given.user ?? read('user') ?? userInfo().username;
  const host = (read('hostname') ?? alias).replaceAll('%h', alias).replaceAll('%%', '%');
  const tokens: Record<string, string> = { '%': '%', d: homedir(), h: host, n: alias, r: user, u: userInfo().username };
  const expand = (path: string) => expandHome(path.replace(/%([%dhnru])/g, (_, token: string) => tokens[token] ?? ''));
  return {
    name: alias,
    host,
    port: given.port ?? Number(read('port') ?? 22),
    user,
    identityFile: await firstThere([settings.identityfile ?? []].flat().map(expand)),
    agent: agentOf(read('identityagent'), expand),
    hostKeyAlias: read('hostkeyalias'),
    hostKeys: policyOf(read('stricthostkeychecking')),
    jump: given.jump ?? (await jumpOf(read('proxyjump'), config, configFile, depth)),
  };
}

/** ProxyJump: a list of hops, the last one nearest to the target; each may be an alias of the same file. */
async function jumpOf(
  value: string | undefined,
  config: SSHConfig,
  configFile: string,
  depth: number,
): Promise<ConfiguredOptions | undefined> {
  if (value === undefined || value === 'none') return undefined;
  if (depth === 8) throw new UserError('bad-config', `The jump hosts in ${configFile} lead round in a circle. Fix its ProxyJump lines.`);
  let through: ConfiguredOptions | undefined;
  for (const hop of value.split(',')) {
    const [, user, host, port] = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:]+)(?::(\d+))?\/?$/.exec(hop.trim()) ?? [];
    if (!host) throw new UserError('bad-config', `"ProxyJump ${value}" in ${configFile} is not a list of [user@]host[:port].`);
    const given = { user, port: port === undefined ? undefined : Number(port), jump: through };
    through = await resolve(host.replace(/^\[|\]$/g, ''), given, config, configFile, depth + 1);
  }
  return through;
}

function policyOf(value: string | undefined): HostKeyPolicy | undefined {
  switch (value?.toLowerCase()) {
    case 'yes':
      return 'strict';
    case 'no':
    case 'off':
      return 'off';
    case 'accept-new':
      return 'accept-new';
    default: // "ask": there is nobody at a terminal to ask
      return undefined;
  }
}

function agentOf(value: string | undefined, expand: (path: string) => string): string | false | undefined {
  if (value === undefined || value === 'SSH_AUTH_SOCK') return undefined;
  if (value === 'none') return false;
  return value.startsWith('$') ? process.env[value.slice(1).replace(/[{}]/g, '')] : expand(value);
}

/** The first key file that exists; when none does the first named, so that the error speaks of it. */
async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  const named = paths.filter((path) => path !== 'none');
  for (const path of named) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return named[0];
}

function aliasPatterns(config: SSHConfig): string[] {
  return config.flatMap((line) => {
    if (!('param' in line) || line.param.toLowerCase() !== 'host') return [];
    return typeof line.value === 'string' ? [line.value] : line.value.map(({ val }) => val);
  });
}

function matches(pattern: string, alias: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'i').test(alias);
}

async function readConfig(file: string): Promise<SSHConfig> {
  try {
    return SSHConfig.parse((await expandIncludes(file, 0)).join('\n'));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('bad-config', `${file} cannot be understood: ${(error as Error).message}.`, { cause: error });
  }
}

/**
 * The lines of a file with those of included ones in their place. After them the block that held the Include goes on, as
 * in OpenSSH. Lines that would make the library run a program are left out.
 */
async function expandIncludes(file: string, depth: number): Promise<readonly string[]> {
  if (depth > deepestInclude) throw new UserError('bad-config', `${file} includes itself. Fix its Include lines.`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines: string[] = [];
  let block = 'Host *';
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*canonicalizehostname\b/i.test(line)) continue; // would look names up
    if (/^\s*(host|match)\b/i.test(line)) block = line;
    const include = /^\s*include[\s=]+(.*)$/i.exec(line);
    if (!include) {
      lines.push(line);
      continue;
    }
    for (const [, quoted, plain] of (include[1] ?? '').matchAll(/"([^"]*)"|(\S+)/g)) {
      for (const path of await globFiles(quoted ?? plain ?? '')) lines.push(...(await expandIncludes(path, depth + 1)), block);
    }
  }
  return lines;
}

/** Files a pattern names; `*` and `?` in the last part only, as ssh_config's own examples have it. Relative ones start in ~/.ssh. */
async function globFiles(pattern: string): Promise<readonly string[]> {
  const expanded = expandHome(pattern);
  const path = isAbsolute(expanded) ? expanded : join(homedir(), '.ssh', expanded);
  if (!/[*?]/.test(basename(path))) return [path];
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => matches(basename(path), name) && !name.startsWith('.'))
    .sort()
    .map((name) => join(dirname(path), name));
}
