import type { z } from 'zod';
import { type JsonSchema, jsonSchemaOf } from './jsonSchema.ts';

/** What is wrong with a value that zod refused, in plain words: `expected a whole number from 1 to 65535, got "abc"`. */
export function complaint(issue: z.core.$ZodIssue, schema: z.ZodType, given: unknown): string {
  if (issue.code === 'custom') return issue.message;
  const path = issue.path as (string | number)[];
  const value = path.reduce<unknown>((at, step) => (at as Record<string | number, unknown> | null | undefined)?.[step], given);
  const wanted = issue.code === 'invalid_format' ? issue.message : expectation(schemaAt(jsonSchemaOf(schema), path));
  return value === undefined ? `is missing; expected ${wanted}` : `expected ${wanted}, got ${shorten(JSON.stringify(value))}`;
}

export function shorten(text: string): string {
  return text.length > 60 ? text.slice(0, 57) + '...' : text;
}

/** The schemas that a value at this path may follow (several below a union). */
export function schemaAt(schema: JsonSchema, path: readonly (string | number)[]): JsonSchema[] {
  let options: JsonSchema[] = flatten(schema);
  for (const step of path) {
    options = options.flatMap((option) => {
      const below = typeof step === 'number' ? option.items : (option.properties?.[step] ?? option.additionalProperties);
      return typeof below === 'object' && !Array.isArray(below) ? flatten(below) : [];
    });
  }
  return options;
}

function flatten(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap((option) => (typeof option === 'object' ? flatten(option) : []));
}

/** What is wanted where a value may follow any of these schemas, in words: `a whole number from 1 to 65535`. */
export function expectation(schemas: readonly JsonSchema[]): string {
  return [...new Set(schemas.map(phrase))].join(' or ') || 'another value';
}

function phrase(schema: JsonSchema): string {
  if (schema.enum !== undefined) return `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`;
  switch (schema.type) {
    case 'integer':
    case 'number': {
      const noun = schema.type === 'integer' ? 'a whole number' : 'a number';
      const { minimum, maximum, exclusiveMinimum } = schema;
      if (exclusiveMinimum !== undefined) return `${noun} > ${exclusiveMinimum}${maximum === undefined ? '' : `, at most ${maximum}`}`;
      if (minimum !== undefined && maximum !== undefined) return `${noun} from ${minimum} to ${maximum}`;
      if (minimum !== undefined) return `${noun} >= ${minimum}`;
      return maximum === undefined ? noun : `${noun} <= ${maximum}`;
    }
    case 'string':
      if (schema.maxLength !== undefined) return `a string of at most ${schema.maxLength} characters`;
      return (schema.minLength ?? 0) > 0 ? 'a string that is not empty' : 'a string';
    case 'boolean':
      return 'true or false';
    case 'array':
      return (schema.minItems ?? 0) > 0 ? 'a list [...] with at least one entry' : 'a list [...]';
    case 'object':
      return schema.required === undefined ? 'an object {...}' : `an object with ${schema.required.map((key) => `"${key}"`).join(', ')}`;
    default:
      return 'another value';
  }
}
