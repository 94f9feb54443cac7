import { isIP, isIPv6 } from 'node:net';
import { UserError } from '../core/errors.ts';
import { isRunpodProxy, proxyAdvice } from '../core/runpodProxy.ts';
import type { PodEntry } from './schema.ts';

/** What a pasted SSH line says. */
export interface SshLine {
  readonly entry: PodEntry;
  /** A name for pods.json, made from the address. */
  readonly name: string;
  /** What in it has no place in pods.json, as it was written: `-L 8888:localhost:8888`, the command to run there. */
  readonly ignored: readonly string[];
}

const expected =
  'expected a line like "ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519" (RunPod console: Connect, "SSH over exposed TCP")';

/** ssh(1): the options that take a value. */
const withValue = new Set('BbcDEeFIiJLlmOopQRSWw');

/** How one session looks, which nobody misses. */
const cosmetic = new Set('tTqv');

/**
 * Reads the SSH line that RunPod's console shows, pasted whole: with a prompt before it, spaces and line breaks
 * around it, options on either side of the address, or no more than `user@host:port`. A RunPod pod id does as well, alone or with `-i KEY`.
 *
 * @throws UserError 'interactive-only' for RunPod's proxy `ssh.runpod.io`, 'unsupported' for a jump host,
 *   'bad-argument' for anything else that is no such line.
 */
export function parseSshLine(text: string): SshLine {
  const byId = readPodId(text);
  if (byId) return byId;
  const line = sshLineIn(text);
  const words = splitWords(line);
  if (words === null) throw nonsense(text, 'a quote is not closed');
  const isCommand = words[0] === 'ssh' || /[\\/]ssh(\.exe)?$/.test(words[0] ?? '') || words[0] === 'ssh.exe';
  const { target, options, command } = readWords(isCommand ? words.slice(1) : words, text);

  if (options.has('J') || optionO(options, 'ProxyJump') !== undefined || optionO(options, 'ProxyCommand') !== undefined) {
    throw new UserError(
      'unsupported',
      'A line with a jump host cannot be taken over. Write it as a Host in ~/.ssh/config and add the pod by that name: "ssh NAME".',
    );
  }
  const address = readAddress(target, text);
  const user = address.user ?? options.get('l')?.at(-1) ?? optionO(options, 'User');
  const host = address.host;
  if (isRunpodProxy(host)) {
    const [, id] = /^([a-z0-9]+)-[0-9a-f]+$/.exec(user ?? '') ?? [];
    throw new UserError(
      'interactive-only',
      `${proxyAdvice}${id === undefined ? '' : ` Or give the pod's id alone, ${id}: with a RunPod API key its address is looked up.`}`,
    );
  }
  const portText = options.get('p')?.[0] ?? optionO(options, 'Port') ?? address.port;
  const identityFile = options.get('i')?.[0] ?? optionO(options, 'IdentityFile');
  if (identityFile?.endsWith('.pub')) {
    throw new UserError(
      'bad-argument',
      `${identityFile} is the public half of a key, which belongs on the pod. Name the private key instead: -i ${identityFile.slice(0, -'.pub'.length)}.`,
    );
  }
  const ignored = [...ignoredOptions(options), ...(command === '' ? [] : [`the command \`${command}\``])];

  // `ssh mypod`: a Host of ~/.ssh/config, which knows the rest.
  if (isCommand && user === undefined && portText === undefined && identityFile === undefined && isIP(host) === 0 && !host.includes('.')) {
    return { entry: { sshConfigHost: host }, name: host, ignored };
  }
  if (!isCommand && user === undefined && portText === undefined) throw nonsense(text);
  const port = portText === undefined ? undefined : readPort(portText, text);
  return {
    entry: {
      host,
      ...(port === undefined ? {} : { port }),
      ...(user === undefined ? {} : { user }),
      ...(identityFile === undefined ? {} : { identityFile }),
    },
    name: nameFor(host, port),
    ignored,
  };
}

/** `7h9k2m4n6p`, perhaps with `-i KEY`: lower-case letters and digits, both of them; no address is written so. */
function readPodId(text: string): SshLine | null {
  const [id = '', option, identityFile, ...more] = splitWords(text.trim()) ?? [];
  if (!/^(?=.*\d)(?=.*[a-z])[a-z0-9]{8,24}$/.test(id) || more.length > 0) return null;
  if (option === undefined) return { entry: { podId: id }, name: id, ignored: [] };
  return option === '-i' && identityFile !== undefined ? { entry: { podId: id, identityFile }, name: id, ignored: [] } : null;
}

/** The one line that matters of what was pasted, without prompt; lines continued with a backslash are joined. */
function sshLineIn(text: string): string {
  const lines = text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r\n|\r|\n/)
    // A prompt: `$ `, `# `, `> `, `me@box:~$ `, `PS C:\> `.
    .map((line) => line.trim().replace(/^(?:[^'"]*?[$#%>❯]\s+)(?=(?:\S*[\\/])?ssh(?:\.exe)?\s|\S+@\S+)/u, ''))
    .map((line) => line.replace(/^`+|`+$/g, '').trim())
    .filter((line) => line !== '');
  const found =
    lines.find((line) => /^(?:\S*[\\/])?ssh(?:\.exe)?\s/.test(line)) ?? lines.find((line) => /^\S+@\S+|^ssh:\/\//.test(line)) ?? lines[0];
  if (found === undefined) throw new UserError('bad-argument', `Nothing was pasted; ${expected}.`);
  return found;
}

function readWords(
  words: readonly string[],
  text: string,
): { readonly target: string; readonly options: ReadonlyMap<string, readonly string[]>; readonly command: string } {
  const options = new Map<string, string[]>();
  let target: string | undefined;
  let command = '';
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') continue;
    if (!word.startsWith('-') || word === '-') {
      if (target !== undefined) {
        command = words.slice(index).join(' ');
        break;
      }
      target = word;
      continue;
    }
    // `-tt`, `-p22`, `-p 22`, `-Ap 22`
    for (let at = 1; at < word.length; at++) {
      const option = word[at] ?? '';
      if (!/[A-Za-z0-9]/.test(option)) throw nonsense(text, `${word} is not an option of ssh`);
      if (!withValue.has(option)) {
        options.set(option, []);
        continue;
      }
      const value = word.slice(at + 1) || words[++index];
      if (value === undefined || value === '') throw nonsense(text, `-${option} has no value`);
      options.set(option, [...(options.get(option) ?? []), value]);
      break;
    }
  }
  if (target === undefined) throw nonsense(text, 'there is no address in it');
  return { target, options, command };
}

/** What pods.json has a place for; the first of each counts, as for ssh. */
const takenOver = /^(?:User|Port|IdentityFile)[=\s]/i;

function ignoredOptions(options: ReadonlyMap<string, readonly string[]>): string[] {
  return [...options].flatMap(([option, values]) => {
    if ('pil'.includes(option) || cosmetic.has(option)) return [];
    if (!withValue.has(option)) return [`-${option}`];
    return values.filter((value) => option !== 'o' || !takenOver.test(value.trim())).map((value) => `-${option} ${value}`);
  });
}

function optionO(options: ReadonlyMap<string, readonly string[]>, name: string): string | undefined {
  for (const option of options.get('o') ?? []) {
    const match = /^\s*(\w+)\s*[=\s]\s*(.+?)\s*$/.exec(option);
    if (match?.[1]?.toLowerCase() === name.toLowerCase() && match[2]?.toLowerCase() !== 'none') return match[2];
  }
  return undefined;
}

function readAddress(target: string, text: string): { readonly user?: string; readonly host: string; readonly port?: string } {
  const address = target.replace(/^ssh:\/\//i, '').replace(/\/$/, '');
  const at = address.lastIndexOf('@');
  const user = at < 0 ? undefined : address.slice(0, at);
  const rest = address.slice(at + 1);
  const bracketed = /^\[([^\]]+)\](?::(.+))?$/.exec(rest);
  const plain = isIPv6(rest) ? null : /^([^:]*)(?::(.*))?$/.exec(rest);
  const host = bracketed?.[1] ?? plain?.[1] ?? (isIPv6(rest) ? rest : '');
  const port = bracketed?.[2] ?? plain?.[2];
  if (user !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.$+-]*$/.test(user))
    throw nonsense(text, `${JSON.stringify(user)} is not a user name`);
  if (
    isIP(host) === 0 &&
    !/^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(host)
  ) {
    throw nonsense(text, `${JSON.stringify(host)} is not a host`);
  }
  if (bracketed !== null && !isIPv6(host)) throw nonsense(text, `${JSON.stringify(host)} is not an IPv6 address`);
  // 1.2.3.400 and 1.2.3 look like addresses and are none.
  if (isIP(host) === 0 && /^[\d.]+$/.test(host)) throw nonsense(text, `${host} is not an IP address`);
  return { user, host, port };
}

function readPort(port: string, text: string): number {
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65535) throw nonsense(text, `${JSON.stringify(port)} is not a port from 1 to 65535`);
  return number;
}

function nameFor(host: string, port: number | undefined): string {
  if (isIP(host) === 0) return host.split('.')[0] ?? host;
  return port === undefined ? `pod-${host.replaceAll(/[.:%]+/g, '-').replace(/^-|-$/g, '')}` : `pod-${port}`;
}

/** Words of a shell line: spaces, quotes, backslashes (those of Windows paths stay). Null when a quote is open. */
function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let open: string | null = null;
  for (let index = 0; index < line.length; index++) {
    const char = line[index] ?? '';
    if (open !== null) {
      if (char === open) open = null;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      open = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === '\\' && /[\s'"\\]/.test(line[index + 1] ?? '')) {
      word = (word ?? '') + (line[++index] ?? '');
    } else {
      word = (word ?? '') + char;
    }
  }
  if (open !== null) return null;
  if (word !== null) words.push(word);
  return words;
}

function nonsense(text: string, why?: string): UserError {
  const shown = text.trim().length > 80 ? text.trim().slice(0, 77) + '...' : text.trim();
  return new UserError('bad-argument', `${JSON.stringify(shown)} is not an SSH line${why === undefined ? '' : ` (${why})`}; ${expected}.`);
}
