import { posix } from 'node:path';
import { UserError } from '../core/errors.ts';

interface Rule {
  readonly expected: string;
  readonly required?: boolean;
  holds(value: unknown): boolean;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && !value.includes('\0');
const path: Rule = { expected: 'a path', holds: isText };
const remotePath: Rule = {
  expected: 'an absolute path on the pod, like /workspace/project',
  holds: (value) => isText(value) && posix.isAbsolute(value),
};

const rules: Readonly<Record<string, Rule>> = {
  host: {
    expected: 'the name or IP address of the machine alone, like 213.173.98.12',
    required: true,
    holds: (value) => isText(value) && /^[^\s@/]+$/.test(value),
  },
  port: {
    expected: 'a whole number from 1 to 65535',
    holds: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535,
  },
  user: { expected: 'a name, like root', holds: (value) => isText(value) && !/[\s@]/.test(value) },
  identityFile: { expected: 'the path of a private key', holds: isText },
  hostKeys: { expected: '"accept-new", "strict" or "off"', holds: (value) => ['accept-new', 'strict', 'off'].includes(value as string) },
  remoteRoot: remotePath,
  workspace: remotePath,
  projectRoot: path,
  home: path,
};

/**
 * Checks where a script says that its pod is: what it passes may never have seen a type checker.
 *
 * @throws UserError 'bad-argument' for the first option that cannot be.
 */
export function checkAddress(options: object): void {
  for (const [name, rule] of Object.entries(rules)) {
    const value: unknown = (options as Readonly<Record<string, unknown>>)[name];
    if (value === undefined ? !rule.required : rule.holds(value)) continue;
    const got = value === undefined ? 'and it is missing' : `not ${JSON.stringify(value)}`;
    throw new UserError('bad-argument', `The option ${name} must be ${rule.expected}, ${got}.`, { details: { option: name } });
  }
}
