import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { quoteAll } from '../core/shell.ts';
import type { Operation } from '../operations/operation.ts';
import { complaint } from '../project/expectation.ts';

/** One input field as the command line shows it: a positional or a flag, derived from the record's schema. */
export interface Field {
  readonly name: string;
  /** kebab-case, without dashes. */
  readonly flag: string;
  readonly kind: 'string' | 'number' | 'integer' | 'boolean';
  readonly many: boolean;
  readonly choices: readonly string[] | undefined;
  readonly required: boolean;
  readonly fallback: unknown;
  readonly description: string;
}

/** What is used of zod's JSON schema. */
interface PropertySchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly items?: PropertySchema;
  readonly default?: unknown;
  readonly description?: string;
}

/** Fields in the order of the schema. */
export function fieldsOf(record: Pick<Operation, 'input' | 'name'>): Field[] {
  const schema = z.toJSONSchema(record.input, { io: 'input' }) as {
    readonly properties?: Readonly<Record<string, PropertySchema>>;
    readonly required?: readonly string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const many = property.type === 'array';
    const item = many ? (property.items ?? {}) : property;
    const choices = item.enum?.filter((choice) => typeof choice === 'string');
    const kind = item.type ?? (choices ? 'string' : undefined);
    if (kind !== 'string' && kind !== 'number' && kind !== 'integer' && kind !== 'boolean')
      throw new Error(`${record.name}: the command line has no form for the field "${name}".`);
    return {
      name,
      flag: kebab(name),
      kind,
      many,
      choices,
      required: schema.required?.includes(name) ?? false,
      fallback: property.default,
      description: property.description ?? '',
    };
  });
}

export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => '-' + letter.toLowerCase());
}

/** What a person typed for one field as its value; `text` may be several words of one line. */
export function valueOf(field: Field, text: string): string | number | boolean {
  if (field.kind === 'boolean') return text === 'true';
  if (field.kind === 'string') return text;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(number))
    throw new UserError(
      'bad-argument',
      `${label(field)} takes ${field.kind === 'integer' ? 'a whole number' : 'a number'}, not ${JSON.stringify(text)}.`,
    );
  return number;
}

/** A line of words: one as it is, several as arguments that reach the program as they were typed. */
export function lineOf(words: readonly string[]): string {
  return words.length === 1 ? (words[0] ?? '') : quoteAll(words);
}

/** Values -> the record's input, defaults filled in. @throws UserError 'bad-argument' naming the flag. */
export function parseInput(
  record: Operation,
  fields: readonly Field[],
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const parsed = record.input.safeParse(values);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.map((issue) => {
    const field = fields.find(({ name }) => name === issue.path[0]);
    if (!field) return issue.message;
    const name = record.positional?.includes(field.name) ? field.name.toUpperCase() : label(field);
    return values[field.name] === undefined ? `${name} is missing` : `${name}: ${complaint(issue, record.input, values)}`;
  });
  throw new UserError('bad-argument', `${sentences.join('; ')}. \`rpo ${record.name} --help\` tells more.`);
}

function label(field: Field): string {
  return `--${field.flag}`;
}
