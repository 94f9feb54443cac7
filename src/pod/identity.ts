import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { utils } from 'ssh2';
import type { AnyAuthMethod } from 'ssh2';
import { UserError } from '../core/errors.ts';
import type { PodOptions } from './pod.ts';

/** The names that ssh(1) tries under IdentityFile's default, those ssh2 can read. */
const usualNames = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** One thing to show the server, made ready only when its turn comes: a passphrase is asked for only if needed. */
export interface Credential {
  /** For "these keys were refused": a path, or "the SSH agent". */
  readonly label: string;
  prepare(): Promise<AnyAuthMethod>;
}

export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') || path.startsWith('~\\') ? join(homedir(), path.slice(1)) : path;
}

/**
 * What to offer, in order. A named key file goes first, unless it is encrypted and there is an agent, which may hold it
 * unlocked. Without one: the agent, then the usual names in ~/.ssh.
 *
 * @throws UserError 'key-missing', 'key-permissions', or 'bad-argument' for a file that is no private key.
 */
export async function credentialsFor(options: PodOptions): Promise<readonly Credential[]> {
  const user = options.user ?? 'root';
  const agentPath = findAgent(options.agent);
  const agent: Credential[] = agentPath
    ? [{ label: 'the SSH agent', prepare: async () => ({ type: 'agent', username: user, agent: agentPath }) }]
    : [];
  if (options.identityFile !== undefined) {
    const path = expandHome(options.identityFile);
    const file = await readKeyFile(path);
    const credential = keyFileCredential(path, file, user, options.askPassphrase);
    return file.encrypted ? [...agent, credential] : [credential, ...agent];
  }
  const files: Credential[] = [];
  for (const name of usualNames) {
    const path = join(homedir(), '.ssh', name);
    const file = await readKeyFile(path).catch(() => undefined);
    // Without a way to ask, an encrypted key nobody named is passed over, as ssh does in batch mode.
    if (file && (!file.encrypted || options.askPassphrase)) files.push(keyFileCredential(path, file, user, options.askPassphrase));
  }
  const all = [...agent, ...files];
  if (all.length > 0) return all;
  throw new UserError(
    'key-missing',
    `There is no SSH key to show to ${options.host}: no identity file is set, no SSH agent is running, and ~/.ssh has none of ${usualNames.join(', ')}. ` +
      'Make one with `ssh-keygen -t ed25519`, add its .pub line to your RunPod account settings under "SSH public keys", and recreate or restart the pod.',
  );
}

function findAgent(agent: string | false | undefined): string | undefined {
  if (agent === false) return undefined;
  if (agent !== undefined) return expandHome(agent);
  return process.env.SSH_AUTH_SOCK ?? (process.platform === 'win32' ? '\\\\.\\pipe\\openssh-ssh-agent' : undefined);
}

interface KeyFile {
  readonly content: Buffer;
  readonly encrypted: boolean;
}

async function readKeyFile(path: string): Promise<KeyFile> {
  let content: Buffer;
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw new UserError('key-missing', `${path} is a folder, not a private key. Name the key file in it.`);
    // Same rule as ssh(1): a private key that others can read is no longer private. Windows has other means.
    if (process.platform !== 'win32' && (facts.mode & 0o077) !== 0 && (process.getuid === undefined || facts.uid === process.getuid())) {
      throw new UserError(
        'key-permissions',
        `The private key ${path} can be read by others (mode ${(facts.mode & 0o777).toString(8)}). Run \`chmod 600 ${path}\` and try again.`,
        {
          details: { path },
        },
      );
    }
    content = await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'cannot be read by you' : `cannot be read (${(error as Error).message})`;
    throw new UserError(
      'key-missing',
      `The private key ${path} ${why}. Check "identityFile" of this pod, or make a key with \`ssh-keygen -t ed25519\`.`,
      { cause: error, details: { path } },
    );
  }
  const text = content.toString('latin1');
  if (/^PuTTY-User-Key-File-/.test(text)) {
    throw new UserError(
      'bad-argument',
      `${path} is a PuTTY key. Convert it in PuTTYgen with "Conversions > Export OpenSSH key" and use the new file.`,
      { details: { path } },
    );
  }
  if (/^\s*(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]+|BEGIN (SSH2 )?PUBLIC KEY/.test(text)) {
    throw new UserError('bad-argument', `${path} is a public key. Name the private one beside it, usually the same name without ".pub".`, {
      details: { path },
    });
  }
  const parsed = utils.parseKey(content);
  if (!(parsed instanceof Error)) return { content, encrypted: false };
  if (/passphrase|encrypted/i.test(parsed.message)) return { content, encrypted: true };
  throw new UserError(
    'bad-argument',
    `${path} is not a private key that can be used here (${parsed.message}). An OpenSSH key made by \`ssh-keygen -t ed25519\` works.`,
    { details: { path } },
  );
}

function keyFileCredential(path: string, file: KeyFile, user: string, ask: PodOptions['askPassphrase']): Credential {
  return {
    label: path,
    async prepare() {
      if (!file.encrypted) return { type: 'publickey', username: user, key: file.content };
      for (let attempt = 0; attempt < 3; attempt++) {
        const passphrase = await ask?.(path, attempt > 0);
        if (passphrase === undefined) {
          throw new UserError(
            'key-passphrase',
            `The private key ${path} is protected by a passphrase. Enter it when asked, or add the key to your SSH agent with \`ssh-add ${path}\`.`,
            {
              details: { path },
            },
          );
        }
        const parsed = utils.parseKey(file.content, passphrase);
        if (!(parsed instanceof Error)) return { type: 'publickey', username: user, key: file.content, passphrase };
      }
      throw new UserError(
        'key-passphrase',
        `That is not the passphrase of ${path}. Try again, or add the key to your SSH agent with \`ssh-add ${path}\`.`,
        { details: { path } },
      );
    },
  };
}
