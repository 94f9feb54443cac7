/** Prefixes as published by Hugging Face (`hf_`), OpenAI (`sk-`), RunPod (`rpa_`), GitHub (`ghp_`, `github_pat_`), GitLab (`glpat-`), Slack (`xoxb-`), AWS (`AKIA`, `ASIA`). */
const prefixed = /\b(hf_|sk-(?:proj-|ant-)?|rpa_|gh[opsu]_|github_pat_|glpat-|xox[abp]-|A[KS]IA)[A-Za-z0-9_-]{12,}/g;

/** From its first line to its last, or to the end of what was printed. */
const privateKey = /(-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----)(?!\*\*\*)[\s\S]*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----|$)/g;

/** `Authorization: Bearer …`, `'Authorization': 'Basic …'`. */
const authorization = /\b(authorization["']?[ \t]*[:=][ \t]*["']?(?:bearer|basic|token)[ \t]+)[^\s"',;*]{4,}/gi;

/** `https://user:password@host`. */
const credentials = /(:\/\/[^\s:@/]{1,100}:)[^\s@/*]{3,200}(?=@)/g;

/** `wandb login …`, and a line of .netrc: nothing says what they hold but the words before. */
const login =
  /\b((?:wandb|huggingface-cli|hf auth)[ \t]+login[ \t]+(?:--relogin[ \t]+)?|login[ \t]+\S{1,100}[ \t]+password[ \t]+)[A-Za-z0-9_-]{20,}/g;

/**
 * `NAME=value`, `"name": "value"`, `--name value`, where the name may say that it is a secret; isSecret() decides. Lengths are bounded, so that any input is done in time.
 */
const assignment =
  /(?<![\w-])((?:--)?[A-Za-z0-9_-]{0,80}?(?:key|token|secret|password|passwd|passphrase))(?<between>\\?["']?[ \t]{0,9}[=:][ \t]{0,9}|[ \t]{1,9}(?<=[\s"']--[\w-]{1,100}[ \t]{1,9}))(?:(?<quote>\\?["'])(?<quoted>[^"'\\\n*][^"'\\\n]{3,4000})|(?<bare>[^\s"'`*-][^\s"'`]{3,4000}))/gi;

/** Words before `key` or `token` that leave no doubt; others, as in `pad_token` and `sort_key`, are mostly something else. */
const telling = new Set(
  'api access secret auth private client session refresh bearer hf hub huggingface wandb openai anthropic github gitlab aws azure gcp google runpod ngrok comet neptune ssh encryption signing'.split(
    ' ',
  ),
);
const alwaysSecret = new Set(['secret', 'password', 'passwd', 'passphrase', 'apikey']);

/**
 * Secrets that programs print, masked in anything saved locally or handed to an agent: those that are known by how they begin, private keys, what is sent to log in, and
 * assignments to variables whose name says what they hold. The name and the first characters stay, so that one can tell which secret it was.
 */
export function maskSecrets(text: string): string {
  return maskAssignments(
    text
      .replace(privateKey, '$1***')
      .replace(prefixed, '$1***')
      .replace(authorization, '$1***')
      .replace(credentials, '$1***')
      .replace(login, '$1***'),
  );
}

function maskAssignments(text: string): string {
  const pattern = new RegExp(assignment);
  let masked = '';
  let done = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, name = ''] = match;
    const { between = '', quote = '', quoted, bare = '' } = match.groups ?? {};
    const value = quoted ?? bare.replace(/[,;)}\]]+$/, '');
    const valueAt = match.index + name.length + between.length + quote.length;
    // What is no secret itself may hold one.
    pattern.lastIndex = valueAt;
    if (!isSecret(name, value, quoted !== undefined)) continue;
    masked += `${text.slice(done, valueAt)}***`;
    done = valueAt + value.length;
    pattern.lastIndex = done;
  }
  return masked + text.slice(done);
}

function isSecret(name: string, value: string, isQuoted: boolean): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_-]+/)
    .filter(Boolean);
  const [before, last = ''] = [words.at(-2), words.at(-1)];
  const isShouted = name === name.toUpperCase();
  const isSure = alwaysSecret.has(last);
  if (!isSure && last !== 'key' && last !== 'token') return false;
  // Masked already; another variable; a place for one; a call; nothing.
  if (value.length < 4 || value.includes('***') || /^[$<[{(%]|^\w[\w.]*[([]|^(?:true|false|none|null)$/i.test(value)) return false;
  if (isSure) return true;
  if (/^[\d.,_e+-]{1,9}$/i.test(value)) return false;
  if (isShouted && before !== undefined) return !/^[A-Z_]+$/.test(value);
  const looksRandom = /^[A-Za-z0-9_./+=~-]{16,}$/.test(value) && /[A-Za-z]/.test(value) && /\d/.test(value);
  if (before === undefined) return last === 'token' && looksRandom;
  // Without quotes and digits it is a name in a program.
  return looksRandom || (telling.has(before) && (isQuoted ? !/\s/.test(value) : /\d/.test(value) || value.length >= 20));
}
